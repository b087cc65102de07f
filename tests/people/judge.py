"""Counts where a service holds something else than Amplitude: one number for each kind of fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from tests.people.held import Arrived, Held, Person
from tests.people.truth import Due, Properties, Truth, Who

DAY_MS = 86_400_000
ALSO_AS = {"email": "$email"}
"""Properties that Mixpanel knows by a name of its own as well."""


class Count(NamedTuple):
    """So many of so many are wrong, and a few of them."""

    wrong: int
    of: int
    examples: tuple[Any, ...] = ()


Counts = dict[str, Count]


def judge(held: Held, truth: Truth) -> Counts:
    """Compare what a service holds with what Amplitude knows."""
    arrived = {uuid: held.events[uuid] for uuid in truth.events if uuid in held.events}
    return {
        "events lost": _count(truth.events, lambda uuid: uuid not in arrived),
        "events that are none": _count(held.events, lambda uuid: uuid not in truth.events),
        "events twice": Count(held.twice, len(truth.events)),
        **_owners(held, truth),
        **_whose(arrived, truth),
        **_people(arrived, truth),
        **_states(held, truth),
        **_groups(held, truth),
        "revenue differs": _count(arrived, lambda uuid: _money(uuid, arrived, truth)),
        **(_sessions(arrived, truth) if held.links_sessions else {}),
        "merges refused": Count(held.refused, len(truth.owners)),
    }


def faults(counts: Mapping[str, Count]) -> dict[str, Count]:
    """Return what is wrong; empty if the service holds what it must."""
    return {name: count for name, count in counts.items() if count.wrong}


def assert_right(counts: Mapping[str, Count], *where: object) -> None:
    """Fail with a line for each kind of fault and its first example, if there is one."""
    said = [
        f"{name}: {count.wrong} of {count.of}, such as {count.examples[:1]}"
        for name, count in faults(counts).items()
    ]
    assert not said, "\n".join((*map(str, where), *said))


def _count(things: Iterable[Any], is_wrong: Any) -> Count:
    every = list(things)
    return _counted([thing for thing in every if is_wrong(thing)], len(every))


def _counted(wrong: list[Any], of: int) -> Count:
    return Count(len(wrong), of, tuple(wrong[:3]))


# Who ----------------------------------------------------------------------------------------


def _owners(held: Held, truth: Truth) -> Counts:
    """Count devices that belong to somebody else than their first user."""

    def is_wrong(device: str) -> bool:
        person = held.owner(device)
        return person is not None and person.users != {truth.owners[device]}

    devices = [device for device in truth.owners if device not in truth.users]
    return {
        "wrong owners": _count(devices, is_wrong),
        "wrong owners, of shared devices": _count(
            [device for device in devices if device in truth.shared], is_wrong
        ),
    }


def _whose(arrived: Mapping[str, Arrived], truth: Truth) -> Counts:
    """Count events at another person than Amplitude's."""
    shares = _shared_by_strangers(arrived, truth)

    def is_wrong(due: Due) -> bool:
        person = arrived[due.uuid].person
        return not _is(person, due.who) or (due.who.kind == "device" and person.key in shares)

    due = [truth.events[uuid] for uuid in arrived]
    return {
        "rows with a user at another person": _count(
            (each for each in due if not each.is_anonymous), is_wrong
        ),
        "anonymous rows at another person": _count(
            (each for each in due if each.is_anonymous), is_wrong
        ),
    }


def _is(person: Person, who: Who) -> bool:
    if who.kind == "user":
        return person.users == {who.id}
    if person.users:
        return False
    return who.kind == "amplitude" or who.id in person.devices


def _shared_by_strangers(arrived: Mapping[str, Arrived], truth: Truth) -> set[Any]:
    """Return the persons for whom events of two anonymous people count."""
    people: dict[Any, set[Who]] = defaultdict(set)
    for uuid, event in arrived.items():
        people[event.person.key].add(truth.events[uuid].who)
    return {key for key, of in people.items() if len(of) > 1}


