"""What cannot be mended when a run is over is said at the first event of its kind."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tests.destinations import AMPLITUDE, MIXPANEL, POSTHOG
from tests.end_to_end.commands import Command
from tests.end_to_end.roads import ROADS, row
from tests.examples import first_of
from tests.singer_delivery.toys import PlayedClock

CASES = [
    (POSTHOG, timedelta(hours=47), "younger_than_48_hours", "younger than 48 hours: PostHog bills"),
    (POSTHOG, timedelta(hours=49), None, "younger"),
    (MIXPANEL, timedelta(days=3 * 366), "older_than_retention", "older than `retention_years`"),
    (MIXPANEL, timedelta(days=365), None, "older"),
]


@pytest.mark.parametrize("road", first_of(ROADS), ids=str)
@pytest.mark.parametrize(("destination", "age", "note", "words"), CASES, ids=str)
def test_the_first_event_that_is_paid_for_in_vain_is_a_warning(
    tmp_path, monkeypatch, destination, age, note, words, road
):
    happened = (datetime.now(timezone.utc) - age).strftime("%Y-%m-%d %H:%M:%S.%f")
    rows = [row(n, event_time=happened, server_upload_time=happened) for n in range(3)]
    with destination.open() as service:
        config = destination.settings(service)
        command = Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())
        ended = road.send(command, rows)

    assert ended.code == 0, ended.log
    said = [number for number, line in enumerate(ended.log.splitlines()) if words in line]
    if note is None:
        assert said == []
        return
    assert len(said) == 1, "once, however many there are"
    counted = [n for n, line in enumerate(ended.log.splitlines()) if line.startswith("Counted: ")]
    assert len(counted) == 1
    assert f"{note} 3" in ended.log.splitlines()[counted[0]]
    assert said[0] < counted[0]


@pytest.mark.slow
@pytest.mark.parametrize("road", first_of(ROADS), ids=str)
def test_the_first_type_of_event_that_amplitude_never_shows_is_a_warning(
    tmp_path, monkeypatch, road
):
    """It shows 2,000 (Amplitude docs, "Limits"); those of the rows before count, too."""
    rows = [row(n, event_type=f"Type {n % 2_002}", device_id="d-1") for n in range(2_003)]
    with AMPLITUDE.open() as service:
        config = AMPLITUDE.settings(service)
        command = Command(AMPLITUDE.plugin, tmp_path, config, monkeypatch, PlayedClock())
        ended = road.send(command, rows)

    assert ended.code == 0, ended.log
    said = [line for line in ended.log.splitlines() if "types of events were sent" in line]
    assert len(said) == 1, "once, however many there are"
    assert "event_type_over_2000 2" in ended.log
