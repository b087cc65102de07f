"""What is told of people and groups: only what is newer than what was told before.

Destinations apply updates in the order of arrival and do not look at their time, so imported
history would overwrite newer values.
"""

from __future__ import annotations

from singer_delivery.events import Fact


def is_news(last: Fact | None, fact: Fact, renewed: list[Fact]) -> bool:
    """Tell whether content of this time is to be told, after what was told last.

    It is when it differs and is newer. When it is newer and the same, it only renews what was told:
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
