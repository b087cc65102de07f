"""What decisions need of a row of Mixpanel's export."""

from __future__ import annotations

from singer_delivery.mapping.observation import Observation


class Seen(Observation, gc=False):
    """What decisions need of a row; its order key is that of `row.OrderKey`.

    Attributes:
        distinct: its `distinct_id`, as it stands there, or None.
        before: the id under which the event came, where Mixpanel has changed it, likewise.
        is_simplified: whether the project is known to have Simplified ID Merge.
        stored: when Mixpanel's API received it and when it stored it, in milliseconds; 0 where it
            does not say.
        uuid: of the row; empty where it came without one and no decision needs it.
        joins: the ids that it joins, when it is a row that joins ids and was not refused.
        identified: which of them it names as a user's; None for none.
        is_verb: whether it is such a row, refused or not.
        content: stands for a row without an id of its own; empty for others.
    """

    distinct: str | None = None
    before: str | None = None
    is_simplified: bool = False
    stored: tuple[int, int] = (0, 0)
    uuid: str = ""
    joins: tuple[str, ...] = ()
    identified: str | None = None
    is_verb: bool = False
    content: str = ""

    @property
    def since(self) -> tuple[int, str]:
        """The order key of the row, as facts have it."""
        received, processed = self.stored
        has_user = self.user is not None
        return self.received, f"{has_user:d}{received:013x}{processed:013x}{self.uuid}"
