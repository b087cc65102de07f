"""What is decided of a record, whatever its source."""

from __future__ import annotations

from functools import lru_cache

from singer_delivery.mapping.pair import PairDecision
from singer_delivery.model import Delivery

from target_amplitude.amplitude import device_key, user_key


class AmplitudeDecision(PairDecision, array_like=True, gc=False):
    """What is decided of a record.

    Attributes:
        sends_event: whether an event is sent.
        insert_id: of the event, where it is not the record's own.
        event_id: by which the list of deliveries knows the event, whenever it is read.
        dedup_key: by which Amplitude knows it for seven days, where that is another one.
        inherited: operations, as JSON, by which the user gets what is known of the device that is
            theirs from now on; empty for none.
        whose: the person whose state is sent, as the source names them; empty for nobody.
        profile: what is copied on the event of its person, as JSON; empty for nothing.
        state: digest of the state of the person that is sent; empty when none is.
        since: the order key of what is sent of the person, or of groups.
        cleared: names of properties that are taken away because all are.
        groups: which of the record's snapshots of groups are sent, by their number.
        groups_at_once: which of them are sent before the event; the others when the run ends.
        created: the time of the person's creation event, in microseconds; 0 for no event.
        creation: the value of the fact that it was sent.
    """

    sends_event: bool = False
    insert_id: str = ""
    event_id: str = ""
    dedup_key: str = ""
    inherited: str = ""
    whose: str = ""
    profile: str = ""
    state: str = ""
    since: tuple[int, str] = (0, "")
    cleared: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    groups_at_once: tuple[int, ...] = ()
    created: int = 0
    creation: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The user and the device, for Amplitude's limits of one id."""
        return _ids(self.user, self.device)

    @property
    def delivery(self) -> Delivery | None:
        """How the list of deliveries knows the event."""
        if not self.event_id:
            return None
        event_id = f"{self.event_id}#{self.copy}" if self.copy else self.event_id
        return _delivery(event_id, self.at)

    @property
    def also_known(self) -> Delivery | None:
        """How the list knows the key of Amplitude's own deduplication."""
        return _delivery(self.dedup_key, self.at) if self.dedup_key else None


# Asked for when an event is decided, and when it is delivered: about 2 MB.
_delivery = lru_cache(8192)(Delivery.of)


@lru_cache(8192)
def _ids(user: str | None, device: str | None) -> tuple[str, ...]:
    """Return what is asked for every event of a request."""
    ids = () if user is None else (user_key(user),)
    return ids if device is None else (*ids, device_key(device))
