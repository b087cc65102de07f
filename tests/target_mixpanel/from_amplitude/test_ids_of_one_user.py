"""Original ID Merge has room for 500 ids of a person: what is beyond is counted."""

from __future__ import annotations

import pytest

from tests.destinations import MIXPANEL
from tests.end_to_end.commands import Command
from tests.end_to_end.roads import ROADS, row
from tests.pairs.walk import note_names
from tests.singer_delivery.toys import PlayedClock
from tests.target_mixpanel.importing import Importing

NOTE = "over_500_ids_of_one_user"


def rows(*devices: int) -> list:
    return [row(number, device_id=f"d{number}") for number in devices]


@pytest.mark.parametrize("road", ROADS[::3], ids=str)
def test_what_mixpanel_refuses_without_a_word_is_counted(tmp_path, monkeypatch, road):
    with MIXPANEL.open(identity_merge="original") as service:
        config = {**MIXPANEL.settings(service), "identity_merge": "original"}
        command = Command(MIXPANEL.plugin, tmp_path, config, monkeypatch, PlayedClock())
        counted = []
        for devices in (range(490), range(505), range(505), range(500, 507)):
            ended = road.send(command, rows(*devices))
            assert ended.code == 0, ended.log
            counted.append(command.report["notes"].get(NOTE, 0))
            refused = len({each.merge.ids for each in service.refused_merges})
            assert sum(counted) == refused

    assert counted == [0, 6, 0, 2], "499 devices beside the user, and each counts once"
    assert command.report["examples"][NOTE] == ["u1"]


def test_a_claim_that_was_not_sent_counts_once() -> None:
    importing = Importing(identity_merge="original")
    for number in range(498):
        importing.reads(device_id=f"d{number}")
    importing.cut_off(device_id="d498")
    assert NOTE not in note_names(importing.reads(device_id="d498"))
    assert NOTE in note_names(importing.reads(device_id="d499"))
    assert NOTE not in note_names(importing.reads(device_id="d499"))
    assert NOTE not in note_names(importing.reads(device_id="d0", user_id="u2")), "a conflict"
    left_out = Importing(identity_merge="original", exclude_events=("Played",))
    left_out.known = importing.known
    assert NOTE in note_names(left_out.reads(device_id="d500")), "its link is sent all the same"


def test_simplified_id_merge_has_no_such_limit() -> None:
    importing = Importing()
    noted = {name for n in range(510) for name in note_names(importing.reads(device_id=f"d{n}"))}
    assert NOTE not in noted
    assert importing.known.recall("ids", "u1") is None
