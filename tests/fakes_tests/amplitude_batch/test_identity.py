"""Each table of Amplitude's "Track unique users", in order of arrival."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.amplitude_batch.identity import Identities
from tests.fakes_tests.amplitude_batch.sending import DAY_MS, delivered, event, identify


def seen(*pairs: tuple[str | None, str | None], **project):
    """An Amplitude that took one event of each (device, user)."""
    return delivered(
        *(
            event(number, device_id=device or ..., user_id=user or ...)
            for number, (device, user) in enumerate(pairs)
        ),
        **project,
    )


def ids(amplitude) -> list[int]:
    return [row["amplitude_id"] for row in amplitude.rows()]


def names(amplitude) -> list[str]:
    return [row["person"] for row in amplitude.rows()]


def test_a_device_without_a_user_is_somebody():
    amplitude = seen(("device-a", None), ("device-a", None), ("device-b", None))
    assert ids(amplitude) == [1, 1, 2]
    assert names(amplitude) == ["device-a", "device-a", "device-b"]


def test_a_user_takes_over_what_was_anonymous():
    amplitude = seen(("device-g", None), ("device-g", "user-john"))
    assert ids(amplitude) == [1, 1]
    assert names(amplitude) == ["user-john"] * 2


def test_a_user_on_two_devices_is_one():
    amplitude = seen(("device-k", "user-zack"), ("device-l", "user-zack"))
    assert ids(amplitude) == [1, 1]
    assert amplitude.user("user-zack").device_ids == {"device-k", "device-l"}


def test_on_a_shared_device_the_anonymous_belongs_to_the_last_user_and_two_stay_two():
    amplitude = seen(
        ("device-r", "user-jane"), ("device-r", None), ("device-r", "user-mary"), ("device-r", None)
    )
    assert names(amplitude) == ["user-jane", "user-jane", "user-mary", "user-mary"]
    assert len(amplitude.people()) == 2


def test_what_a_first_user_took_over_is_not_taken_from_them():
    amplitude = seen(
        ("device-g", None), ("device-g", "user-john"), ("device-g", "user-mary"), ("device-g", None)
    )
    assert ids(amplitude) == [1, 1, 2, 2]
    assert [person.merged_ids for person in amplitude.people()] == [[], []]


def test_somebody_anonymous_who_turns_out_to_be_known_is_merged_in_queries_only():
    amplitude = seen(
        ("device-y", "user-david"),
        ("device-z", None),
        ("device-z", "user-david"),
        ("device-z", None),
    )
    assert ids(amplitude) == [1, 2, 1, 1]
    assert {row["canonical"] for row in amplitude.rows()} == {1}
    david = amplitude.user("user-david")
    assert (david.amplitude_id, david.merged_ids, david.events) == (1, [2], 4)
    assert amplitude.people() == [david]


def test_what_is_anonymous_and_late_goes_to_the_last_user_of_the_device():
    amplitude = seen(("device-r", "user-jane"), ("device-r", "user-mary"), ("device-r", None))
    assert names(amplitude)[2] == "user-mary"


def test_a_user_without_a_device_is_one_and_links_nothing():
    amplitude = seen((None, "user-jane"), ("device-r", None), (None, "user-jane"))
    assert names(amplitude) == ["user-jane", "device-r", "user-jane"]


def test_an_identify_links_as_an_event_does_and_is_none():
    login = identify(9, {"$set": {"plan": "pro"}}, device_id="device-g", user_id="user-john")
    amplitude = delivered(event(1, device_id="device-g", user_id=...), login)
    john = amplitude.user("user-john")
    assert (john.events, john.first_used, names(amplitude)) == (1, DAY_MS + 1, ["user-john"])


def test_an_identify_alone_makes_nobody_new():
    john = delivered(identify(1, {"$set": {"plan": "pro"}})).user("user-ana")
    assert (john.events, john.first_used) == (0, None)


def test_somebody_is_new_at_their_earliest_event_whatever_arrives_first():
    amplitude = delivered(event(1, time=DAY_MS), event(2, time=5), event(3, time=DAY_MS + 9))
    ana = amplitude.user("user-ana")
    assert (ana.first_used, ana.last_used) == (5, DAY_MS + 9)


def test_the_device_of_an_event_before_the_link_makes_the_user_new_too():
    amplitude = delivered(
        event(1, device_id="device-y", user_id="user-david", time=DAY_MS),
        event(2, device_id="device-z", user_id=..., time=7),
        event(3, device_id="device-z", user_id="user-david", time=DAY_MS),
    )
    assert amplitude.user("user-david").first_used == 7


def test_a_device_that_another_project_knows_is_that_users_here_too():
    amplitude = seen(("device-r", None), elsewhere={"device-r": "user-jane"})
    assert names(amplitude) == ["user-jane"]
    assert amplitude.device("device-r") == amplitude.user("user-jane")


def test_whom_nobody_knows_is_none():
    amplitude = seen(("device-r", None))
    assert amplitude.user("user-ana") is None
    assert amplitude.device("device-q") is None
    assert amplitude.device("device-r").name == "device-r"


SEQUENCES = st.lists(
    st.tuples(st.sampled_from([None, "a", "b"]), st.sampled_from([None, "x", "y", "z"]))
)


@given(SEQUENCES)
@settings(deadline=None)
def test_users_are_never_merged_and_the_anonymous_goes_to_the_last_user(pairs):
    people, last = Identities({}), {}
    for user, device in pairs:
        if user is None and device is None:
            continue
        found = people.canonical(people.meet(user, device))
        if user is not None:
            assert found == people.of_user(user)
            last[device] = user
        elif device in last:
            assert found == people.of_user(last[device])
    known = [people.of_user(user) for user in ("a", "b") if people.of_user(user) is not None]
    assert len(set(known)) == len(known)
    assert all(people.canonical(found) == found for found in known)
