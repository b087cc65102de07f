"""What a run of a target shows of itself, read from its counters."""

from __future__ import annotations

import json
import logging
import time

import pytest
from singer_delivery.endpoint import Reply
from singer_delivery.errors import LedgerInUse, StorageError
from singer_delivery.pipeline import progress as progress_module
from singer_delivery.pipeline.answers import LONG, SILENT, Answers
from singer_delivery.pipeline.progress import hour_of, share_in
from singer_delivery.pipeline.settings import RunSettings
from singer_delivery.progress.reporter import Rhythm

from tests.singer_delivery.pipeline.runs import Scene, Service, take
from tests.singer_delivery.toys import PlayedClock, within


@pytest.fixture
def service():
    with Service() as server:
        yield server


@pytest.fixture
def scene(tmp_path, service):
    return Scene(tmp_path, service.url)


def figures(run):
    return run._progress.figures()


def test_a_share_is_read_where_a_tap_says_one():
    def state(**bookmarks):
        return {"bookmarks": bookmarks}

    def of_100(done):
        return {"done": {"hours": done}, "total": {"hours": 100}}

    assert share_in(state(events=of_100(50), people=of_100(10))) == 0.5
    assert share_in(state(rows=of_100(100))) == 1
    assert share_in(state(rows=of_100(10), people=of_100(20))) is None
    for odd in ("50", 101, -1, True, None, {}, float("nan"), 0.5):
        assert share_in(state(events=of_100(odd))) is None, odd
    for odd in ("50", 0, -1, True, None, {}, float("nan"), 1.5):
        assert share_in(state(events={**of_100(1), "total": {"hours": odd}})) is None, odd
        assert share_in(state(events={**of_100(1), "total": odd})) is None, odd
        assert share_in(state(events={**of_100(1), "done": odd})) is None, odd
    for other in ({}, {"bookmarks": []}, {"bookmarks": {"events": 3}}, {"value": 1}):
        assert share_in(other) is None


def test_an_hour_is_that_of_utc_and_no_time_is_none():
    assert hour_of(1_710_666_000_000_000) == "2024-03-17T09"
    assert hour_of(0) is None
    assert hour_of(1 << 63) is None


def test_the_share_is_that_of_the_state_that_was_given_back(scene):
    run = scene.open()
    take(run, events=[1])
    assert figures(run).share is None
    run.checkpoint({"bookmarks": {"events": {"done": {"days": 1}, "total": {"days": 4}}}})
    within(run.finish)
    assert scene.states == [{"bookmarks": {"events": {"done": {"days": 1}, "total": {"days": 4}}}}]
    assert figures(run).share == 0.25


def test_in_a_pause_nothing_leaves_and_state_of_what_is_decided_is_given_back(scene, service):
    control = scene.folder / "control"
    run = scene.open(control_path=control)
    for number in (1, 2):
        take(run, events=[number])
    run.checkpoint({"n": 1})
    run.rest(hurry=True)
    within(lambda: _until(lambda: len(service.events) == 2 and scene.states))
    take(run, events=[3])
    take(run, events=[4])
    run.checkpoint({"n": 2})  # within the second in which no other STATE is given back
    run._delivery.flush()
    run._dispatch.hurry()
    within(lambda: _until(lambda: len(service.events) == 4))
    control.write_text("pause: true\n")
    run._progress.beat()
    within(lambda: _until(lambda: len(scene.states) == 2))
    assert figures(run).state == "paused"
    take(run, events=[5])
    run.rest(hurry=True)
    time.sleep(0.6)
    assert len(service.events) == 4

    control.unlink()
    run._progress.beat()
    within(run.finish)
    assert len(service.events) == 5


def _until(is_so):
    while not is_so():
        time.sleep(0.01)


def test_what_cannot_be_given_back_in_a_pause_stops_the_run(scene, service):
    def gone(state):
        if state["n"] == 2:
            raise BrokenPipeError

    scene.emit = gone
    control = scene.folder / "control"
    run = scene.open(control_path=control)
    run.checkpoint({"n": 1})
    run.checkpoint({"n": 2})  # within the second in which no other STATE is given back
    control.write_text("pause: true\n")
    run._progress.beat()
    with pytest.raises(BrokenPipeError):
        within(run.finish)
    run.abandon(BrokenPipeError())
    assert service.events == []


