"""Counts where a service holds something else than Mixpanel: one number for each kind of fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tests.mixpanel_people.held import Arrived, Held
from tests.mixpanel_people.truth import NOBODY, Due, Properties, Truth, Who
from tests.people.held import Person
from tests.people.judge import Count, Counts, assert_right, faults

__all__ = ["Count", "Counts", "assert_right", "faults", "judge"]

Pairs = list[tuple[Due, Arrived]]


def judge(held: Held, truth: Truth) -> Counts:
    """Compare what a service holds with what Mixpanel knows."""
    due = {
        serial: each
        for serial, each in truth.events.items()
        if held.takes_nobody or each.who != NOBODY
    }
    pairs = [(each, held.events[serial]) for serial, each in due.items() if serial in held.events]
    return {
        "events lost": _count(due.values(), lambda each: held.times[each.serial] < each.times),
        "events twice": _count(due.values(), lambda each: held.times[each.serial] > each.times),
        "events that are none": _count(held.events, lambda serial: serial not in due),
        "events at another time": _count(pairs, lambda pair: pair[0].at != pair[1].at),
        "properties that differ": _count(pairs, lambda pair: _differ(*pair)),
        **(_revenue(pairs) if held.has_revenue else {}),
        **_owners(held, truth),
        **_whose(pairs, truth),
        **_people(pairs, truth),
        **_states(held, truth),
        **_groups(held, truth),
        **(_sessions(pairs) if held.links_sessions else {}),
        "merges refused": Count(held.refused, len(truth.owners)),
    }


def _count(things: Iterable[Any], is_wrong: Any) -> Count:
    every = list(things)
    return _counted([thing for thing in every if is_wrong(thing)], len(every))


def _counted(wrong: list[Any], of: int) -> Count:
    return Count(len(wrong), of, tuple(wrong[:3]))


def _differ(due: Due, arrived: Arrived) -> bool:
    """Whether a property of the customer's own is another one; null says nothing."""
    said = ((name, value) for name, value in due.properties.items() if value is not None)
    return any(_other(value, arrived.properties.get(name)) for name, value in said)


def _other(one: Any, other: Any) -> bool:
    return _without_null(one) != _without_null(other) or isinstance(one, bool) != isinstance(
        other, bool
    )


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_null(each) for name, each in value.items() if each is not None}
    return [_without_null(each) for each in value] if isinstance(value, list) else value


def _revenue(pairs: Pairs) -> Counts:
    def is_wrong(pair: tuple[Due, Arrived]) -> bool:
        due, found = pair[0].revenue, pair[1].revenue
        return (due is None) != (found is None) or abs((due or 0) - (found or 0)) > 1e-9

    return {"revenue differs": _count(pairs, is_wrong)}


# Who ----------------------------------------------------------------------------------------


def _owners(held: Held, truth: Truth) -> Counts:
    """Count devices that belong to somebody else than their user."""
    owner = held.owner
    if owner is None:
        return {}

    def is_wrong(device: str) -> bool:
        person = owner(device)
        return person is not None and not _is(person, Who("user", truth.owners[device]), truth)

    devices = [device for device in truth.owners if device not in truth.users]
    shared = [device for device in devices if device in truth.shared]
    return {
        "wrong owners": _count(devices, is_wrong),
        "wrong owners, of shared devices": _count(shared, is_wrong),
    }


def _is(person: Person, who: Who, truth: Truth) -> bool:
    """Whether somebody at a service is a person, whatever ids the person has."""
    users = person.users & truth.users
    if who.kind == "user":
        return bool(users) and users <= truth.ids[who.id]
    if who == NOBODY:
        return not users
    return not users and who.id in person.devices | person.users


def _whose(pairs: Pairs, truth: Truth) -> Counts:
    """Count events at another person than Mixpanel's."""

    def is_wrong(pair: tuple[Due, Arrived]) -> bool:
        return not _is(pair[1].person, pair[0].who, truth)

    return {
        "rows with a user at another person": _count(
            (pair for pair in pairs if not pair[0].is_anonymous), is_wrong
        ),
        "anonymous rows at another person": _count(
            (pair for pair in pairs if pair[0].is_anonymous), is_wrong
        ),
    }


def _people(pairs: Pairs, truth: Truth) -> Counts:
    """Count persons of a service who are several people, and people who are several persons."""
    people: defaultdict[Any, set[Who]] = defaultdict(set)
    persons: defaultdict[Who, set[Any]] = defaultdict(set)
    for due, arrived in pairs:
        people[arrived.person.key].add(due.who)
        persons[due.who].add(arrived.person.key)
    merged = [sorted(of) for of in people.values() if len(of) > 1]
    split = [who for who, of in persons.items() if len(of) > 1 and who != NOBODY]
    return {
        "people merged": _counted(merged, len(people)),
        "people split": _counted(split, len(persons)),
    }


# What is true -------------------------------------------------------------------------------


def _states(held: Held, truth: Truth) -> Counts:
    """Count people with another's data, and properties that are old or missing."""
    wrong: dict[str, list[Any]] = defaultdict(list)
    for who in truth.states:
        state = held.state(who) or {}
        for kind, name in _differences(who, state, truth):
            wrong[kind].append((who, name, state.get(name), truth.states[who].get(name)))
    properties = sum(map(len, truth.states.values()))
    foreign = list(dict.fromkeys(who for who, *_ in wrong["foreign"]))
    return {
        "people with another's data": _counted(foreign, len(truth.states)),
        "stale properties": _counted(wrong["stale"], properties),
        "lost properties": _counted(wrong["lost"], properties),
    }


def _differences(who: Who, state: Properties, truth: Truth) -> Iterator[tuple[str, str]]:
    due, brought = truth.states[who], truth.brought.get(who, {})
    for name in sorted(truth.names):
        value = state.get(name)
        if isinstance(value, str) and who not in truth.whose.get(value, {who}):
            yield "foreign", name
        elif name in due and value is None:
            yield "lost", name
        elif value is not None and value != due.get(name) and value not in brought.get(name, ()):
            yield "stale", name


def _groups(held: Held, truth: Truth) -> Counts:
    wrong = [
        (group, name)
        for group, due in truth.groups.items()
        for name, value in due.items()
        if held.groups.get(group, {}).get(name) != value
    ]
    strangers = [group for group in held.groups if group not in truth.groups]
    return {
        "group properties that differ": _counted(wrong, sum(map(len, truth.groups.values()))),
        "groups that are none": _counted(strangers, len(truth.groups)),
    }


# Sessions -----------------------------------------------------------------------------------


def _sessions(pairs: Pairs) -> Counts:
    """Count sessions that are split or joined, and events that have one or lack one wrongly."""
    ids: defaultdict[Any, set[Any]] = defaultdict(set)
    for due, arrived in pairs:
        if due.session is not None:
            device = due.session[0] if isinstance(arrived.session, int) else ""
            ids[due.session].add((device, arrived.session))
    used = Counter(each for of in ids.values() for each in of)
    split = [session for session, of in ids.items() if len(of) != 1 or None in dict(of).values()]
    joined = [each for each, count in used.items() if count > 1 and each[1] is not None]
    return {
        "sessions split": _counted(split, len(ids)),
        "sessions joined": _counted(joined, len(ids)),
        "events with a session of none": _count(pairs, lambda pair: _has_too_much(*pair)),
    }


def _has_too_much(due: Due, arrived: Arrived) -> bool:
    return due.session is None and arrived.session not in (None, -1)
