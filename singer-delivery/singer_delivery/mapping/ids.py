"""Ids as a destination takes them: never one that stands for nobody, never too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from singer_delivery.mapping.values import clean_id
from singer_delivery.model import Note


class IdRules(NamedTuple):
    """What a destination makes of ids.

    Attributes:
        is_illegal: whether an id stands for nobody there.
        fitted: the id in the length that is neither cut nor dropped there; itself when it fits.
    """

    is_illegal: Callable[[str], bool]
    fitted: Callable[[str], str]


def known_id(value: Any, column: str, notes: list[Note], rules: IdRules) -> str | None:
    """Return an id, trimmed and fitted; None when it is none or stands for nobody.

    Args:
        value: the id as a record has it.
        column: that holds it, for the notes.
        notes: what happened to it is added.
        rules: what the destination makes of ids.
    """
    found = value.strip() if type(value) is str else clean_id(value)
    if not found:
        return None
    if rules.is_illegal(found):
        notes.append(Note(f"illegal_{column}", found))
        return None
    fitted = rules.fitted(found)
    if fitted is not found:
        notes.append(Note("long_id", column))
    return fitted
