"""What is decided of a record before it is mapped to Mixpanel."""

from __future__ import annotations

from singer_delivery.mapping.pair import PairDecision


class MixpanelDecision(PairDecision, array_like=True, gc=False):
    """What is decided of a record; an update is sent only when it is news.

    Attributes:
        sends_event: whether an event is sent.
        state: digest of the state of the person that is sent; empty when none is.
        first: digest of the first attribution that is sent; empty when none is.
        is_partial: whether the state is a part, to be laid over what was sent before.
        groups: which of the record's snapshots of groups are sent, by their number.
    """

    sends_event: bool = False
    state: str = ""
    first: str = ""
    is_partial: bool = False
    groups: tuple[int, ...] = ()
