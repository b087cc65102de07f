"""Whatever the service answers: each person's events arrive in the order they were read.

The whole way of a record, from its mapping to real HTTP, with random people on random devices and
random scripts of replies; time is played.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.destinations import AMPLITUDE, MIXPANEL, POSTHOG, POSTHOG_V1, Destination
from tests.end_to_end.moods import (
    TOO_LARGE,
    PickyAmplitude,
    PickyMixpanel,
    PickyPostHog,
    PickyPostHogV1,
    Reading,
    Record,
)
from tests.end_to_end.run_in_process import run_into
from tests.examples import examples
from tests.fakes.http.exchanges import Act, DropConnection, LoseReply, Reply, TruncateBody
from tests.singer_delivery.toys import restless_threads, within

LINK = "$create_alias"
REPLIES: tuple[Act | None, ...] = (
    None,
    None,
    Reply(503),
    LoseReply(),
    DropConnection(),
    TruncateBody(),
    Reply(429, headers={"Retry-After": "3"}),
    TOO_LARGE,
)


def import_all(
    destination: Destination, fake: Any, records: Sequence[Record], script: Sequence[Act | None]
) -> None:
    for number, act in enumerate(script, 1):
        if act is TOO_LARGE:
            fake.too_large.add(number)
        elif act is not None:
            fake.misbehave(act, when=lambda each, number=number: each.number == number)

    def body() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            run_into(destination, fake, Path(folder)) as take,
        ):
            for record in records:
                take(record)

    with restless_threads():
        within(body)


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def record_of(
    number: int, user: str | None, device: str | None, second: int, **more: Any
) -> Record:
    return {
        "uuid": uuid_of(number),
        "event_type": "Walked",
        "user_id": user,
        "device_id": device,
        "event_time": f"2026-03-01 10:{second // 60:02}:{second % 60:02}.000000",
        "server_upload_time": "2026-03-01 12:00:00.000000",
        "user_properties": {"second": second},
        **more,
    }


@st.composite
def plays(draw: st.DrawFn) -> tuple[list[Record], frozenset[str]]:
    """Draw records of few people on few devices, their times in no order, and the bad ones."""
    count = draw(st.integers(1, 30))
    users = st.sampled_from((None, "ann", "bob", "cyn"))
    devices = st.sampled_from(("phone", "tablet", "laptop"))
    seconds = draw(st.permutations(range(count)))
    records = [
        record_of(number, draw(users), draw(devices), second)
        for number, second in enumerate(seconds)
    ]
    bad = draw(st.frozensets(st.integers(0, count - 1), max_size=2))
    return records, frozenset(map(uuid_of, bad))


def first_arrivals(ids: Sequence[str]) -> dict[str, int]:
    """{id: its place among all arrivals, the first time}."""
    return {each: place for place, each in reversed(list(enumerate(ids)))}


def check_order(
    orders: Mapping[str, Sequence[str]], places: Mapping[str, int], bad: frozenset[str]
) -> None:
    """Events arrived once or more, those of one order first as they were read, and no bad one."""
    whole = {uuid for of in orders.values() for uuid in of}
    assert whole & places.keys() == whole - bad
    for whose, uuids in orders.items():
        found = [places[uuid] for uuid in uuids if uuid not in bad]
        assert found == sorted(found), f"{whose}: {found}"


def check_newest(
    reading: Reading, found: Mapping[str, Any], newest: Mapping[str, int], bad: frozenset[str]
) -> None:
    """Nobody's properties are older than the newest, but where one of theirs was refused."""
    hurt = {
        user
        for device, user in reading.owners.items()
        if not bad.isdisjoint([*reading.orders[user], *reading.before_link[device]])
    }
    for user in set(reading.owners.values()) - hurt:
        assert found[user] == newest[user], user


many = settings(
    max_examples=examples(25),
    deadline=None,
    phases=(Phase.generate,),  # threads do not repeat themselves: shrinking would lead astray
    suppress_health_check=list(HealthCheck),
)
scripts = st.lists(st.sampled_from(REPLIES), max_size=12)


def check_at_posthog(
    fake: PickyPostHog, reading: Reading, places: Mapping[str, int], bad: frozenset[str]
) -> Mapping[str, int | None]:
    """Check when each device was linked; return the newest second that each person keeps."""
    links = {
        each["properties"]["alias"]: (each["distinct_id"], places[each["uuid"]])
        for each in fake.arrivals
        if each["event"] == LINK
    }
    assert {device: user for device, (user, _) in links.items()} == reading.owners
    for device, (user, place) in links.items():
        own = reading.orders[user]
        until = own.index(reading.linking[device])
        earlier = {*reading.before_link[device], *own[:until]} - bad
        assert all(places[uuid] < place for uuid in earlier), f"{device} was linked too early"
        later = set(own[until:]) - bad
        assert all(place < places[uuid] for uuid in later), f"{device} was linked too late"
    assert fake.refused_merges == []
    people = {user: fake.person(user) for user in reading.owners.values()}
    return {user: each.properties.get("second") for user, each in people.items() if each}


