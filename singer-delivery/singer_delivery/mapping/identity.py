"""Who a record is of, whom a device belongs to, and when that is still to be sent.

A device has one owner: the first user it was seen with. What merges devices and users cannot be
undone, so a second user on the same device (a shared tablet, a logout and a login) is a conflict
that is counted and not linked.

A record without a user is of the user whom the source's own id of the person names, whoever owns
the device: a source may give that id to what happens on a device after a logout. Who is known
counts from the record that said so, in the order in which the source received its records, so that
a record that is read again is decided as before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from singer_delivery.mapping.ids import IdRules, known_id
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.values import clean_id
from singer_delivery.model import Effects, Fact, Facts, Note

PAIRS = 8192
"""Users on devices whose ids are remembered, since they come with many records: about 4 MB."""


class Who(NamedTuple):
    """The ids of a record as the destination gets them: trimmed, legal, fitted; None for no id.

    `distinct_id` names who did it where there is one name only; empty when nobody is known.
    """

    user: str | None
    device: str | None
    distinct_id: str


class Ids:
    """Reads whose a record is, by what a destination makes of ids."""

    def __init__(self, rules: IdRules) -> None:
        self._rules = rules
        self._remembered = lru_cache(PAIRS)(self._read)

    def who(self, user: str | None, device: str | None, notes: list[Note]) -> Who:
        """Return the ids of a user and a device, see `ids.known_id`.

        Their notes are named by the columns `user_id` and `device_id`.
        """
        who, found = self._remembered(user, device)
        if found:
            notes += found
        return who

    def _read(self, user: str | None, device: str | None) -> tuple[Who, tuple[Note, ...]]:
        notes: list[Note] = []
        user = known_id(user, "user_id", notes, self._rules)
        device = known_id(device, "device_id", notes, self._rules)
        return Who(user, device, user or device or ""), tuple(notes)


_RENAMED = "\x1f"
"""Ends what is remembered of a user who goes by another id."""


class Link(NamedTuple):
    """A device's owner whom the destination does not know yet.

    Attributes:
        owner: the fact that says whose device it is, with the time since when, and the order key of
            the record that said so.
        claims: what must be on disk before it is sent.
    """

    owner: Fact
    claims: tuple[Fact, ...]

    @property
    def device(self) -> str:
        """The device."""
        return self.owner.name

    @property
    def user(self) -> str:
        """Its owner."""
        return self.owner.value

    @property
    def sent(self) -> Fact:
        """The fact that holds once the destination knows."""
        return Fact("link", *self.values)

    @property
    def values(self) -> tuple[str, str, int]:
        """Device, user and time: what a decision keeps of it."""
        return self.owner[1:4]


def link_due(
    who: Who,
    own_device: str | None,
    owner: Fact | None,
    seen: Observation,
    facts: Facts,
    notes: list[Note],
) -> Link | None:
    """Return the link that a record sends, unless it was sent before.

    The first record with the pair claims the device, on disk before anything is sent; the link
    itself is a fact of its own. A run that was cut off between the two sends it again, the same to
    the letter. A second user on the device is counted.
    """
    user = who.user
    if user is None:
        return None
    if own_device is None:
        if owner is not None and owner.value != user:
            words = f"device {who.device} belongs to {owner.value}, also seen with {user}"
            notes.append(Note("identity_conflict", words))
        return None
    if owner is None:
        claim = Fact("owner", own_device, user, seen.at, seen.place)
        return Link(claim, (claim,))
    return Link(owner, ()) if facts.recall("link", own_device) is None else None


class Identity(NamedTuple):
    """Whose a record is.

    Attributes:
        person: whose order its events keep: the user, the owner of the device, or whoever it is.
        who: the ids that it goes by.
        own_device: the device, when it belongs to the record's user or is about to.
        due: the link that is to be sent.
        in_doubt: whether nobody is named, and the device had an owner already.
    """

    person: str
    who: Who
    own_device: str | None
    due: Link | None
    in_doubt: bool


class Whose:
    """Decides whose records are.

    Args:
        source: name of the records' vendor, for the report.
        links: whether devices are linked to users; if not, no device has an owner.
        apart: whether the destination keeps devices apart from users. Where it does not, a device
            that has the very id of a user belongs to nobody else, and is never linked.
    """

    def __init__(self, source: str, *, links: bool, apart: bool) -> None:
        self._known_by_source = Note(f"known_by_{source}_id")
        self._links, self._apart = links, apart

    def of(self, who: Who, seen: Observation, facts: Facts, effects: Effects) -> Identity:
        """Return whose a record is; users that it names are remembered, by claims.

        Args:
            who: its ids, as the destination takes them.
            seen: the record.
            facts: of the past.
            effects: gets claims and notes.
        """
        user, device, _ = who
        owner = facts.recall("owner", device) if device is not None and self._links else None
        if user is None:
            return self._unnamed(who, owner, seen, facts, effects)
        goes_by = self._remembered(user, seen, facts, effects.claims)
        if goes_by is not user:
            who = Who(goes_by, device, goes_by)
        if device is None or not self._links:
            return Identity(goes_by, who, None, None, in_doubt=False)
        notes = effects.notes
        own_device = self._own_device(who, owner, seen, facts, notes, is_named=True)
        due = link_due(who, own_device, owner, seen, facts, notes)
        return Identity(goes_by, who, own_device, due, in_doubt=False)

    def _unnamed(
        self, who: Who, owner: Fact | None, seen: Observation, facts: Facts, effects: Effects
    ) -> Identity:
        """Return whose a record is that names no user."""
        person = owner.value if owner is not None else None
        if owner is not None and owner.then > seen.place:
            owner = None  # a later record says so, which was read before
        who = self._known(who, owner, seen, facts, effects)
        own_device = None
        if who.user is not None and self._links:
            own_device = self._own_device(who, owner, seen, facts, effects.notes, is_named=False)
        is_in_doubt = who.user is None and owner is not None
        return Identity(who.user or person or who.distinct_id, who, own_device, None, is_in_doubt)

    def _known(
        self, who: Who, owner: Fact | None, seen: Observation, facts: Facts, effects: Effects
    ) -> Who:
        """Return the ids with the user whom the source names."""
        device = who.device
        user = _user_of_source(seen, facts)
        if user is not None:
            effects.notes.append(self._known_by_source)
            return Who(user, device, user)
        if device is None or owner is not None or self._apart:
            return who
        is_user = _is_a_user(device, seen, facts, effects.notes)
        return Who(None, device, f"device:{device}") if is_user else who

    def _own_device(
        self,
        who: Who,
        owner: Fact | None,
        seen: Observation,
        facts: Facts,
        notes: list[Note],
        *,
        is_named: bool,
    ) -> str | None:
        """Return the device if it is the user's, or becomes it by a record that names them."""
        user, device, _ = who
        if device is None or (user == device and not self._apart):
            return None
        if owner is not None:
            return device if owner.value == user else None
        is_free = is_named and (self._apart or not _is_a_user(device, seen, facts, notes))
        return device if is_free else None

    def _remembered(self, user: str, seen: Observation, facts: Facts, claims: list[Fact]) -> str:
        """Remember the user that a record names, and return the id that the user goes by.

        It is another one where the destination has merged a device of that very id into somebody
        else already.
        """
        source_id = _text(seen.source_id)
        known = facts.recall("user", user)
        if known is not None and known.value == source_id:  # nearly always
            return user
        if known is None:
            known = named_user(user, source_id, seen.since, facts, apart=self._apart)
            claims.append(known)
        goes_by = id_of(known)
        if source_id and facts.recall("source_id", source_id) is None:
            claims.append(Fact("source_id", source_id, goes_by, *seen.since))
        return goes_by


