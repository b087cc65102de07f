"""The judge counts each kind of fault, and nothing where there is none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.mixpanel_people.export import Export
from tests.mixpanel_people.held import Arrived, Held
from tests.mixpanel_people.judge import faults, judge
from tests.mixpanel_people.truth import NOBODY, Truth, Who
from tests.people.held import Person


@pytest.fixture(scope="module", params=["simplified", "original"])
def truth(request) -> Truth:
    return Export(seed=6, users=40, system=request.param).truth


@pytest.fixture
def held(truth) -> Held:
    """A service that holds what it must."""
    return Held(
        events={
            serial: Arrived(
                person(due.who),
                due.name,
                due.at,
                due.properties,
                due.revenue,
                None if due.session is None else "-".join(map(str, due.session)),
            )
            for serial, due in truth.events.items()
        },
        times=Counter({serial: due.times for serial, due in truth.events.items()}),
        owner=lambda device: person(Who("user", truth.owners[device])),
        state={who: dict(of) for who, of in truth.states.items()}.get,
        groups={group: dict(of) for group, of in truth.groups.items()},
        links_sessions=True,
        has_revenue=True,
        takes_nobody=True,
        refused=0,
    )


def person(who: Who) -> Person:
    ids = frozenset({who.id} - {""})
    return Person(who, ids, frozenset()) if who.kind == "user" else Person(who, frozenset(), ids)


def wrong(held, truth) -> dict[str, int]:
    return {name: count.wrong for name, count in faults(judge(held, truth)).items()}


def some(truth, kind="user", **of) -> int:
    """An event of a person of this kind."""
    return next(
        serial
        for serial, due in truth.events.items()
        if due.who.kind == kind
        and due.times == 1
        and due.session
        and all(getattr(due, k) == v for k, v in of.items())
    )


def changed(held, serial, **of) -> Held:
    return replace(held, events={**held.events, serial: held.events[serial]._replace(**of)})


def test_what_holds_all_has_no_fault(held, truth):
    assert wrong(held, truth) == {}
    counts = judge(held, truth)
    assert all(count.of for name, count in counts.items())


def test_an_event_that_is_lost_twice_or_none(held, truth):
    serial = some(truth)
    fewer = replace(held, times=held.times - Counter([serial]))
    assert wrong(fewer, truth) == {"events lost": 1}
    more = replace(held, times=held.times + Counter([serial]))
    assert wrong(more, truth) == {"events twice": 1}
    none = replace(held, events={**held.events, 10**9: held.events[serial]})
    assert wrong(none, truth) == {"events that are none": 1}


def test_one_of_two_equal_rows_is_an_event(held, truth):
    serial = next(serial for serial, due in truth.events.items() if due.times == 2)
    fewer = replace(held, times=held.times - Counter([serial]))
    assert wrong(fewer, truth) == {"events lost": 1}


def test_events_of_nobody_may_have_no_place(held, truth):
    some_people = {s: e for s, e in held.events.items() if truth.events[s].who != NOBODY}
    assert wrong(replace(held, events=some_people, takes_nobody=False), truth) == {}
    assert wrong(replace(held, takes_nobody=False), truth)["events that are none"] > 1


@pytest.mark.parametrize("is_anonymous", [True, False])
def test_a_row_at_another_user(held, truth, is_anonymous):
    serial = some(truth, is_anonymous=is_anonymous)
    other = next(each for each in truth.ids if each != truth.events[serial].who.id)
    kind = ("anonymous rows" if is_anonymous else "rows with a user") + " at another person"
    found = wrong(changed(held, serial, person=person(Who("user", other))), truth)
    assert found[kind] == 1
    assert found["people merged"] == 1


def test_an_anonymous_row_that_stayed_alone(held, truth):
    serial = some(truth, is_anonymous=True)
    alone = Person("alone", frozenset(), frozenset({"alone"}))
    assert wrong(changed(held, serial, person=alone), truth) == {
        "anonymous rows at another person": 1,
        "people split": 1,
    }


def test_a_visitor_who_became_a_user(held, truth):
    serial = some(truth, "device")
    user = next(iter(truth.ids))
    found = wrong(changed(held, serial, person=person(Who("user", user))), truth)
    assert found["anonymous rows at another person"] == 1


def test_an_event_of_nobody_at_somebody(held, truth):
    serial = next(serial for serial, due in truth.events.items() if due.who == NOBODY)
    user = next(iter(truth.ids))
    found = wrong(changed(held, serial, person=person(Who("user", user))), truth)
    assert found["anonymous rows at another person"] + found["people merged"] == 2


def test_a_device_of_another_user(held, truth):
    device = next(iter(truth.shared))
    stranger = Person("", frozenset(), frozenset())
    other = replace(held, owner=lambda each: stranger if each == device else held.owner(each))
    assert wrong(other, truth) == {"wrong owners": 1, "wrong owners, of shared devices": 1}


def with_state(held, truth, change) -> dict[str, int]:
    who = next(who for who, of in truth.states.items() if {"$email", "plan"} <= of.keys())
    state = dict(truth.states[who])
    change(state)
    other = replace(held, state=lambda each: state if each == who else held.state(each))
    return wrong(other, truth)


def test_what_is_true_of_people(held, truth):
    foreign = next(value for value in truth.whose if "nick" in value)
    cases = [
        (lambda state: state.update(nickname=foreign), {"people with another's data": 1}),
        (lambda state: state.update(plan="older"), {"stale properties": 1}),
        (lambda state: state.pop("plan"), {"lost properties": 1}),
        (lambda state: state.update({"$last_seen": "x"}), {}),
    ]
    for change, due in cases:
        assert with_state(held, truth, change) == due


def test_what_a_device_may_bring_along(held, truth):
    for who, brought in truth.brought.items():
        if who not in truth.states:
            continue
        for name, values in brought.items():
            assert name not in truth.states[who]
            state = {**truth.states[who], name: values[0]}
            other = replace(
                held, state=lambda each, s=state, w=who: s if each == w else held.state(each)
            )
            assert wrong(other, truth) == {}
            state[name] = "other"
            assert wrong(other, truth) == {"stale properties": 1}


def test_somebody_of_whom_nothing_is_known(held, truth):
    who = next(iter(truth.states))
    other = replace(held, state=lambda each: None if each == who else held.state(each))
    assert wrong(other, truth) == {"lost properties": len(truth.states[who])}


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


def test_times_properties_and_money(held, truth):
    serial = next(serial for serial, due in truth.events.items() if due.revenue)
    due = truth.events[serial]
    assert wrong(changed(held, serial, at=due.at + 1), truth) == {"events at another time": 1}
    assert wrong(changed(held, serial, revenue=None), truth) == {"revenue differs": 1}
    for other in ({}, {**due.properties, "amount": str(due.revenue)}):
        found = wrong(changed(held, serial, properties=other), truth)
        assert found == {"properties that differ": 1}
    more = {**due.properties, "more": 1}
    assert wrong(changed(held, serial, properties=more), truth) == {}


def test_sessions(held, truth):
    sessions: dict = {}
    for serial, due in truth.events.items():
        if due.session is not None:
            sessions.setdefault(due.session, []).append(serial)
    first, second = [serials for serials in sessions.values() if len(serials) > 1][:2]
    assert wrong(changed(held, first[0], session=None), truth) == {"sessions split": 1}
    joined = held
    for serial in second:
        joined = changed(joined, serial, session=held.events[first[0]].session)
    assert wrong(joined, truth) == {"sessions joined": 1}
    bare = next(serial for serial, due in truth.events.items() if due.session is None)
    found = wrong(changed(held, bare, session="x"), truth)
    assert found == {"events with a session of none": 1}
