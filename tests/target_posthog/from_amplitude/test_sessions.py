"""Sessions: `session_id` is the device's clock, and `event_time` is not."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.target_posthog.from_amplitude.remembering import Importing

DAY = timedelta(days=1)
START = datetime(2024, 3, 1, 9, 58, 30, 250_000)  # noqa: DTZ001 - as exports write it, in UTC
START_MS = 1_709_287_110_250
"""The same in milliseconds since 1970."""

skews = st.timedeltas(timedelta(days=-4_000), timedelta(days=4_000))
"""How far a device's clock can be off."""


def text(time: datetime) -> str:
    return time.isoformat(" ", "microseconds")


def session_of(since: timedelta, skew: timedelta, **fields: object) -> str | None:
    """Return the session of an event this long after the start, by a clock that is this far off."""
    by_device = START + since
    corrected = by_device + skew
    row = {
        "client_event_time": text(by_device),
        "event_time": text(corrected),
        "server_upload_time": text(corrected + timedelta(hours=1)),
        "session_id": START_MS,
        "device_id": "d1",
        **fields,
    }
    return Importing().reads(**row).events[-1].body["properties"].get("$session_id")


def starts(session: str) -> datetime:
    made = uuid.UUID(session)
    assert made.version == 7
    at = datetime.fromtimestamp((made.int >> 80) / 1000, timezone.utc)
    return at.replace(tzinfo=None)


@settings(deadline=None, max_examples=examples(25))
@given(st.lists(st.tuples(st.timedeltas(timedelta(0), DAY - timedelta(microseconds=1)), skews)))
def test_all_events_of_a_session_have_one_id_and_are_after_its_time(events: list) -> None:
    sessions = {session_of(since, skew) for since, skew in events}
    assert len(sessions) == (1 if events else 0)
    for session in sessions:
        assert session is not None
        for since, _ in events:
            assert timedelta(0) <= START + since - starts(session) < DAY


@pytest.mark.parametrize(
    "since", [timedelta(milliseconds=-1), timedelta(days=-3), DAY, DAY + timedelta(hours=1)]
)
@settings(deadline=None, max_examples=examples(25))
@given(skews)
def test_an_event_outside_the_day_of_its_session_has_none(
    since: timedelta, skew: timedelta
) -> None:
    assert session_of(since, skew) is None


@pytest.mark.parametrize("skew", [timedelta(seconds=-2), timedelta(hours=-1), timedelta(hours=9)])
def test_without_the_device_s_time_an_event_near_its_session_belongs_to_it(
    skew: timedelta,
) -> None:
    expected = session_of(timedelta(0), timedelta(0))
    for unknown in (None, "soon", ""):
        assert session_of(timedelta(0), skew, client_event_time=unknown) == expected
    assert session_of(timedelta(0), timedelta(days=-2), client_event_time=None) is None


def test_sessions_of_a_device_are_told_apart_by_their_start_and_their_device() -> None:
    hour = timedelta(hours=1)
    one, other_device, other_start = (
        session_of(hour, timedelta(0), **fields)
        for fields in ({}, {"device_id": "d2"}, {"session_id": START_MS + 1})
    )
    assert len({one, other_device, other_start}) == 3