def named_user(
    user: str, source_id: str, since: tuple[int, str], facts: Facts, *, apart: bool
) -> Fact:
    """Return the fact that a record names a user.

    Args:
        user: the id.
        source_id: of the source for this person; empty for none.
        since: the order key of the record.
        facts: of the past.
        apart: whether the destination keeps devices apart from users: see `Whose`.
    """
    owner = None if apart else facts.recall("owner", user)
    is_taken = owner is not None and owner.value != user
    return Fact("user", user, source_id + _RENAMED * is_taken, *since)


def id_of(known: Fact) -> str:
    """Return the id that a user goes by, of the fact that a record named them: see `Whose`."""
    return f"user:{known.name}" if known.value.endswith(_RENAMED) else known.name


def _user_of_source(seen: Observation, facts: Facts) -> str | None:
    """Return the user whom an earlier record named beside the same id of the source; else None."""
    source_id = _text(seen.source_id)
    known = facts.recall("source_id", source_id) if source_id else None
    return known.value if known is not None and not seen.is_before(known) else None


def _text(source_id: Any) -> str:
    """Return the source's own id of a person; an empty text for none."""
    if source_id is None:  # always, or nearly never: a source has such ids or has not
        return ""
    if type(source_id) is int:  # nearly always, and in a quarter of the time
        return str(source_id)
    return clean_id(source_id) or ""


def _is_a_user(device: str, seen: Observation, facts: Facts, notes: list[Note]) -> bool:
    """Tell whether an earlier record named a user by the id of a device, and count it."""
    known = facts.recall("user", device)
    if known is None or seen.is_before(known):
        return False
    notes.append(Note("device_is_a_user", device))
    return True