def test_a_run_without_input_waits_for_its_tap(scene, monkeypatch):
    monkeypatch.setattr(progress_module, "QUIET", 0.0)
    run = scene.open()
    take(run, events=[1])
    figures(run)
    shown = figures(run)
    assert (shown.state, shown.waits[0].what) == ("waiting", "nothing comes from the tap")
    within(run.finish)
    assert figures(run).state == "finishing"


def test_answers_are_waited_for_once_nothing_gets_through():
    clock = PlayedClock()
    answers = Answers(clock)
    assert answers.wait() is None
    answers.asked()
    answers.heard(Reply(429), is_taken=False)
    assert answers.wait() is None
    clock.sleep(LONG)
    answers.asked()
    answers.heard(Reply(503), is_taken=False)
    assert answers.wait() == ("destination answers 503", LONG)
    answers.asked()
    answers.heard(Reply(0, error="no connection"), is_taken=False)
    assert answers.wait() == ("destination does not answer (no connection)", LONG)
    answers.asked()
    answers.heard(Reply(200), is_taken=True)
    assert answers.wait() is None
    answers.asked()
    clock.sleep(SILENT)
    assert answers.wait() == ("destination has not answered yet", SILENT)


def test_a_run_that_cannot_be_opened_keeps_a_report_with_its_cause(scene):
    reports = scene.folder / "reports"
    (scene.folder / "file").write_text("")
    with pytest.raises(Exception, match="ledger_url"):
        scene.open(reports_path=reports, ledger_url="nothing")
    (path,) = reports.iterdir()
    kept = json.loads(path.read_text())
    assert kept["outcome"] == "failed"
    assert "ledger_url" in kept["cause"]


def test_a_report_that_cannot_be_kept_is_warned_of_once_and_not_pointed_to(scene, caplog):
    caplog.set_level(logging.INFO)
    (scene.folder / "file").write_text("")
    within(scene.open(reports_path=scene.folder / "file" / "reports").finish)
    assert caplog.text.count("set reports_path") == 1
    assert "is kept in" not in caplog.text
    assert f"The run report is in {scene.folder / 'report.json'}." in caplog.messages


def test_a_run_that_cannot_be_opened_leaves_no_report_and_no_status_of_another_one(scene):
    status = scene.folder / "status.json"
    within(scene.open(progress=Rhythm(30, status)).finish)
    assert scene.report()["outcome"] == json.loads(status.read_text())["state"] == "complete"
    folder = scene.folder / "folder"
    folder.mkdir()
    with pytest.raises(StorageError) as caught:
        scene.open(progress=Rhythm(30, status), output_path=folder, dry_run=True)
    assert scene.report()["outcome"] == str(caught.value)
    said = json.loads(status.read_text())
    assert (said["state"], said["cause"]) == ("failed", str(caught.value))


def test_a_second_run_on_the_ledger_leaves_the_status_of_the_first_alone(scene):
    status = scene.folder / "status.json"
    first = scene.open(progress=Rhythm(30, status))
    before = status.read_text()
    with pytest.raises(Exception, match="Another run"):
        scene.open(progress=Rhythm(30, status))
    assert status.read_text() == before
    within(first.finish)
    assert json.loads(status.read_text())["state"] == "complete"


def test_another_run_may_begin_only_when_all_is_said_of_the_first(scene):
    run = scene.open()
    end = run._journal.end

    def while_another_tries(*of):
        with pytest.raises(LedgerInUse):
            scene.open()
        end(*of)

    run._journal.end = while_another_tries
    run.finish()
    assert scene.report()["outcome"] == "complete"
    scene.open().finish()


def test_settings_have_a_rhythm_and_no_files_by_default(scene):
    assert isinstance(scene.settings, RunSettings)
    assert scene.settings.progress == Rhythm(30.0, None)
    assert (scene.settings.control_path, scene.settings.reports_path) == (None, None)
