"""A dry run writes what a run would send, and changes nothing."""

from __future__ import annotations

import pytest
from singer_delivery.errors import Interrupted, StorageError, TooManyDeadLetters
from singer_delivery.pipeline.run import Run

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


def test_a_dry_run_writes_what_it_would_send_and_sends_nothing(scene, service):
    run = scene.open(dry_run=True)
    take(run, events=[1, 2], person="ann")
    take(run, skipped="excluded")
    take(run, unmappable="no_identity")
    take(run, events=[3], person="ann", order="ann", value="v", at=1, deferred=True)
    run.checkpoint({"at": 1})
    within(run.finish)
    written = lines_of(scene.folder / "out.jsonl")
    assert [line["event"]["number"] for line in written] == [1, 2, 3]
    assert written[0] == {
        "endpoint": "toy",
        "kind": "event",
        "event": {"number": 1, "person": "ann"},
    }
    assert service.journal == []
    assert scene.states == []
    report = scene.report()
    assert report["outcome"] == "complete"
    assert report["endpoints"]["toy"]["requests"] == 0
    assert report["endpoints"]["toy"]["delivered"] == 3
    assert report["streams"]["events"]["delivered"] == 2
    assert not (scene.folder / "ledger.sqlite3").exists()
    assert not (scene.folder / "dead.singer").exists()
    assert (scene.folder / "out.jsonl.dead-letters.singer").exists()
    assert (scene.folder / "out.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_dry_run_is_known_as_one_before_its_end(scene):
    """Else the report of one that was killed would count as delivered what it wrote down."""
    run = scene.open(dry_run=True)
    take(run, events=[1])
    assert run.report.as_dict()["plan"] == {}
    within(run.finish)
    assert run.report.as_dict()["plan"]["events"] == 1


def test_a_dry_run_changes_no_ledger(scene):
    run = scene.open()
    take(run, events=[1], said=["ann"])
    within(run.finish)
    run = scene.open(dry_run=True)
    take(run, events=[2], said=["bob"], claims=["device"])
    within(run.finish)
    assert scene.remembered("person", "ann") is not None
    assert scene.remembered("person", "bob") is None
    assert scene.remembered("owner", "device") is None


def test_a_second_dry_run_replaces_the_output_of_the_first(scene):
    for number in (1, 2):
        run = scene.open(dry_run=True)
        take(run, events=[number])
        within(run.finish)
    [line] = lines_of(scene.folder / "out.jsonl")
    assert line["event"]["number"] == 2


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
    with full_disk(4_000), pytest.raises(StorageError, match="output_path") as caught:
        within(lambda: write_many(run))
    within(lambda: run.abandon(caught.value))
    assert scene.report()["outcome"] == str(caught.value)


def test_too_many_dead_letters_stop_a_run_but_no_dry_run(scene):
    run = scene.open(dry_run=True, max_dead_letters="0")
    take(run, unmappable="no_identity")
    within(run.finish)
    run = scene.open(max_dead_letters="0")
    with pytest.raises(TooManyDeadLetters) as caught:
        take(run, unmappable="no_identity")
    within(lambda: run.abandon(caught.value))
    assert scene.report()["outcome"] == str(caught.value)
