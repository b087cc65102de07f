"""Whose a row is: the user whom it names, or whom Mixpanel says by joining ids. Pure.

- `$user_id` is a user. In a project with Original ID Merge several of them may be one person.
- A `distinct_id` without `$device:` that a row has instead is a user's in a project with Simplified
  ID Merge, where a row names it as a user, and where a cluster says whose it is. Else its form
  tells, and the guess is counted: what SDKs make is a device.
- A row whose `distinct_id` Mixpanel has changed to a user's is that user's, whoever owns the
  device: it is Mixpanel's own verdict.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from singer_delivery.mapping.identity import named_user
from singer_delivery.mapping.ids import IdRules
from singer_delivery.model import Effects, Facts, Note

from analytics_records.mixpanel.clusters import (
    NOTHING_JOINED,
    Joined,
    cluster_of,
    join,
    name_user,
)
from analytics_records.mixpanel.ids import Ids, RowIds, looks_generated, without_prefix
from analytics_records.mixpanel.observation import Seen

BareIds = Literal["auto", "user", "device"]
"""What a bare id is in doubt: by its form, a user's or a device's."""

GUESSED_USER = "bare_id_taken_for_user"
GUESSED_DEVICE = "bare_id_taken_for_device"
SEVERAL = "several_user_ids"

_ALWAYS = (0, "")
"""An order key before all others."""


class Whom(NamedTuple):
    """Whose a row is.

    Attributes:
        user: the one id under which the person goes; None when nobody is known.
        own: the user whom the row itself names, which may be another id of that person.
        device: on which it happened, when it is not the user's own id.
        ingested: the id under which the event came: see `RowIds`.
        joined: ids that are the user's from this row on, because Mixpanel joined them.
        others: users who are one person with that user, among those.
    """

    user: str | None
    own: str | None
    device: str | None
    ingested: str
    joined: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class Persons:
    """Decides whose rows are.

    Facts, all of which hold once what their rows send is delivered:

    - `cluster`, id -> the id that stands for its cluster; `cluster_ids`, that id -> all ids;
      `cluster_user`, that id -> the user;
    - `user`, id -> "": it is a user's. Whoever uses this claims those that rows name as
      `$user_id`: see `identity.Whose`.

    Args:
        rules: what the destination makes of ids.
        bare: what a bare id is in doubt.
        apart: whether the destination keeps devices apart from users.
    """

    def __init__(self, rules: IdRules, bare: BareIds = "auto", *, apart: bool = False) -> None:
        self.ids = Ids(rules)
        self._bare, self._apart = bare, apart

    def of(self, seen: Seen, facts: Facts, effects: Effects) -> Whom:
        """Return whose a row is, and remember what it says of clusters.

        Args:
            seen: the row.
            facts: of the past.
            effects: gets facts and notes.
        """
        if seen.joins:
            return self._of_verb(seen, facts, effects)
        ids = self.ids.of(seen.user, seen.device, seen.distinct, seen.before, effects.notes)
        if ids.user is not None:
            return self._of_user(ids, ids.user, seen, facts, effects)
        if not ids.bare:
            user = self._of_cluster(ids.device, seen, facts)
            return Whom(user, None, None if ids.device == user else ids.device, ids.ingested)
        return self._of_bare(ids, seen, facts, effects)

    def user_of(self, one: str, seen: Seen, facts: Facts) -> str | None:
        """Return the user of an id without the prefix of devices, if that is known; else None."""
        if seen.is_simplified:
            return one
        cluster = cluster_of(one, facts)
        if cluster is not None and cluster.user is not None:
            return cluster.user.value
        return one if _is_named(one, seen, facts) else None

    def _of_cluster(self, device: str | None, seen: Seen, facts: Facts) -> str | None:
        """Return whose a row of a device alone is, where rows joined the device to a user.

        In a project with Original ID Merge the device's id is the one under which the row came.
        """
        came = (without_prefix(one) for one in (seen.before, seen.distinct) if one is not None)
        if device is None or seen.is_simplified or device not in came:
            return None
        cluster = cluster_of(device, facts)
        return None if cluster is None or cluster.user is None else cluster.user.value

    def _of_user(self, ids: RowIds, own: str, seen: Seen, facts: Facts, effects: Effects) -> Whom:
        user, joined = own, NOTHING_JOINED
        if not seen.is_simplified:
            user, joined = self._in_cluster(own, ids, seen, facts)
        if user != own:
            effects.notes.append(Note(SEVERAL, own))
            self._remember(own, seen.since, facts, effects)
        if joined.facts:
            effects.facts += joined.facts
        device = ids.device
        if device is None and ids.bare:
            device = self._other_device(ids.bare, (own, user), seen, facts)
        device = None if device in (own, user) else device
        return Whom(user, own, device, ids.ingested, joined.ids, joined.others)

    def _other_device(
        self, bare: tuple[str, ...], users: tuple[str, ...], seen: Seen, facts: Facts
    ) -> str | None:
        """Return which bare id beside a `$user_id` is a device's: none that looks like a user's."""
        found = (one for one in bare if one not in users and not _is_named(one, seen, facts))
        return next((one for one in found if self._is_device(one) or cluster_of(one, facts)), None)

    def _in_cluster(self, own: str, ids: RowIds, seen: Seen, facts: Facts) -> tuple[str, Joined]:
        """Return the user of a row that names one, and what it comes to that it does."""
        for one in (own, ids.device, *ids.bare):
            cluster = None if one is None else cluster_of(one, facts)
            if cluster is None:
                continue
            if cluster.user is None:
                return own, name_user(cluster, own, seen, facts)
            if one == own:
                return cluster.user.value, NOTHING_JOINED
        return own, NOTHING_JOINED

    def _of_bare(self, ids: RowIds, seen: Seen, facts: Facts, effects: Effects) -> Whom:
        """Return whose a row is that names no user, but has an id that may be one's."""
        users = {one: self.user_of(one, seen, facts) for one in ids.bare}
        user, joined = next(filter(None, users.values()), None), NOTHING_JOINED
        devices = [one for one in ids.bare if self._is_another_s(one, users[one], seen, facts)]
        if user is None:
            guessed = self._guess(ids, effects.notes)
            if guessed is not None:
                user, joined = guessed, self._named(guessed, seen, facts)
        devices += [one for one in ids.bare if users[one] is None and self._is_device(one)]
        effects.facts += joined.facts
        device = ids.device or next((o for o in reversed(devices) if o != user), None)
        device = None if device == user else device
        return Whom(user, None, device, ids.ingested, joined.ids, joined.others)

    def _is_another_s(self, one: str, user: str | None, seen: Seen, facts: Facts) -> bool:
        """Tell whether an id is a user's without being the id of one."""
        return user not in (None, one) and not _is_named(one, seen, facts)

    def _named(self, user: str, seen: Seen, facts: Facts) -> Joined:
        """Return what it comes to that an id is taken for a user's."""
        cluster = cluster_of(user, facts)
        return Joined(user) if cluster is None else name_user(cluster, user, seen, facts)

    def _guess(self, ids: RowIds, notes: list[Note]) -> str | None:
        """Return which bare id is taken for a user's; None when they are devices."""
        found = next((one for one in ids.bare if not self._is_device(one)), None)
        if self._bare == "auto":
            name = GUESSED_DEVICE if found is None else GUESSED_USER
            notes.append(Note(name, found or ids.bare[0]))
        return found

    def _is_device(self, one: str) -> bool:
        return looks_generated(one) if self._bare == "auto" else self._bare == "device"

    def _remember(self, user: str, since: tuple[int, str], facts: Facts, effects: Effects) -> None:
        """Remember a user whom a row names, from an order key on."""
        if facts.recall("user", user) is None:
            effects.claims.append(named_user(user, "", since, facts, apart=self._apart))

    def _user_among(self, ids: list[str]) -> str | None:
        """Return which of some ids that nothing tells is a user's by its form; None if not one."""
        found = [one for one in dict.fromkeys(ids) if not self._is_device(one)]
        return found[0] if len(found) == 1 else None

    def _of_verb(self, seen: Seen, facts: Facts, effects: Effects) -> Whom:
        """Return whose a row is that joins ids; a row that was refused joins none."""
        ids = [one for one in map(self.ids.one, seen.joins) if one is not None]
        identified = self.ids.one(seen.identified)
        if identified is not None:
            # For all rows, whenever they came: such rows are read before the others.
            self._remember(identified, _ALWAYS, facts, effects)
            ids.insert(0, identified)
        if not ids:
            return Whom(None, None, None, "")
        joined = join(dict.fromkeys(ids), identified, seen, facts)
        if joined.user is None:
            joined = join(dict.fromkeys(ids), self._user_among(ids), seen, facts)
        effects.facts += joined.facts
        effects.notes += [Note(SEVERAL, other) for other in joined.others]
        whose = joined.user or ids[0]
        return Whom(joined.user, identified, None, whose, joined.ids, joined.others)


def _is_named(one: str, seen: Seen, facts: Facts) -> bool:
    """Tell whether a row before this one named a user by that id."""
    known = facts.recall("user", one)
    return known is not None and not seen.is_before(known)
