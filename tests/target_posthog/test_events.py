"""What holds for the events of every stream."""

from __future__ import annotations

import pytest
from singer_delivery.model import Event, Note
from target_posthog.events import young
from target_posthog.from_amplitude import FromAmplitude
from target_posthog.from_columns import from_columns
from target_posthog.settings import LIVE_HOURS, MappingSettings

from tests.pairs.walk import AT_10, Walk, a_record, kinds, note_names

LIVE_FROM = 1_709_294_400_000_000
NOTE = Note("younger_than_48_hours")


@pytest.mark.parametrize(
    ("times", "notes"),
    [
        ([], 0),
        ([None], 0),
        ([LIVE_FROM - 1], 0),
        ([LIVE_FROM], 1),
        ([LIVE_FROM - 1, None, LIVE_FROM + 1], 1),
        ([LIVE_FROM, LIVE_FROM], 2),
    ],
)
def test_each_event_that_posthog_takes_for_a_live_one_is_noted(times, notes):
    events = [Event("/batch/", "event", "x", at, {}) for at in times]
    assert young(events, LIVE_FROM) == [NOTE] * notes
    assert young(events, None) == []


@pytest.mark.parametrize(("live_from", "notes"), [(None, 0), (AT_10 + 1, 0), (AT_10, 2)])
def test_the_events_of_a_record_are_noted_one_by_one(live_from, notes):
    settings = MappingSettings(live_from=live_from)
    walked = Walk(lambda: FromAmplitude(settings)).reads(device_id="d1")
    assert kinds(walked) == ["link", "event"]
    assert note_names(walked) == [NOTE.name] * notes


def test_a_link_of_a_record_that_is_left_out_is_noted_too():
    settings = MappingSettings(live_from=AT_10, exclude_events=("Played",))
    walked = Walk(lambda: FromAmplitude(settings)).reads(device_id="d1")
    assert (kinds(walked), walked.skipped) == (["link"], "excluded: Played")
    assert note_names(walked) == [NOTE.name]


def test_an_event_of_named_columns_is_noted():
    columns = {"event": "Ordered", "distinct_id": "user_id", "timestamp": "event_time"}
    settings = MappingSettings(live_from=AT_10)
    walked = Walk(lambda: from_columns("orders", columns, {}, (), settings)).reads_row(a_record())
    assert note_names(walked) == [NOTE.name]


def test_the_hours_are_those_of_posthog_s_documents():
    assert LIVE_HOURS == 48
