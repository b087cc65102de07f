"""The walk of a record, with an invented source and an invented destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.identity import Link, Who
from singer_delivery.mapping.observation import NO_GROUPS, NOTHING, Observation
from singer_delivery.mapping.pair import Pair, PairDecision, Reading
from singer_delivery.model import Effects, Event, Fact, Facts, Mapped, Note, Unmappable

from tests.pairs.walk import AT_10, Remembering

HOUR = 3_600_000_000
AT_11 = AT_10 + HOUR
OWNER = Fact("owner", "d1", "u1", AT_10)
"""Before all that happens here."""
READ, CHECKED = Note("read"), Note("who")
TOO_EARLY = AT_10 - HOUR


class Source:
    """Names its columns; its records are not read here."""

    name = "somewhere"
    name_column = "what"
    calls: Mapping[str, str] = {"Set person": "person"}

    def observe(self, line: bytes, *, is_message: bool) -> Observation:
        raise NotImplementedError

    def people_of(self, seen: Observation) -> tuple[str, ...]:
        return tuple(one for one in (seen.user or seen.device,) if one)

    def shaped(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        return record.get("within", record)  # type: ignore[no-any-return]

    def event_name(self, record: Mapping[str, Any]) -> str:
        return str(record["what"])

    def event_properties(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        return record["with"]  # type: ignore[no-any-return]

    def hour(self, record: Mapping[str, Any], shaped: Mapping[str, Any]) -> int:
        return int(record["hour"]) + len(shaped["what"])


class Elsewhere:
    """Takes ids as they are, names of up to ten characters and times from `TOO_EARLY` on."""

    decision_type = PairDecision

    def __init__(self, *, links: bool = True, devices_apart: bool = False) -> None:
        self.links, self.devices_apart = links, devices_apart
        self.due: list[Link | None] = []
        self.left_out: list[Link | None] = []

    def event_name(self, name: str, call: str) -> str:
        if len(name) > 10:
            reason = "event_name_too_long"
            raise Unmappable(reason, "over ten characters")
        return f"{call}:" if call else name.upper()

    def who(self, seen: Observation, notes: list[Note]) -> Who:
        notes.append(CHECKED)
        if seen.user == "nobody":
            reason = "no_identity"
            raise Unmappable(reason, "nobody")
        return Who(seen.user, seen.device, seen.user or seen.device or "")

    def check_time(self, at: int) -> None:
        if at < TOO_EARLY:
            reason = "time_out_of_range"
            raise Unmappable(reason, "too early")

    def leave_out(self, it: PairDecision, due: Link | None, facts: Facts, effects: Effects) -> None:
        self.left_out.append(due)
        it.sends = due is not None

    def decide(
        self,
        it: PairDecision,
        seen: Observation,
        due: Link | None,
        facts: Facts,
        effects: Effects,
    ) -> None:
        self.due.append(due)

    def map(self, reading: Reading[PairDecision]) -> Mapped:
        body = {"time": reading.moment().text, **reading.event_properties}
        return Mapped((Event("/", "event", reading.name, reading.decision.at, body),))


def a_pair(elsewhere: Elsewhere, *excluded: str) -> Pair[PairDecision]:
    return Pair(Source(), elsewhere, Choice((), excluded))  # type: ignore[arg-type]


def seen(user: str | None = "u1", device: str | None = None, **fields: Any) -> Observation:
    given = {"name": "Played", "source_id": None, "at": AT_11, "time_column": "when"}
    given |= {"person": NOTHING, "groups": NO_GROUPS, "notes": (READ,), **fields}
    return Observation(user=user, device=device, **given)


def knowing(*facts: Fact) -> Remembering:
    past = Remembering()
    past.add(facts)
    return past


# Whose device it is -------------------------------------------------------------------------

Decided = tuple[PairDecision, "Link | None", list[str]]


def decided(
    user: str | None,
    device: str | None,
    *known: Fact,
    links: bool = True,
    devices_apart: bool = False,
) -> Decided:
    """Return the decision, the link that was due, and what was counted of ids."""
    elsewhere = Elsewhere(links=links, devices_apart=devices_apart)
    effects = Effects()
    it = a_pair(elsewhere).decide(seen(user, device), knowing(*known), effects)
    assert {fact.kind for fact in effects.claims} <= {"user"}
    assert effects.facts == []
    return it, elsewhere.due[-1], [note.name for note in effects.notes[2:]]


@pytest.mark.parametrize(
    ("found", "person", "own_device"),
    [
        (decided("u1", "d1"), "u1", "d1"),
        (decided("u1", "d1", OWNER), "u1", "d1"),
        (decided("u2", "d1", OWNER), "u2", None),
        (decided(None, "d1", OWNER), "u1", None),
        (decided(None, "d1"), "d1", None),
        (decided(None, "d1", OWNER, links=False), "d1", None),
        (decided("u1", "d1", links=False), "u1", None),
        (decided("same", "same"), "same", None),
        (decided("same", "same", devices_apart=True), "same", "same"),
        (decided(None, None), "", None),
    ],
)
def test_a_record_keeps_the_order_of_its_user_or_of_the_owner_of_its_device(
    found: Decided, person: str, own_device: str | None
) -> None:
    assert (found[0].person, found[0].own_device) == (person, own_device)


def test_the_first_record_with_a_pair_claims_the_device() -> None:
    claim = OWNER._replace(at=AT_11, then=seen().place)
    _, due, _ = decided("u1", "d1")
    assert due == Link(claim, (claim,))
    assert (due.device, due.user, due.sent) == ("d1", "u1", claim._replace(kind="link", then=""))
    assert due.values == ("d1", "u1", AT_11)


def test_a_link_that_was_not_sent_is_due_as_it_was_claimed() -> None:
    assert decided("u1", "d1", OWNER)[1] == Link(OWNER, ())


@pytest.mark.parametrize(
    ("found", "counted"),
    [
        (decided("u1", "d1", OWNER, OWNER._replace(kind="link")), []),
        (decided(None, "d1", OWNER), []),
        (decided("u1", None), []),
        (decided("u2", "d1", OWNER), ["identity_conflict"]),
        (decided("u1", "d1", links=False), []),
        (decided("u2", "d1", OWNER, links=False), []),
    ],
)
def test_otherwise_no_link_is_due(found: Decided, counted: list[str]) -> None:
    assert (found[1], found[2]) == (None, counted)


# What is asked first ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "", "user": "nobody"}, "no_event_name"),
        ({"name": " ", "user": "nobody"}, "no_event_name"),
        ({"name": "Played for long", "user": "nobody"}, "event_name_too_long"),
        ({"user": "nobody", "refused": ("no_time", "none")}, "no_identity"),
        ({"refused": ("no_time", "none"), "at": 0}, "no_time"),
        ({"at": TOO_EARLY - 1}, "time_out_of_range"),
    ],
)
def test_a_record_is_refused_for_its_name_then_its_ids_then_its_time(
    fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unmappable) as caught:
        a_pair(Elsewhere()).decide(seen(**fields), knowing(), Effects())
    assert caught.value.reason == reason


def test_a_record_without_a_name_says_which_column_lacks_it() -> None:
    with pytest.raises(Unmappable, match="`what` is missing, empty or not text"):
        a_pair(Elsewhere()).decide(seen(name=""), knowing(), Effects())


@pytest.mark.parametrize("name", ["Played", "Played for long"])
def test_a_record_that_is_left_out_may_send_its_link(name: str) -> None:
    elsewhere, effects = Elsewhere(), Effects()
    it = a_pair(elsewhere, "Played*").decide(seen("u1", "d1", name=name), knowing(), effects)
    assert (it.skipped, it.sends, it.sent_as) == (f"excluded: {name}", True, "")
    claim = OWNER._replace(at=AT_11, then=seen().place)
    assert elsewhere.left_out == [Link(claim, (claim,))]
    assert elsewhere.due == []
    assert effects.notes == [CHECKED, READ]


@pytest.mark.parametrize("fields", [{"user": "nobody"}, {"refused": ("no_time", "none")}])
def test_a_record_that_is_left_out_and_could_not_travel_is_left_out(fields: dict) -> None:
    elsewhere, effects = Elsewhere(), Effects()
    it = a_pair(elsewhere, "Played").decide(seen(**fields), knowing(), effects)
    assert (it.skipped, it.sends) == ("excluded: Played", False)
    assert (effects, elsewhere.left_out) == (Effects(), [])


def test_what_travels_is_named_placed_and_counted() -> None:
    effects = Effects()
    it = a_pair(Elsewhere()).decide(seen("u1", "d1"), knowing(), effects)
    assert (it.sent_as, it.call, it.skipped, it.sends) == ("PLAYED", "", None, True)
    assert (it.user, it.device, it.distinct_id) == ("u1", "d1", "u1")
    assert (it.at, it.time_column) == (AT_11, "when")
    assert effects.notes == [CHECKED, READ]


def test_a_call_is_no_event() -> None:
    it = a_pair(Elsewhere()).decide(seen(name="Set person"), knowing(), Effects())
    assert (it.sent_as, it.call) == ("person:", "person")


def test_the_destination_maps_what_the_source_reads() -> None:
    record = {"what": "Played", "when": "2024-03-01 11:00:00.000000", "with": {"a": 1}}
    pair = a_pair(Elsewhere())
    mapped = pair.map({"within": record, "hour": 400}, pair.decide(seen(), knowing(), Effects()))
    body = {"time": "2024-03-01T11:00:00.000000Z", "a": 1}
    made = Event("/", "event", "Played", AT_11, body, source_name="Played", source_hour=406)
    assert mapped.events == (made,)
