from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from singer_delivery.errors import StorageError
from singer_delivery.model import Note
from singer_delivery.pipeline.report import EXAMPLES, NAMES, OTHER, RunReport


def full_report() -> RunReport:
    report = RunReport(1_800_000_000.0)
    events = report.stream("events")
    events.read, events.delivered = 10, 4
    events.skipped.update({"excluded: A": 2})
    events.dead.update({"refused": 1, "no_identity": 2})
    report.delivered("/batch/", {("event", "Played"): 1})
    report.delivered("/batch/", {("event", "Played"): 1, ("link", "$identify"): 1})
    report.rejected("/batch/", "refused")
    counts = report.endpoint("/batch/")
    counts.requests, counts.bytes_sent = 3, 99
    counts.retries["http 503"] = 1
    report.note(Note("identity_conflict", "device d"))
    report.finished, report.outcome = 1_800_000_002.0, "complete"
    return report


def test_the_report_says_all_of_it_as_json():
    assert full_report().as_dict() == {
        "outcome": "complete",
        "started": "2027-01-15T08:00:00.000+00:00",
        "finished": "2027-01-15T08:00:02.000+00:00",
        "seconds": 2.0,
        "events_per_second": 1.5,
        "streams": {
            "events": {
                "read": 10,
                "delivered": 4,
                "skipped": {"excluded: A": 2},
                "dead": {"no_identity": 2, "refused": 1},
                "undecided": 1,
            }
        },
        "endpoints": {
            "/batch/": {
                "delivered": 3,
                "dead": {"refused": 1},
                "requests": 3,
                "retries": {"http 503": 1},
                "bytes_sent": 99,
            }
        },
        "sent": {"event": 2, "link": 1},
        "events": {"Played": 2, "$identify": 1},
        "notes": {"identity_conflict": 1},
        "examples": {"identity_conflict": ["device d"]},
    }


def test_the_totals_are_of_all_streams():
    report = full_report()
    report.stream("more").read = 5
    report.stream("more").delivered = 5
    assert report.totals() == {
        "events": 3,
        "read": 15,
        "delivered": 9,
        "skipped": 2,
        "dead": 3,
        "undecided": 1,
    }


@pytest.mark.parametrize("finished", [10.0, 7.0])
def test_a_run_of_no_time_has_a_report_and_so_has_one_whose_clock_was_set_back(finished):
    report = RunReport(10.0)
    report.delivered("/batch/", {("event", "Play"): 5})
    report.finished = finished
    said = report.as_dict()
    assert (said["seconds"], said["events_per_second"]) == (0, 0)


def test_examples_are_few_and_different():
    report = RunReport(0.0)
    for number in range(EXAMPLES * 2):
        report.note(Note("odd", f"example {number % (EXAMPLES + 5)}"))
    assert report.notes["odd"] == EXAMPLES * 2
    assert len(report.examples["odd"]) == len(set(report.examples["odd"])) == EXAMPLES


def test_no_event_is_left_out_of_the_count_however_many_names_there_are():
    report = RunReport(0.0)
    for number in range(NAMES + 7):
        report.delivered("/batch/", {("event", f"name {number}"): 1})
    report.delivered("/batch/", {("event", "name 0"): 1})
    assert report.names.total() == NAMES + 8
    assert report.names[OTHER] == 7
    assert report.names["name 0"] == 2


def test_the_file_is_the_report_for_its_owner_alone(tmp_path: Path):
    path = tmp_path / "folder" / "report.json"
    report = full_report()
    report.names["Zoë 🦆"] = 1
    report.write(path)
    assert json.loads(path.read_text(encoding="utf-8")) == report.as_dict()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_report_that_cannot_be_written_is_a_storage_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"report\.json"):
        full_report().write(tmp_path / "file" / "report.json")
