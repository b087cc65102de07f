"""What is told of people and groups: only what is newer than what was told before.

Destinations apply updates in the order of arrival and do not look at their time, so imported
history would overwrite newer values.
"""

from __future__ import annotations

from singer_delivery.events import Fact, Known


def is_news(last: Fact | None, fact: Fact, renewed: list[Fact]) -> bool:
    """Tell whether content of this time is to be told, after what was told last.

    It is when it differs and is newer. When it is newer and the same, it only renews what was told:
    content of a time between the two, read later, is then old. Of two different contents of the
    same microsecond the greater digest wins, whichever is read first: so a second run decides as
    the first did.
    """
    if last is None:
        return True
    if _is_old(last, fact.value, fact.at):
        return False
    if fact.value == last.value:
        renewed.append(fact)
        return False
    return True


def news(
    known: Known, kind: str, name: str, value: str, at: int, renewed: list[Fact]
) -> Fact | None:
    """Return the fact to remember if content of this digest and time is to be told, else None."""
    last = known.last_told(kind, name, value, at)
    if last is not None and _is_old(last, value, at):  # often, and then no fact is needed
        return None
    fact = Fact(kind, name, value, at)
    return fact if is_news(last, fact, renewed) else None


def _is_old(last: Fact, value: str, at: int) -> bool:
    return at < last.at or (at == last.at and value <= last.value)