def check_at_mixpanel(
    fake: PickyMixpanel, reading: Reading, places: Mapping[str, int], bad: frozenset[str]
) -> Mapping[str, int | None]:
    """Check when each device was linked; return the newest second that each profile keeps."""
    for device, uuid in reading.linking.items():
        earlier = set(reading.before_link[device]) - bad
        is_after = uuid in bad or all(places[each] < places[uuid] for each in earlier)
        assert is_after, f"{device} was linked too early"
    assert fake.conflicts == []
    owners = {device: fake.owner(device) for device in reading.owners}
    assert all(owners[device] in (user, None) for device, user in reading.owners.items())
    if not bad:
        assert owners == reading.owners
    return {user: of.get("second") for user, of in fake.profiles().items()}


def check_at_amplitude(
    fake: PickyAmplitude, reading: Reading, places: Mapping[str, int], bad: frozenset[str]
) -> Mapping[str, int | None]:
    """Check whom each event counts for; return the newest second that each user keeps."""
    expected: dict[str, str] = {}
    for device, events in reading.of_devices.items():
        users = [user for uuid, user in events if uuid not in bad]
        whose = next((user for user in users if user is not None), device)
        for uuid, user in events:
            whose = whose if user is None or uuid in bad else user
            expected[uuid] = whose
    names = fake.names()
    assert names == {uuid: who for uuid, who in expected.items() if uuid not in bad}
    assert fake.violations == []
    users = {each.user_id: each for each in fake.people() if each.user_id is not None}
    return {user: each.properties.get("second") for user, each in users.items()}


class Picky(NamedTuple):
    """A service in its moods, and what is asked of it.

    Attributes:
        id: the name of the id of what arrives.
        check: its own checks.
        newest: whose state is newest, by its rules.
        orders: the events that must keep their order, by whose it is.
    """

    open: Callable[[frozenset[str], frozenset[str]], Any]
    id: str
    check: Callable[..., Mapping[str, int | None]]
    newest: Callable[[Reading], Mapping[str, int]]
    orders: Callable[[Reading], Mapping[str, Sequence[str]]] = lambda reading: reading.orders


def orders_of_devices(reading: Reading) -> Mapping[str, Sequence[str]]:
    return {device: [uuid for uuid, _ in events] for device, events in reading.of_devices.items()}


PICKY = {
    POSTHOG: Picky(PickyPostHog, "uuid", check_at_posthog, lambda reading: reading.newest),
    POSTHOG_V1: Picky(PickyPostHogV1, "uuid", check_at_posthog, lambda reading: reading.newest),
    MIXPANEL: Picky(
        PickyMixpanel, "insert_id", check_at_mixpanel, lambda reading: reading.profiles
    ),
    AMPLITUDE: Picky(
        PickyAmplitude,
        "insert_id",
        check_at_amplitude,
        lambda reading: reading.profiles,
        orders_of_devices,
    ),
}


@many
@given(play=plays(), script=scripts)
def test_each_person_is_received_in_the_order_read(destination, play, script):
    (records, bad), picky = play, PICKY[destination]
    reading = Reading.of(records)
    with picky.open(bad, reading.early) as fake:
        import_all(destination, fake, records, script)

        places = first_arrivals([each[picky.id] for each in fake.arrivals])
        check_order(picky.orders(reading), places, bad)
        found = picky.check(fake, reading, places, bad)
        check_newest(reading, found, picky.newest(reading), bad)


def identify(number: int, second: int, **changes: Any) -> Record:
    return record_of(
        number, "ann", "phone", second, event_type="$identify", user_properties={"$set": changes}
    )


@pytest.mark.parametrize("replies", [(), (LoseReply(),) * 3, (Reply(503), LoseReply())])
def test_no_change_of_a_profile_is_overtaken_by_what_was_told_before(replies):
    records = [
        record_of(1, "ann", "phone", 1, user_properties={"plan": "free", "theme": "light"}),
        identify(2, 2, plan="team"),
        identify(3, 3, theme="dark"),
    ]
    with PickyMixpanel(frozenset()) as fake:
        import_all(MIXPANEL, fake, records, replies)

        profile = fake.profiles()["ann"]
        assert (profile["plan"], profile["theme"]) == ("team", "dark")
