from __future__ import annotations

import pytest

from tests.fakes.amplitude_batch import FakeAmplitudeBatch
from tests.fakes_tests.amplitude_batch.sending import Clock, event, send


def many(first: int, count: int, **keys) -> list[dict]:
    return [event(number, **keys) for number in range(first, first + count)]


def open_fake(clock: Clock, **limits: int) -> FakeAmplitudeBatch:
    """An Amplitude of 2 events a second and id, which is 60 in 30 seconds."""
    return FakeAmplitudeBatch(now=clock, **{"eps_threshold": 2, **limits})


def test_the_limits_are_restated():
    amplitude = FakeAmplitudeBatch()
    assert (amplitude._devices._most, amplitude._devices._quota) == (30_000, 500_000)


def test_an_id_over_its_pace_refuses_the_request_and_is_named():
    clock = Clock()
    other = event(999, user_id="user-bob", device_id="phone-2")
    with open_fake(clock) as amplitude:
        assert send(amplitude, *many(0, 60)).status_code == 200
        clock.forward(seconds=29)
        reply = send(amplitude, other, *many(60, 3, user_id="user-cid"))
    assert reply.status_code == 429
    assert reply.json() == {
        "code": 429,
        "error": "Too many requests for some devices and users",
        "eps_threshold": 2,
        "throttled_devices": {"phone-1": 2},
        "throttled_users": {},
        "exceeded_daily_quota_devices": {},
        "exceeded_daily_quota_users": {},
        "throttled_events": [1, 2, 3],
    }
    assert len(amplitude.arrivals) == 60


def test_users_are_counted_as_devices_are():
    with open_fake(Clock()) as amplitude:
        assert send(amplitude, *many(0, 60, device_id=...)).status_code == 200
        reply = send(amplitude, event(60, device_id="phone-2"))
    assert reply.json()["throttled_users"] == {"user-ana": 2}
    assert reply.json()["throttled_devices"] == {}


def test_the_pace_is_a_mean_of_thirty_seconds():
    clock = Clock()
    with open_fake(clock) as amplitude:
        assert send(amplitude, *many(0, 40)).status_code == 200
        clock.forward(seconds=15)
        assert send(amplitude, *many(40, 20)).status_code == 200
        assert send(amplitude, event(60)).status_code == 429
        clock.forward(seconds=15)
        assert send(amplitude, *many(60, 40)).status_code == 200
        assert send(amplitude, event(100)).status_code == 429


def test_what_was_refused_does_not_count():
    clock = Clock()
    with open_fake(clock) as amplitude:
        for _ in range(5):
            assert send(amplitude, *many(0, 61)).status_code == 429
        assert send(amplitude, *many(0, 60)).status_code == 200


def test_a_day_has_its_quota_and_rolls_on_by_the_hour():
    clock = Clock()
    with open_fake(clock, daily_quota=50) as amplitude:
        assert send(amplitude, *many(0, 50)).status_code == 200
        clock.forward(hours=23, minutes=59)
        reply = send(amplitude, event(50))
        clock.forward(minutes=1)
        assert send(amplitude, event(50)).status_code == 200
    said = reply.json()
    assert reply.status_code == 429
    assert said["exceeded_daily_quota_devices"] == {"phone-1": 51}
    assert said["exceeded_daily_quota_users"] == {"user-ana": 51}
    assert (said["throttled_devices"], said["throttled_events"]) == ({}, [0])


@pytest.mark.parametrize("over", [False, True])
def test_a_silenced_device_is_a_400_of_its_own(over):
    with open_fake(Clock()) as amplitude:
        amplitude.silenced.add("phone-2")
        good = many(0, 61 if over else 1)
        reply = send(amplitude, *good, event(99, device_id="phone-2", user_id="user-bob"))
    said = reply.json()
    assert (reply.status_code, said["error"]) == (400, "Events silenced for device_id")
    assert (said["silenced_devices"], said["silenced_events"]) == (["phone-2"], [len(good)])
    assert said["throttled_events"] == (list(range(61)) if over else [])
    assert len(amplitude.arrivals) == 0
