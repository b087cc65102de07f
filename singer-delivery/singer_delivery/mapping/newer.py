"""What is sent of people and groups: only what is newer than what was sent before.

Destinations apply updates in the order of arrival and do not look at their time, so imported
history would overwrite newer values.
"""

from __future__ import annotations

from collections.abc import Callable

from singer_delivery.model import Fact, Facts


def newer(
    facts: Facts,
    kind: str,
    name: str,
    value: str | Callable[[], str],
    at: int,
    renewed: list[Fact],
) -> Fact | None:
    """Return the fact to remember if content of this digest and time is to be sent, else None.

    Args:
        facts: of the past.
        kind: of the fact.
        name: whom or what it is about.
        value: the digest; or what works it out, which content that is old is spared.
        at: the time of the content in microseconds since 1970.
        renewed: gets the fact when it says again what was sent.
    """
    last = facts.recall(kind, name)
    if last is not None and at < last.at:  # old, whatever it says: as `is_newer` has it
        return None
    fact = Fact(kind, name, value if isinstance(value, str) else value(), at)
    return fact if is_newer(last, fact, renewed) else None


def is_newer(last: Fact | None, fact: Fact, renewed: list[Fact]) -> bool:
    """Tell whether content of this time is to be sent, after what was sent last.

    It is when it differs and is newer. When it is newer and the same, it only renews the last:
    content of a time between the two, read later, is then old. Of two different contents of the
    same microsecond the greater digest wins, whichever is read first: so a second run decides as
    the first did.
    """
    if last is None:
        return True
    if fact.at < last.at or (fact.at == last.at and fact.value <= last.value):
        return False
    if fact.value == last.value:
        renewed.append(fact)
        return False
    return True
