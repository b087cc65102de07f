"""Under which ids a copied row is sent: by how the source merges ids, and how the destination does.

What an id was sent as is a claim: an identity event that comes later makes a link, and changes no
row that was sent. Simplified ID Merge keeps the first user of a device for ever, so a device has
one owner here: see `target_mixpanel.links`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from analytics_records.mixpanel.ids import looks_generated
from analytics_records.mixpanel.whose import BareIds
from analytics_records.nobody import besides
from singer_delivery.mapping.identity import Ids, Link, Who, Whose
from singer_delivery.mapping.observation import NO_GROUPS, NOTHING, Observation
from singer_delivery.model import Effects, Fact, Facts, Note

from target_mixpanel.from_mixpanel.clusters import Clusters
from target_mixpanel.from_mixpanel.rows import EventRow
from target_mixpanel.mixpanel import IDS, fitted_id, is_illegal_id
from target_mixpanel.settings import IdentityMerge

AS_DEVICE, AS_USER = "device", "user:"
"""What an id was sent as: a device, or the user behind the colon."""

OUT_OF_RANGE = "link_out_of_range"

MOST_MISSED = 200_000
"""Devices without a link that are counted; about 40 MB."""


class Recalls(Protocol):
    """The facts of the past, such as the ledger."""

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known; else None."""


@dataclass(slots=True)
class Sent:
    """The ids that a row is sent under.

    Attributes:
        person: whose order it keeps.
        user: its user.
        device: its device; beside a user only one that is the user's.
        distinct_id: under Original ID Merge, whose it is.
        own_user: the row's own id of its user, where it goes to another.
        due: the link between the two, if it is to be made.
        earlier: the link of an id that was sent as a device's before a row named it as a user's.
    """

    person: str = ""
    user: str | None = None
    device: str | None = None
    distinct_id: str = ""
    own_user: str | None = None
    due: Link | None = None
    earlier: Link | None = None