def _people(arrived: Mapping[str, Arrived], truth: Truth) -> Counts:
    """Count users that became one, and compare how many people there are."""
    keys = {event.person.key: event.person for event in arrived.values()}
    merged = sorted({user for person in keys.values() if len(person.users) > 1
                     for user in person.users})  # fmt: skip
    due = len({due.who for due in truth.events.values()})
    if "" in keys:  # Mixpanel keeps all who are known by an Amplitude ID alone as nobody
        due += 1 - len({d.who for d in truth.events.values() if d.who.kind == "amplitude"})
    return {
        "users merged": _counted(merged, len(truth.users)),
        "people too many or too few": Count(abs(len(keys) - due), due),
    }


# What is true -------------------------------------------------------------------------------


def _states(held: Held, truth: Truth) -> Counts:
    """Count people with another's data, and properties that are old or missing."""
    known = {who: held.state(who) for who in truth.states}
    found = {who: state for who, state in known.items() if state is not None}
    wrong: dict[str, list[Any]] = defaultdict(list)
    for who, state in found.items():
        for kind, name in _differences(who, state, truth):
            wrong[kind].append((who, name, state.get(name), truth.states[who].get(name)))
    properties = sum(len(truth.states[who]) for who in found)
    foreign = list(dict.fromkeys(who for who, *_ in wrong["foreign"]))
    return {
        "people with another's data": _counted(foreign, len(found)),
        "stale properties": _counted(wrong["stale"], properties),
        "lost properties": _counted(wrong["lost"], properties),
    }


def _differences(who: Who, state: Properties, truth: Truth) -> Iterator[tuple[str, str]]:
    due, brought = truth.states[who], truth.brought[who]
    for name in sorted(truth.names):
        value = state.get(name)
        if isinstance(value, str) and who not in truth.whose.get(value, {who}):
            yield "foreign", name
        elif name in due and name not in state:
            yield "lost", name
        elif value != due.get(name) and value is not None and value not in brought.get(name, ()):
            yield "stale", name
    for name, also in ALSO_AS.items():
        if also in state and state[also] != due.get(name):
            yield "stale", also


def _groups(held: Held, truth: Truth) -> Counts:
    wrong = [
        (group, name, held.groups.get(group, {}).get(name), due.get(name))
        for group, due in truth.groups.items()
        for name in sorted(due.keys() | held.groups.get(group, {}).keys())
        if held.groups.get(group, {}).get(name) != due.get(name)
        and not (name in truth.cleared[group] and not held.unsets_groups)
        and not name.startswith("$")
    ]
    strangers = [group for group in held.groups if group not in truth.groups]
    return {
        "group properties that differ": _counted(wrong, sum(map(len, truth.groups.values()))),
        "groups that are none": _counted(strangers, len(truth.groups)),
    }


# Money and sessions -------------------------------------------------------------------------


def _money(uuid: str, arrived: Mapping[str, Arrived], truth: Truth) -> bool:
    due, found = truth.events[uuid].revenue, arrived[uuid].revenue
    return abs((due or 0) - (found or 0)) > 1e-9


def _sessions(arrived: Mapping[str, Arrived], truth: Truth) -> Counts:
    """Count sessions that are split or joined, or that PostHog would not take as sessions."""
    ids: dict[Any, set[str | None]] = defaultdict(set)
    times: dict[Any, list[int]] = defaultdict(list)
    for uuid, event in arrived.items():
        due = truth.events[uuid]
        if due.session is not None:
            ids[due.session].add(event.session)
            times[due.session] += [due.at // 1000] if due.keeps_time else []
    used = Counter(each for of in ids.values() for each in of)
    split = [session for session, of in ids.items() if len(of) != 1 or None in of]
    joined = [each for each, count in used.items() if count > 1 and each is not None]
    odd = [s for s, of in ids.items() if times[s] and not _is_taken(min(of, key=str), times[s])]
    return {
        "sessions split": _counted(split, len(ids)),
        "sessions joined": _counted(joined, len(ids)),
        "sessions that PostHog does not take": _counted(odd, len(ids)),
    }


def _is_taken(session: str | None, times: list[int]) -> bool:
    """Whether it is a UUIDv7 of a time before the first event and 24 h at most before the last.

    PostHog docs, "Sessions".
    """
    if session is None:
        return False
    start = UUID(session).int >> 80
    return UUID(session).version == 7 and start <= min(times) and max(times) < start + DAY_MS
