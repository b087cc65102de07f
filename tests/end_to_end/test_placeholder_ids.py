"""An export in which programs wrote `unknown` and the like where they knew no id."""

from __future__ import annotations

import pytest

from tests.end_to_end.commands import Command
from tests.end_to_end.roads import ROADS, row
from tests.singer_delivery.toys import PlayedClock

IDS = [
    ("unknown", "D1"), ("amy", "D1"), ("unknown", "D2"), ("ben", "D2"), ("cat", "unknown"),
    (None, "unknown"), ("dan", "lmy47d"), ("lmy47d", "D3"),
]  # fmt: skip
ROWS = [
    row(number, user_id=user, device_id=device, amplitude_id=number)
    for number, (user, device) in enumerate(IDS, start=1)
]


@pytest.mark.parametrize("road", ROADS, ids=str)
def test_nobody_owns_a_device_and_no_device_joins_people(tmp_path, monkeypatch, destination, road):
    with destination.open() as service:
        config = destination.settings(service)
        command = Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())
        ended = road.send(command, ROWS)
        people = [destination.ids(person) for person in service.people()]

    assert ended.code == 0, ended.log
    notes = command.report["notes"]
    assert (notes["illegal_user_id"], notes["illegal_device_id"]) == (3, 3)
    assert "identity_conflict" not in notes
    for expected in ({"amy", "D1"}, {"ben", "D2"}, {"cat"}, {"dan"}, {"D3"}):
        assert expected in people
    assert {"unknown", "lmy47d"}.isdisjoint(each for person in people for each in person)