class Unlinked:
    """Counts devices that Mixpanel has given to a user whom no row links them to."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}

    def miss(self, device: str, owner: str) -> None:
        """Note a device whose link no row has shown so far."""
        if len(self._owners) < MOST_MISSED:
            self._owners[device] = owner

    def count(self, facts: Recalls) -> int:
        """Return how many are still without it, now that all rows are read."""
        known = ((facts.recall("owner", each), owner) for each, owner in self._owners.items())
        return sum(1 for fact, owner in known if fact is None or fact.value != owner)


class CopiedIds:
    """Decides the ids of rows, and remembers by claims what ids were sent as.

    Facts, beside those of `Whose` and `Clusters`: `sent_as`, id -> "device", or "user:" and the
    user; of ids that nothing in their row tells.

    Args:
        merge: how the destination merges ids.
        bare: what an id is that nothing tells.
        unlinked: counts devices without their link.
    """

    def __init__(
        self, merge: IdentityMerge, bare: BareIds, unlinked: Unlinked | None = None
    ) -> None:
        self._unlinked = unlinked or Unlinked()
        self._is_simplified, self._bare = merge == "simplified", bare
        self._ids = Ids(besides(IDS))
        self._whose = Whose("mixpanel", links=True, apart=self._is_simplified)

    def sent(self, row: EventRow, facts: Facts, effects: Effects) -> Sent:
        """Return the ids of a row that is an event."""
        if not self._is_simplified and not _is_simplified(row):
            return self._as_ingested(row, effects.notes)
        seen = observation(row)
        if row.mode == "simplified":
            who, own_user = self._of_simplified(row, effects.notes), None
        else:
            who, own_user = self._of_original(row, seen, facts, effects)
        made = self._owned(who, seen, facts, effects)
        made.own_user = own_user
        made.earlier = self._earlier(own_user or who.user, made, seen, facts, effects)
        owner = row.owner_now
        if owner is not None and who.device is not None and self._is_simplified:
            known = facts.recall("owner", who.device)
            if known is None or known.value != owner:
                self._unlinked.miss(who.device, owner)
        return made

    def joined(
        self,
        ids: tuple[str, str],
        identified: str | None,
        row: EventRow,
        facts: Facts,
        effects: Effects,
    ) -> Sent | None:
        """Take note of what an identity event joins; return the link that it makes, if it does.

        Of two users nothing can be linked under Simplified ID Merge, and of two devices nothing is.
        """
        seen = observation(row)
        clusters = Clusters(seen, facts, effects)
        clusters.join(ids, identified)
        if not self._is_simplified:
            return None
        user = clusters.user_of(ids[0])
        sent_as = {id_: self._sent_as(id_, clusters, facts) for id_ in ids}
        if user is None:
            user = next((id_ for id_, kind in sent_as.items() if kind != AS_DEVICE), None)
        devices = [id_ for id_, kind in sent_as.items() if kind == AS_DEVICE and id_ != user]
        if user is None or len(devices) != 1:
            self._count_apart(sent_as, facts, effects.notes)
            return None
        (device,) = devices
        for id_, kind in ((device, AS_DEVICE), (user, f"{AS_USER}{user}")):
            _claim(id_, kind, seen, facts, effects)
        who = self._ids.who(user, device, effects.notes)
        return None if None in who[:2] else self._owned(who, seen, facts, effects)

    def _earlier(
        self, own: str | None, made: Sent, seen: Observation, facts: Facts, effects: Effects
    ) -> Link | None:
        """Return the link of a user's id to the user, where it was sent as a device's before."""
        claimed = None if own is None else facts.recall("sent_as", own)
        if claimed is None or claimed.value != AS_DEVICE or made.user is None:
            return None
        return self._owned(Who(made.user, own, made.user), seen, facts, effects).due

    def _count_apart(self, sent_as: Mapping[str, str], facts: Facts, notes: list[Note]) -> None:
        """Count two ids of one person that were sent as two users."""
        known = (facts.recall("sent_as", id_) for id_ in sent_as)
        users = {fact.value for fact in known if fact is not None and fact.value != AS_DEVICE}
        if len(users) > 1:
            notes.append(Note("sent_apart"))

    def _as_ingested(self, row: EventRow, notes: list[Note]) -> Sent:
        """Return the one id of a row that goes from Original ID Merge to Original ID Merge."""
        id_ = row.ingested
        id_ = None if id_ is None or is_illegal_id(id_) else fitted_id(id_)
        user, device, _ = self._ids.who(row.user, row.device, notes)
        return Sent(id_ or "", user, device, id_ or "")

    def _of_simplified(self, row: EventRow, notes: list[Note]) -> Who:
        """Return the ids of a row as it came to a project with Simplified ID Merge."""
        user, device = row.user, row.device
        if user is None and device is None:
            user, device = (None, row.bare) if row.came_as_device else (row.bare, None)
        return self._ids.who(user, device, notes)

    def _of_original(
        self, row: EventRow, seen: Observation, facts: Facts, effects: Effects
    ) -> tuple[Who, str | None]:
        """Return the ids of another row, and its own user where it goes to another one."""
        notes, clusters = effects.notes, Clusters(seen, facts, effects)
        own, device, _ = self._ids.who(row.user, row.device, notes)
        bare = self._ids.who(row.bare, None, [])[0]
        if bare is not None and bare != own:
            kind = self._kind(bare, row, seen, clusters, facts, effects)
            if kind == AS_DEVICE:
                device = bare  # identity events link this one
            elif own is None:
                own = bare
        if own is None:
            return Who(None, device, device or ""), None
        user = self._goes_by(own, seen, clusters, facts, effects)
        if device is not None and clusters.is_user(device) and device != bare:
            device = None
        return Who(user, device, user), own if own != user else None

    def _goes_by(
        self, own: str, seen: Observation, clusters: Clusters, facts: Facts, effects: Effects
    ) -> str:
        """Return the user that a user of a row goes by: the first of the cluster."""
        claimed = facts.recall("sent_as", own)
        user = clusters.name_user(own)
        if claimed is not None and claimed.value.startswith(AS_USER):
            user = claimed.value.removeprefix(AS_USER)
        elif claimed is None:
            _claim(own, f"{AS_USER}{user}", seen, facts, effects)
        if user != own:
            effects.notes.append(Note("several_user_ids", f"{own} went to {user}"))
        return user

    def _kind(
        self,
        id_: str,
        row: EventRow,
        seen: Observation,
        clusters: Clusters,
        facts: Facts,
        effects: Effects,
    ) -> str:
        """Return what a bare id is sent as, and claim it."""
        claimed = facts.recall("sent_as", id_)
        if claimed is not None:
            return claimed.value
        if row.came_as_device or id_ == row.device:
            kind = AS_DEVICE
        else:
            kind = self._sent_as(id_, clusters, facts)
            if not clusters.is_user(id_) and clusters.user_of(id_) is None:
                name = "bare_id_as_device" if kind == AS_DEVICE else "bare_id_as_user"
                effects.notes.append(Note(name))
        _claim(id_, kind, seen, facts, effects)
        return kind

    def _sent_as(self, id_: str, clusters: Clusters, facts: Facts) -> str:
        """Return what an id is sent as: what was claimed, what is known, or what its form says."""
        claimed = facts.recall("sent_as", id_)
        if claimed is not None:
            return claimed.value
        user = clusters.user_of(id_)
        if clusters.is_user(id_):
            return f"{AS_USER}{user or id_}"
        if user is not None:
            return AS_DEVICE
        if self._bare != "auto":
            return AS_DEVICE if self._bare == "device" else f"{AS_USER}{id_}"
        return AS_DEVICE if looks_generated(id_) else f"{AS_USER}{id_}"

    def _owned(self, who: Who, seen: Observation, facts: Facts, effects: Effects) -> Sent:
        """Return the ids with the device where it is the user's, and the link that is due."""
        person, who, own_device, due, _ = self._whose.of(who, seen, facts, effects)
        device = who.device if who.user is None else own_device
        return Sent(person, who.user, device, who.distinct_id, None, due)


def observation(row: EventRow) -> Observation:
    """Return a row as the kit sees it; what happened first comes first, then what came first."""
    return Observation(
        row.name, row.user, row.device, None, row.at, "time", NOTHING, NO_GROUPS,
        received=row.at, number=row.received,
    )  # fmt: skip


def _is_simplified(row: EventRow) -> bool:
    return row.mode == "simplified" or (not row.mode and row.came_as_device)


def _claim(id_: str, kind: str, seen: Observation, facts: Facts, effects: Effects) -> None:
    if facts.recall("sent_as", id_) is None:
        effects.claims.append(Fact("sent_as", id_, kind, *seen.since))
