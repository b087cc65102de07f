"""`include_events`, `exclude_events`, `rename_events`: brackets, and patterns that met nothing."""

from __future__ import annotations

import pytest

from tests.end_to_end.commands import Command
from tests.end_to_end.roads import ROADS, row
from tests.singer_delivery.toys import PlayedClock

NAMES = ["purchase", "login", "[Amplitude] Page Viewed", "Zoom"]
ROWS = [row(number, event_type=name) for number, name in enumerate(NAMES)]


@pytest.fixture
def service(destination):
    with destination.open() as fake:
        yield fake


@pytest.fixture
def command(tmp_path, destination, service, monkeypatch):
    config = destination.settings(service)
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


def arrived(destination, service):
    return sorted(event.name for event in destination.events(service))


def warnings(ended):
    return [line for line in ended.log.splitlines() if "no event of this run" in line]


@pytest.mark.parametrize("road", ROADS, ids=str)
def test_brackets_are_literal(command, destination, service, road):
    ended = road.send(command, ROWS, exclude_events=["[Amplitude]*"])

    assert ended.code == 0, ended.log
    assert arrived(destination, service) == ["Zoom", "login", "purchase"]
    assert command.report["streams"]["events"]["skipped"] == {
        "excluded: [Amplitude] Page Viewed": 1
    }
    assert warnings(ended) == []


@pytest.mark.parametrize("road", ROADS, ids=str)
def test_a_pattern_that_met_no_event_is_named_at_the_end(command, road):
    settings = {
        "include_events": ["p*", "Zoom", "[pz]oom", "L*"],
        "exclude_events": ["*oo?", "Nothing*"],
        "rename_events": {"purchase": "Bought", "Purchase": "Bought too"},
    }

    ended = road.send(command, ROWS, **settings)

    assert ended.code == 0, ended.log
    said = [line.partition("`, but")[0] for line in warnings(ended)]
    assert said == [
        "`include_events` names `[pz]oom",
        "`include_events` names `L*",
        "`exclude_events` names `Nothing*",
        "`rename_events` names `Purchase",
    ]
    assert "all else for itself" in warnings(ended)[0]
    assert "characters" not in warnings(ended)[-1]


def test_a_run_without_events_has_nothing_to_say_of_patterns(command):
    ended = ROADS[0].send(command, [], exclude_events=["Nothing*"])

    assert ended.code == 0
    assert warnings(ended) == []
