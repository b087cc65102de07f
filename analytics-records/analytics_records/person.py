"""By which id a source knows the person of a record, for samples of people. Pure.

It must be the same for all records of a person, at every destination and in every run. So the
record alone says it, and no ledger: the source's own id of the person, else the user, else the
device. Ids that stand for nobody are passed over.
"""

from __future__ import annotations

from typing import Any

from singer_delivery.mapping.values import clean_id

from analytics_records.nobody import stands_for_nobody


def person_of(*ids: Any) -> tuple[str, ...]:
    """Return the first of some ids that stands for somebody, as text; nothing where none does.

    Raises:
        Unmappable: one before it is a number whose digits are lost (`inexact_id`).
    """
    for value in ids:
        found = clean_id(value)
        if found is not None and not stands_for_nobody(found):
            return (found,)
    return ()
