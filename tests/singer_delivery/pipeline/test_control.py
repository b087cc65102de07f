"""The control file: what it may hold, and what it does to the pace."""

from __future__ import annotations

import json
import os

import pytest
from singer_delivery.pipeline.control import Control, Wanted, wanted_in
from singer_delivery.pipeline.pace import Pace

from tests.singer_delivery.toys import PlayedClock, within


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", Wanted()),
        ("\n  # nothing yet\n", Wanted()),
        ('{"max_events_per_second": 500, "pause": false}', Wanted(500.0)),
        ('{"pause": true}', Wanted(is_paused=True)),
        ("max_events_per_second: 500\npause: true\n", Wanted(500.0, is_paused=True)),
        ("pause = on  # until Monday\n", Wanted(is_paused=True)),
        ("max_events_per_second=0\r\n", Wanted(0.0)),
        ('{"max_events_per_second": null}', Wanted()),
    ],
)
def test_what_a_file_asks_for(text, wanted):
    assert wanted_in(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        '{"pause": tr', '{"pause": "perhaps"}', '{"pause": 1}', "pause: perhaps", "pause",
        "max_events_per_second: many", "max_events_per_second: -1",
        '{"max_events_per_second": true}',
        "max_events_per_second: nan", "max_events_per_second: inf", "max_event_per_second: 5",
        '{"max_events_per_second": [5]}', "{" * 3_000,
        '{"max_events_per_second": 1' + "0" * 400 + "}",
    ],
)  # fmt: skip
def test_what_cannot_be_read(text):
    with pytest.raises(ValueError, match=r"^(it|a line|pause|max_events_per_second) ") as caught:
        wanted_in(text)
    assert "perhaps" not in str(caught.value), "nothing of it is quoted"


@pytest.fixture
def pace():
    return Pace(100, PlayedClock())


def look(control, times=1):
    for _ in range(times):
        control.look()


def test_a_file_changes_pace_and_pause_and_its_end_changes_them_back(tmp_path, pace):
    path = tmp_path / "control"
    control = Control(path, pace)
    look(control)
    assert (pace.per_second, pace.is_paused) == (100, False)
    path.write_text("max_events_per_second: 7\npause: true\n")
    look(control)
    assert (pace.per_second, pace.is_paused) == (7, True)
    path.write_text(json.dumps({"max_events_per_second": 9}))
    look(control)
    assert (pace.per_second, pace.is_paused) == (9, False)
    path.unlink()
    look(control)
    assert (pace.per_second, pace.is_paused) == (100, False)


def test_bad_content_is_warned_of_once_and_the_old_pace_stays(tmp_path, pace, caplog):
    path = tmp_path / "control"
    path.write_text("max_events_per_second: 7\npause: true\n")
    control = Control(path, pace)
    look(control)
    path.write_text("pause: perhaps, says ann@example.com\n")
    look(control)
    assert caplog.text == "" or "changes nothing" not in caplog.text, "perhaps half written"
    look(control, 5)
    assert (pace.per_second, pace.is_paused) == (7, True)
    assert caplog.text.count("changes nothing, since pause must be true or false") == 1
    assert "ann@example.com" not in caplog.text
    path.write_text("pause: false\n")
    look(control)
    assert (pace.per_second, pace.is_paused) == (100, False)


@pytest.mark.parametrize("make", ["folder", "pipe", "large", "bytes"])
def test_what_is_no_control_file_is_warned_of_once(tmp_path, pace, caplog, make):
    path = tmp_path / "control"
    if make == "folder":
        path.mkdir()
    elif make == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"#" * 5_000 if make == "large" else b"pause: \xff")
    within(lambda: look(Control(path, pace), 6))
    assert caplog.text.count("changes nothing") == 1
    assert (pace.per_second, pace.is_paused) == (100, False)
