"""Revenue that the sender called by a name of its own, and by Amplitude's."""

from __future__ import annotations

import pytest

from tests.end_to_end.commands import Command
from tests.end_to_end.roads import ROADS, row
from tests.examples import first_of
from tests.singer_delivery.toys import PlayedClock

SAID = {
    "Purchase Completed": {"$revenue": 30.0, "$currency": "EUR"},
    "revenue_amount": {"$price": 10.0, "$quantity": 2},
    "unverified_revenue": {"$price": 10.0, "$quantity": 2, "$revenue": 20.0},
    "Played": {"price": 10.0},
}
ROWS = [row(n, event_type=name, event_properties=SAID[name]) for n, name in enumerate(SAID)]


@pytest.mark.parametrize("road", first_of(ROADS), ids=str)
def test_an_event_has_its_revenue_whatever_it_is_called(tmp_path, monkeypatch, destination, road):
    with destination.open() as service:
        config = destination.settings(service)
        command = Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())
        ended = road.send(command, ROWS)
        events = {event.name: event for event in destination.events(service)}

    assert ended.code == 0, ended.log
    assert {name: destination.revenue(event) for name, event in events.items()} == {
        "Purchase Completed": 30.0,
        "revenue_amount": 20.0,
        "unverified_revenue": 20.0,
        "Played": None,
    }
    assert events["Purchase Completed"].properties["currency"] == "EUR"
