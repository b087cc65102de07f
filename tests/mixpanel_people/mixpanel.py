"""Mixpanel: takes what SDKs and servers send, makes rows of it, and knows what is true.

Sources: `identities`; Mixpanel docs, "Default Properties", "Raw Event Export", "Sessions" (30
minutes, midnight of the project's zone), "User Profiles"; `tests/fakes/mixpanel_export/rows`. How
much of a merge shows in rows, and when, is not documented; here chance decides, for all rows of a
person at once or for each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from tests.fakes.company.rows import Dice
from tests.fakes.mixpanel_export.engage import Profile
from tests.fakes.mixpanel_export.rows import Row, stored_time
from tests.mixpanel_people.calls import DAY, LIBRARIES, MINUTE, Call, System, Upload
from tests.mixpanel_people.identities import DEVICE, VERBS, Ids, Original, Simplified, ids_of
from tests.mixpanel_people.truth import Due, Group, Properties, Session, Truth, Who

IDLE = 30 * MINUTE
OWN_VALUES = ("$email", "nickname", "visitor")
"""Properties whose every value belongs to one person."""


@dataclass
class _Taken:
    call: Call
    serial: int
    ids: Ids
    properties: Properties
    received: int
    session: Session | None = None


class Mixpanel:
    """A project of Mixpanel. Feed it uploads in the order of their receipt.

    Args:
        dice: where chance comes from.
        system: its identity system.
        zone: IANA zone of an old project, whose times are wall clock; None: a new one.
        sessions_in: IANA zone at whose midnight sessions end.
        readings: whether rows change, and late ones appear, at a second reading.
    """

    def __init__(
        self, dice: Dice, system: System, zone: str | None, sessions_in: str, *, readings: bool
    ) -> None:
        self.dice, self.system, self.zone = dice, system, zone
        self.sessions_in, self.readings = sessions_in, readings
        self.people: Simplified | Original = Simplified() if system == "simplified" else Original()
        self._taken: list[_Taken] = []
        self._profiles: defaultdict[str, Properties] = defaultdict(dict)
        self._groups: defaultdict[Group, Properties] = defaultdict(dict)
        self._seen: dict[str, int] = {}
        self._joined_late: set[str] = set()

    def knows_user(self, user: str) -> None:
        """Note that an id is a user's: only people themselves know that in Original projects."""
        if isinstance(self.people, Original):
            self.people.users[user] = None

    def take(self, upload: Upload) -> None:
        """Store the events and profiles of an upload."""
        for call in upload.calls:
            self._take(call, upload)
        for distinct_id, properties in upload.people.items():
            self._profiles[distinct_id].update(properties)
            self._seen[distinct_id] = upload.received
        for group, properties in upload.groups.items():
            self._groups[group].update(properties)

    def _take(self, call: Call, upload: Upload) -> None:
        properties = dict(call.ids) | LIBRARIES[call.library] | call.also | call.own
        ids = ids_of(_original(call, properties))
        if call.name in VERBS:
            assert isinstance(self.people, Original)
            failure = self.people.link(call.name, properties)
            if call.late and self.readings:
                self._joined_late.add(properties["$anon_id"])
            properties |= {} if failure is None else {"$failure_reason": failure}
        elif not call.dead:
            self.people.take(ids)
        serial = len(self._taken) + 1
        properties["serial"] = serial
        properties["$mp_api_endpoint"] = "api-js.mixpanel.com"
        properties["$mp_api_timestamp_ms"] = upload.received
        properties["mp_processing_time_ms"] = upload.received + 300 + self.dice.below(2_000)
        if call.has_insert_id:
            properties["$insert_id"] = self.dice.uuid().replace("-", "")[:16]
        if upload.imported:
            properties["$import"] = True
        self._taken.append(_Taken(call, serial, ids, properties, upload.received))

    # What is exported -----------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """Every row, in no order that means anything."""
        mood: dict[Who, int] = {}
        return [row for taken in self._taken for row in self._rows_of(taken, mood)]

    def _rows_of(self, taken: _Taken, mood: dict[Who, int]) -> Iterable[Row]:
        call = taken.call
        properties = taken.properties | self._stored_ids(taken)
        changes = self._restamped(taken, properties, mood)
        row = Row(
            call.name,
            call.at,
            properties,
            zone=self.zone,
            appears=2 if call.late and self.readings else 1,
            changes={2: changes} if changes and self.readings else {},
            time_as=call.time_as,
            extra=call.extra,
        )
        if changes and not self.readings:
            row = replace(row, properties=properties | changes)
        yield row
        for number in range(call.again):
            later = properties["mp_processing_time_ms"] + (number + 1) * MINUTE
            more = {} if call.equal_to_the_letter else {"mp_processing_time_ms": later}
            yield replace(row, properties=dict(row.properties) | more)

    def _stored_ids(self, taken: _Taken) -> Properties:
        """The id under which an event is stored, when it is one; verbs and odd ids stay."""
        call = taken.call
        if (
            call.name in VERBS
            or b"distinct_id" in call.extra
            or "mp_original_distinct_id" in call.also
        ):
            return {}
        stored = self.people.ingested(taken.ids)
        sent = call.ids.get("distinct_id")
        return {} if stored is None or str(sent).strip() == stored else {"distinct_id": stored}

    def _restamped(self, taken: _Taken, properties: Properties, mood: dict[Who, int]) -> Properties:
        """What a merge changed in a row: nothing, for some people, and for some of their rows."""
        ingested = properties.get("distinct_id")
        who = self.people.who(taken.ids)
        if who.kind != "user" or ingested is None or taken.call.extra:
            return {}
        if "mp_original_distinct_id" in properties or taken.call.name in VERBS:
            return {}
        canonical = self._canonical(who)
        share = mood.setdefault(who, self.dice.below(4))
        if ingested == canonical or self.dice.below(3) >= share:
            return {}
        changes = {"distinct_id": canonical, "$distinct_id_before_identity": ingested}
        if self.system == "simplified" and self.dice.random() < 0.5:
            changes |= {"$is_reshuffled": True, "$user_id": canonical}
        return changes

    def _canonical(self, who: Who, but: Collection[str] = ()) -> str:
        """The id that Mixpanel prefers; in an Original project it may be an anonymous one."""
        if isinstance(self.people, Simplified):
            return who.id
        cluster = [each for each in self.people.cluster(who.id) if each not in but]
        return cluster[len(cluster) * 7 // 11]

    def profiles(self) -> list[Profile]:
        """The profiles of users, and of devices, as engage gives them out at a first reading.

        It names nobody by an id that a verb joins later.
        """
        told: dict[str, Properties] = {}
        for distinct_id, properties in self._profiles.items():
            name = distinct_id
            if isinstance(self.people, Original):
                name = self._canonical(self._owner(distinct_id), self._joined_late)
            told.setdefault(name, {}).update(properties)
            told[name]["$last_seen"] = _seen_text(self._seen[distinct_id])
        return [Profile(distinct_id, properties) for distinct_id, properties in told.items()]

    def group_profiles(self) -> dict[str, list[Profile]]:
        """Group key -> the profiles of its groups."""
        told: defaultdict[str, list[Profile]] = defaultdict(list)
        for (key, group_id), properties in self._groups.items():
            told[key].append(Profile(group_id, properties))
        return dict(told)

    # The truth ------------------------------------------------------------------------------

    def truth(self) -> Truth:
        """Return what must come of everything so far."""
        self._find_sessions()
        truth = Truth()
        for taken in self._taken:
            if taken.call.dead:
                truth.dead[taken.serial] = taken.call.dead
            elif taken.call.name in VERBS:
                truth.verbs.add(taken.serial)
            else:
                truth.events[taken.serial] = self._due(taken)
        self._tell_devices(truth)
        self._tell_people(truth)
        truth.groups = {group: dict(properties) for group, properties in self._groups.items()}
        return truth

    def _due(self, taken: _Taken) -> Due:
        call, original = taken.call, taken.call.also
        return Due(
            serial=taken.serial,
            name=original.get("mp_original_event_name", call.name),
            who=self.people.who(taken.ids),
            is_anonymous=self.people.is_anonymous(taken.ids),
            at=call.at,
            session=taken.session,
            properties=call.own,
            revenue=call.own.get("amount"),
            times=1 if call.has_insert_id else 1 + call.again,
        )

    def _find_sessions(self) -> None:
        """Deal each device's events to sessions: 30 minutes, and midnight of the project's zone."""
        on: defaultdict[str, list[_Taken]] = defaultdict(list)
        for taken in self._taken:
            if (
                taken.ids.device is not None
                and taken.call.name not in VERBS
                and not taken.call.dead
            ):
                on[taken.ids.device].append(taken)
        for device, events in on.items():
            last, start = -DAY, 0
            for taken in sorted(events, key=lambda each: each.call.at):
                at = taken.call.at
                if at - last > IDLE or self._day(at) != self._day(last):
                    start = at
                taken.session, last = (device, start), at

    def _day(self, at: int) -> int:
        return stored_time(at, self.sessions_in) // DAY

    def _tell_devices(self, truth: Truth) -> None:
        if isinstance(self.people, Simplified):
            truth.owners = dict(self.people.owners)
            truth.shared = {each for each, of in self.people.users_on.items() if len(of) > 1}
            return
        for cluster in self.people.clusters:
            users = [each for each in cluster if each in self.people.users]
            devices = [each for each in cluster if each not in self.people.users]
            truth.owners |= {each: users[0] for each in devices if users}
        for taken in self._taken:
            user = taken.ids.user
            if user is not None and truth.owners.get(taken.ids.device or "", user) != user:
                truth.shared.add(str(taken.ids.device))

    def _tell_people(self, truth: Truth) -> None:
        for distinct_id, properties in self._profiles.items():
            self._tell_profile(distinct_id, properties, truth)
        known = dict.fromkeys([*(due.who for due in truth.events.values()), *truth.states])
        truth.ids = {who.id: {who.id} for who in known if who.kind == "user"}
        if isinstance(self.people, Original):
            for user in truth.ids:
                truth.ids[user] |= set(self.people.cluster(user)) & self.people.users.keys()

    def _tell_profile(self, distinct_id: str, properties: Properties, truth: Truth) -> None:
        who = self._owner(distinct_id)
        truth.names |= properties.keys()
        if distinct_id.startswith(DEVICE) and who.kind == "user":
            for name, value in properties.items():
                truth.brought[who].setdefault(name, []).append(value)
            return
        truth.states.setdefault(who, {}).update(properties)
        for name in OWN_VALUES:
            if name in properties:
                truth.whose[properties[name]].add(who)

    def _owner(self, distinct_id: str) -> Who:
        return self.people.who(Ids(distinct_id, None, None))


def _original(call: Call, properties: Properties) -> Properties:
    """The ids with which a row came in, also where Mixpanel put them aside for a hot shard."""
    if "mp_original_distinct_id" in call.also:
        return {**properties, "distinct_id": call.also["mp_original_distinct_id"]}
    if b'"distinct_id":' in call.extra:
        return {**properties, "distinct_id": call.extra.partition(b":")[2].decode()}
    return properties


def _seen_text(received: int) -> str:
    return datetime.fromtimestamp(received // 1_000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
