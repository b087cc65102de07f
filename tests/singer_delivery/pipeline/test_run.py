"""One run after the other, over real HTTP: what they deliver, report and remember."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from singer_delivery.errors import (
    Interrupted,
    ServiceRefused,
    ServiceUnavailable,
    StorageError,
)
from singer_delivery.model import Fact, Note
from singer_delivery.pipeline import run as run_module
from singer_delivery.pipeline.run import Run

from tests.fakes.http.server import Hold
from tests.fakes.http.server import Reply as Answer
from tests.singer_delivery.disks import full_disk
from tests.singer_delivery.pipeline.runs import Scene, Service, lines_of, take
from tests.singer_delivery.toys import within


@pytest.fixture
def service():
    with Service() as service:
        yield service


@pytest.fixture
def scene(tmp_path, service) -> Scene:
    return Scene(tmp_path, service.url)


def send(run: Run, **record: Any) -> None:
    """Take a record, and send what it becomes at once."""
    take(run, **record)
    run._delivery.flush()
    run._dispatch.hurry()


def gone(_state: Any) -> None:
    raise BrokenPipeError


def abandoned(run: Run, body: Callable[[], None]) -> BaseException:
    """Do as a target does when `body` fails."""
    with pytest.raises((Exception, Interrupted)) as caught:
        within(body)
    within(lambda: run.abandon(caught.value))
    return caught.value


def test_a_run_delivers_reports_and_remembers(scene, service):
    run = scene.open()
    take(run, events=[1, 2, 3], said=["ann"])
    take(run, unmappable="no_identity")
    run.checkpoint({"at": 1})
    within(run.finish)
    assert sorted(service.numbers) == [1, 2, 3]
    assert scene.states == [{"at": 1}]
    report = scene.report()
    assert report["outcome"] == "complete"
    assert report["streams"]["events"] == {
        "read": 2,
        "delivered": 1,
        "skipped": {},
        "dead": {"no_identity": 1},
        "undecided": 0,
    }
    assert scene.remembered("person", "ann") == Fact("person", "ann", "v ann", 1)
    assert len(lines_of(scene.folder / "dead.singer")) == 1


def test_a_run_whose_service_is_gone_fails_with_a_sentence_and_keeps_its_state(scene, service):
    service.stop()
    run = scene.open()
    run.checkpoint({"at": 0})
    take(run, events=[1], secret="someone@example.com")
    run.checkpoint({"at": 1})
    error = abandoned(run, run.finish)
    assert isinstance(error, ServiceUnavailable)
    assert scene.states == [{"at": 0}]
    assert scene.report()["outcome"] == str(error)
    assert scene.report()["streams"]["events"]["undecided"] == 1
    assert "someone@example.com" not in (scene.folder / "report.json").read_text()


def test_the_same_run_started_again_delivers_what_was_left(scene, service):
    service.misbehave(Answer(401))
    run = scene.open()
    take(run, events=[1])
    assert isinstance(abandoned(run, run.finish), ServiceRefused)
    run = scene.open()
    take(run, events=[1])
    within(run.finish)
    assert service.numbers == [1]
    assert scene.report()["outcome"] == "complete"


def test_a_run_that_failed_says_so_at_the_next_record(scene, service):
    service.misbehave(Answer(401))
    run = scene.open()
    send(run, events=[1])
    within(lambda: run._dispatch._threads[0].join() or run._dispatch._threads[1].join())
    with pytest.raises(ServiceRefused) as caught:
        take(run, events=[2])
    within(lambda: run.abandon(caught.value))


def test_the_text_of_an_error_that_is_not_ours_stays_out_of_the_report(scene):
    run = scene.open()

    def fail() -> None:
        msg = "someone@example.com"
        raise LookupError(msg)

    abandoned(run, fail)
    assert scene.report()["outcome"] == "LookupError"


def test_a_reader_of_states_that_is_gone_does_not_keep_a_run_from_its_report(scene):
    scene.emit = gone
    run = scene.open()
    with pytest.raises(BrokenPipeError) as caught:
        run.checkpoint({"at": 1})
    within(lambda: run.abandon(caught.value))
    assert scene.report()["outcome"] == "the reader of the output is gone"


def test_an_interrupted_run_counts_the_request_in_flight(scene, service):
    service.misbehave(Hold())
    run = scene.open()
    take(run, events=[1, 2])
    run.checkpoint({"at": 1})
    run._delivery.flush()
    run._dispatch.hurry()
    service.wait_until_held()
    take(run, events=[3])
    run.checkpoint({"at": 2})
    run.interrupt(143)
    with pytest.raises(Interrupted) as caught:
        take(run, events=[4])
    service.release()
    within(lambda: run.abandon(caught.value))
    assert service.numbers == [1, 2]
    assert scene.states == [{"at": 1}]
    report = scene.report()
    assert report["outcome"] == "interrupted"
    assert report["streams"]["events"]["delivered"] == 1
    assert report["streams"]["events"]["undecided"] == 1


def test_an_interrupt_is_noticed_when_the_input_rests(scene):
    run = scene.open()
    run.interrupt(143)
    with pytest.raises(Interrupted) as caught:
        run.rest()
    within(lambda: run.abandon(caught.value))


def test_a_service_that_does_not_answer_is_waited_for_once(scene, service, monkeypatch):
    monkeypatch.setattr(run_module, "GRACE", 0.3)
    waits: list[float] = []
    service.misbehave(Hold())
    run = scene.open()
    send(run, events=[1])
    service.wait_until_held()
    stop = run._dispatch.stop
    monkeypatch.setattr(run._dispatch, "stop", lambda within: (waits.append(within), stop(within)))
    within(lambda: run.abandon(Interrupted(143)))
    service.release()
    assert waits == [0.3]
    assert scene.report()["streams"]["events"]["undecided"] == 1


# The report adds up -------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [3, 5, 8])
def test_a_run_that_is_abandoned_in_the_middle_has_a_report_that_adds_up(
    scene, service, taken, monkeypatch
):
    monkeypatch.setattr(run_module, "GRACE", 0.3)  # one request may not be answered
    service.misbehave(Answer(200), Hold())
    run = scene.open()
    records: list[dict[str, Any]] = [
        {"events": [1, 2]},
        {"skipped": "excluded"},
        {"unmappable": "no_identity"},
        {"events": [3], "late": "found late"},
        {"events": [4, 5]},
        {"events": [6], "skipped": "excluded"},
        {"events": [7]},
        {"skipped": "excluded"},
    ]
    for record in records[:taken]:
        take(run, **record)
        if record.get("events") in ([1, 2], [6]):
            run._delivery.flush()
            run._dispatch.hurry()
    within(lambda: run.abandon(Interrupted(143)))
    service.release()
    counts = scene.report()["streams"]["events"]
    ends = counts["delivered"] + sum(counts["skipped"].values()) + sum(counts["dead"].values())
    assert counts["read"] == taken
    assert counts["undecided"] == taken - ends
    assert counts["dead"]["no_identity"] == 1


def test_what_is_decided_without_being_sent_counts_though_the_run_is_abandoned(scene):
    run = scene.open()
    take(run, skipped="excluded")
    take(run)
    take(run, events=[1])
    within(lambda: run.abandon(Interrupted(143)))
    counts = scene.report()["streams"]["events"]
    assert counts["skipped"] == {"excluded": 1}
    assert counts["delivered"] == 1
    assert counts["undecided"] == 1


def test_while_a_run_goes_on_its_report_says_so(scene):
    run = scene.open()
    assert scene.report()["outcome"] == "running"
    within(run.finish)
    assert scene.report()["outcome"] == "complete"


def test_without_a_report_path_there_is_no_report(scene):
    within(scene.open(report_path=None).finish)
    assert not (scene.folder / "report.json").exists()


@pytest.mark.parametrize("name", ["report_path", "ledger_url", "output_path"])
def test_what_cannot_be_written_stops_the_run_before_anything_is_sent(scene, service, name):
    (scene.folder / "file").write_text("")
    place = scene.folder / "file" / "x"
    changed = f"sqlite:///{place}" if name == "ledger_url" else place
    with pytest.raises(StorageError):
        scene.open(**{name: changed}, dry_run=name == "output_path")
    assert service.journal == []


def test_the_error_that_ended_a_run_is_not_hidden_by_a_full_disk(scene, service, caplog):
    service.misbehave(Answer(401))
    run = scene.open()
    for number in range(200):
        run.report.note(Note("odd", f"{number} " + "x" * 100))
    take(run, events=[1])
    with full_disk(5_000), caplog.at_level(logging.ERROR):
        error = abandoned(run, run.finish)
    assert isinstance(error, ServiceRefused)
    assert any("run report could not be written" in text for text in caplog.messages)


def test_a_report_that_cannot_be_written_at_the_end_is_said_once_and_nothing_else(
    scene, service, caplog
):
    run = scene.open(remember_deliveries=True, keep_books=True)
    for number in range(200):
        run.report.note(Note("odd", f"{number} " + "x" * 100))
    take(run, events=[1])
    (scene.folder / "report.json").unlink()
    (scene.folder / "report.json").mkdir()
    caplog.set_level(logging.INFO)
    error = abandoned(run, run.finish)
    assert isinstance(error, StorageError)
    assert "run report could not be written" in str(error)
    assert "ledger" not in caplog.text
    assert sum(text.startswith("stream or name") for text in caplog.messages) == 1
    assert service.numbers == [1]


# STATE and files ----------------------------------------------------------------------------


def test_state_leaves_while_nothing_is_sent(scene):
    run = scene.open()
    take(run, skipped="excluded")
    run.checkpoint({"at": 1})
    assert scene.states == [{"at": 1}]
    within(run.finish)


def test_a_file_is_removed_once_its_records_are_delivered(scene, service):
    file = scene.folder / "rows.jsonl"
    file.write_text("")
    run = scene.open()
    take(run, events=[1])
    run.end_of_file(file)
    run.checkpoint({"at": 1})
    assert file.exists()

    def rest_until_gone() -> None:
        run.rest(hurry=True)
        while file.exists():
            pass

    within(rest_until_gone)
    assert service.numbers == [1]
    within(run.finish)
    assert scene.states == [{"at": 1}]
