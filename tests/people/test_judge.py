"""The judge counts each kind of fault, and nothing where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.people.export import Export
from tests.people.held import Arrived, Held, Person
from tests.people.judge import faults, judge
from tests.people.truth import Truth, Who

NOBODY = Person("", frozenset(), frozenset())


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Export(seed=6, users=30).truth


@pytest.fixture
def held(truth) -> Held:
    """A service that holds what it must."""
    sessions = {
        session: f"{session[1] - 10**9:012x}"[:8] + f"-{number:04x}-7000-8000-000000000000"
        for number, session in enumerate(sorted(truth.sessions))
    }
    for session in sessions:
        start = f"{session[1]:012x}"
        sessions[session] = f"{start[:8]}-{start[8:]}-7{sessions[session][10:13]}-8000-000000000000"
    states = {who: dict(of) for who, of in truth.states.items()}
    return Held(
        events={
            uuid: Arrived(person(due.who), due.revenue, sessions.get(due.session))
            for uuid, due in truth.events.items()
        },
        twice=0,
        owner=lambda device: person(Who("user", truth.owners[device])),
        state=states.get,
        groups={group: dict(of) for group, of in truth.groups.items()},
        links_sessions=True,
        unsets_groups=True,
        refused=0,
    )


def person(who: Who, *more: str) -> Person:
    users = frozenset({who.id} if who.kind == "user" else ()) | {*more}
    return Person(who, users, frozenset({who.id} - users))


def wrong(held, truth) -> dict[str, int]:
    return {name: count.wrong for name, count in faults(judge(held, truth)).items()}


def some(truth, kind="user", **of) -> str:
    """An event of a person of this kind."""
    return next(
        uuid
        for uuid, due in truth.events.items()
        if due.who.kind == kind and all(getattr(due, k) == v for k, v in of.items())
    )


def changed(held, uuid, **of) -> Held:
    return replace(held, events={**held.events, uuid: held.events[uuid]._replace(**of)})


def test_what_holds_all_has_no_fault(held, truth):
    assert wrong(held, truth) == {}
    assert all(count.of for name, count in judge(held, truth).items())


def test_an_event_that_is_lost_twice_or_none(held, truth):
    uuid = some(truth)
    events = {key: of for key, of in held.events.items() if key != uuid}
    assert wrong(replace(held, events=events), truth)["events lost"] == 1
    assert wrong(replace(held, twice=2), truth) == {"events twice": 2}
    more = replace(held, events={**held.events, "x": held.events[uuid]})
    assert wrong(more, truth) == {"events that are none": 1}


@pytest.mark.parametrize("is_anonymous", [True, False])
def test_a_row_at_another_user(held, truth, is_anonymous):
    uuid = some(truth, is_anonymous=is_anonymous)
    other = next(user for user in truth.users if user != truth.events[uuid].who.id)
    kind = ("anonymous rows" if is_anonymous else "rows with a user") + " at another person"
    found = wrong(changed(held, uuid, person=person(Who("user", other))), truth)
    assert found[kind] == 1


def test_anonymous_people_who_became_one(held, truth):
    first = some(truth, "device")
    device = truth.events[first].who.id
    second = next(
        u for u, d in truth.events.items() if d.who.kind == "device" and d.who.id != device
    )
    one = Person("one", frozenset(), frozenset({device, truth.events[second].who.id}))
    events = {
        uuid: of._replace(person=one)
        if truth.events[uuid].who in (truth.events[first].who, truth.events[second].who)
        else of
        for uuid, of in held.events.items()
    }
    found = wrong(replace(held, events=events), truth)
    assert found["anonymous rows at another person"] >= 2
    assert found["people too many or too few"] == 1


def test_users_who_became_one(held, truth):
    uuid = some(truth)
    both = person(truth.events[uuid].who, "else")._replace(key="both")
    assert wrong(changed(held, uuid, person=both), truth)["users merged"] == 2


def test_a_device_of_another_user(held, truth):
    device = next(iter(truth.shared))
    other = replace(
        held, owner=lambda each: NOBODY if each == device else held.owner(each)
    )  # fmt: skip
    assert wrong(other, truth) == {"wrong owners": 1, "wrong owners, of shared devices": 1}


def with_state(held, truth, change) -> dict[str, int]:
    who = next(who for who, of in truth.states.items() if {"email", "plan"} <= of.keys())
    state = dict(truth.states[who])
    change(state)
    return wrong(
        replace(held, state=lambda each: state if each == who else held.state(each)), truth
    )


def test_what_is_true_of_people(held, truth):
    foreign = next(v for v, of in truth.whose.items() if "nick" in v)
    cases = [
        (lambda state: state.update(nickname=foreign), {"people with another's data": 1}),
        (lambda state: state.update(plan="older"), {"stale properties": 1}),
        (lambda state: state.update(size="gone since"), {"stale properties": 1}),
        (lambda state: state.pop("plan"), {"lost properties": 1}),
        (lambda state: state.update({"$email": "old@example.org"}), {"stale properties": 1}),
        (lambda state: state.update({"$email": state["email"], "$city": "x"}), {}),
    ]
    for change, due in cases:
        assert with_state(held, truth, change) == due


def test_what_an_anonymous_person_brought_along_is_no_fault(truth):
    assert any(truth.brought.values())
    for who, brought in truth.brought.items():
        assert not brought.keys() & truth.states[who].keys()


def test_groups(held, truth):
    group = next(group for group, of in truth.groups.items() if "seats" in of)
    cases = [
        ({**truth.groups[group], "seats": 1}, {"group properties that differ": 1}),
        ({}, {"group properties that differ": len(truth.groups[group])}),
    ]
    for of, due in cases:
        assert wrong(replace(held, groups={**held.groups, group: of}), truth) == due
    strange = {**held.groups, ("company", "x"): {}}
    assert wrong(replace(held, groups=strange), truth) == {"groups that are none": 1}


def test_money(held, truth):
    uuid = next(uuid for uuid, due in truth.events.items() if due.revenue)
    assert wrong(changed(held, uuid, revenue=None), truth) == {"revenue differs": 1}
    assert wrong(changed(held, uuid, revenue=1e6), truth) == {"revenue differs": 1}


def test_sessions(held, truth):
    sessions = {}
    for uuid, due in truth.events.items():
        if due.session is not None and due.keeps_time:
            sessions.setdefault(due.session, []).append(uuid)
    first, second = [uuids for uuids in sessions.values() if len(uuids) > 1][:2]
    split = wrong(changed(held, first[0], session=None), truth)
    assert split["sessions split"] == 1
    joined = held
    for uuid in second:
        joined = changed(joined, uuid, session=held.events[first[0]].session)
    assert wrong(joined, truth)["sessions joined"] == 1
    late = held
    for uuid in first:
        late = changed(late, uuid, session="ffffffff-ffff-7000-8000-000000000000")
    assert wrong(late, truth) == {"sessions that PostHog does not take": 1}
