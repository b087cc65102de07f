from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from singer_delivery.endpoint import Judgement, Limits, Reply, Request
from singer_delivery.errors import ServiceRefused, ServiceUnavailable, StorageError
from singer_delivery.ledger.facts import Ledger
from singer_delivery.model import Fact, Note
from singer_delivery.pipeline.dispatcher import Interrupted
from singer_delivery.pipeline.run import Run
from singer_delivery.pipeline.run_settings import RunSettings

from tests.fakes.http.server import Exchange, FakeServer, Hold
from tests.fakes.http.server import Reply as Answer
from tests.singer_delivery.disks import full_disk
from tests.singer_delivery.toys import PlayedClock, ToyEndpoint, mapping, within


class Service(FakeServer):
    """Takes toy events and remembers their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []

    def answer(self, exchange: Exchange, body: bytes) -> Answer:
        self.numbers += [orjson.loads(line)["number"] for line in body.split(b"\n")]
        return Answer(200)


class HttpToy(ToyEndpoint):
    """The toy endpoint at an address."""

    url = ""

    def request(self, encoded: Any) -> Request:
        return Request(self.url, b"\n".join(encoded))

    def judge(self, reply: Reply, count: int) -> Judgement:
        judgement = super().judge(reply, count)
        return replace(judgement, detail=judgement.detail or reply.error)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


class Scene:
    """Settings and files of runs that follow one another."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.states: list[Any] = []
        self.emit: Callable[[Any], None] = self.states.append
        self.settings = RunSettings(
            user_agent="toy/1.0",
            max_in_flight=2,
            max_retries=1,
            max_events_per_second=0,
            ledger_url=f"sqlite:///{folder / 'ledger.sqlite3'}",
            dead_letter_path=folder / "dead.singer",
            report_path=folder / "report.json",
            dry_run=False,
            output_path=folder / "out.jsonl",
        )

    def open(self, **changed: Any) -> Run:
        settings = replace(self.settings, **changed)
        endpoint = HttpToy(limits=Limits(2, 10_000))
        endpoint.url = self.url
        return Run(settings, {"toy": endpoint}, "project", self.emit, PlayedClock())

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return report

    def remembered(self, name: str) -> Fact | None:
        ledger = Ledger(self.settings.ledger_url, "project")
        try:
            return ledger.recall("person", name)
        finally:
            ledger.close()


@pytest.fixture
def scene(tmp_path: Path, service: Service) -> Scene:
    return Scene(tmp_path, service.url)


def take(run: Run, **record: Any) -> None:
    message = json.dumps({"type": "RECORD", "stream": "events", "record": record}).encode()
    run.delivery.take("events", record, message, mapping)


def gone(_state: Any) -> None:
    raise BrokenPipeError


def abandoned(run: Run, body: Callable[[], None]) -> BaseException:
    """Do as a target does when `body` fails."""
    with pytest.raises((Exception, Interrupted)) as caught:
        within(body)
    within(lambda: run.abandon(caught.value))
    return caught.value


def test_a_whole_run_delivers_reports_and_remembers(scene, service):
    run = scene.open()
    take(run, events=[1, 2, 3])
    take(run, unmappable="no_identity")
    run.delivery.checkpoint({"at": 1})
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
    assert scene.remembered("person-1") == Fact("person", "person-1", "v1", 1)
    assert len((scene.folder / "dead.singer").read_bytes().splitlines()) == 1


def test_a_run_whose_service_is_gone_fails_with_a_sentence_and_keeps_its_state(scene, service):
    service.stop()
    run = scene.open()
    run.delivery.checkpoint({"at": 0})
    take(run, events=[1], secret="someone@example.com")
    run.delivery.checkpoint({"at": 1})
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
        run.delivery.checkpoint({"at": 1})
    within(lambda: run.abandon(caught.value))
    assert scene.report()["outcome"] == "BrokenPipeError"


def test_an_interrupted_run_counts_the_request_in_the_air(scene, service):
    service.misbehave(Hold())
    run = scene.open()
    take(run, events=[1, 2])
    run.delivery.checkpoint({"at": 1})
    service.wait_until_held()
    take(run, events=[3])
    run.delivery.checkpoint({"at": 2})
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


# A dry run ----------------------------------------------------------------------------------


def test_a_dry_run_writes_what_it_would_send_and_sends_nothing(scene, service):
    run = scene.open(dry_run=True)
    take(run, events=[1, 2])
    take(run, skipped="excluded")
    take(run, unmappable="no_identity")
    run.delivery.checkpoint({"at": 1})
    within(run.finish)
    lines = [json.loads(line) for line in (scene.folder / "out.jsonl").read_bytes().splitlines()]
    assert lines == [
        {"endpoint": "toy", "kind": "event", "event": {"number": number}} for number in (1, 2)
    ]
    assert service.journal == []
    assert scene.states == []
    report = scene.report()
    assert report["outcome"] == "complete"
    assert report["endpoints"]["toy"]["requests"] == 0
    assert report["streams"]["events"]["delivered"] == 1
    assert not (scene.folder / "ledger.sqlite3").exists()
    assert not (scene.folder / "dead.singer").exists()
    assert (scene.folder / "out.jsonl.dead-letters.singer").exists()
    assert (scene.folder / "out.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_dry_run_changes_no_ledger(scene):
    run = scene.open()
    take(run, events=[1])
    within(run.finish)
    run = scene.open(dry_run=True)
    take(run, events=[2])
    within(run.finish)
    assert scene.remembered("person-1") is not None
    assert scene.remembered("person-2") is None


def test_a_second_dry_run_replaces_the_output_of_the_first(scene):
    for number in (1, 2):
        run = scene.open(dry_run=True)
        take(run, events=[number])
        within(run.finish)
    [line] = (scene.folder / "out.jsonl").read_bytes().splitlines()
    assert json.loads(line)["event"] == {"number": 2}


def test_a_dry_run_can_be_interrupted(scene):
    run = scene.open(dry_run=True)
    take(run, events=[1])
    run.interrupt(130)
    with pytest.raises(Interrupted) as caught:
        take(run, events=[2])
    within(lambda: run.abandon(caught.value))
    assert scene.report()["outcome"] == "interrupted"


def write_many(run: Run) -> None:
    for number in range(1_000):
        take(run, events=[number])
    run.finish()


def test_a_dry_run_on_a_full_disk_ends_with_a_sentence(scene):
    run = scene.open(dry_run=True)
    with full_disk(4_000):
        error = abandoned(run, lambda: write_many(run))
    assert isinstance(error, StorageError)
    assert "output_path" in str(error)
