"""Processes that map: they make the same of a block, and end with the run, however it ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from singer_delivery.errors import Interrupted, WorkerLost
from singer_delivery.pipeline import blocks, workers
from singer_delivery.pipeline.blocks import Block, Input
from singer_delivery.pipeline.packing import Tasks
from singer_delivery.pipeline.report import StreamCounts
from singer_delivery.pipeline.workers import Workers

from tests.examples import first_of
from tests.singer_delivery.pipeline.runs import Scene, Service, take
from tests.singer_delivery.toys import ToyDecision, ToyEndpoint, ToyMapping, within

ROOT = Path(__file__).resolve().parents[3]


def nothing() -> None:
    return None


@pytest.fixture
def tasks() -> Tasks:
    return Tasks({"toy": ToyEndpoint()}, packs=True)


@pytest.fixture
def opened(tasks) -> Iterator[Callable[[int | None], Workers]]:
    found: list[Workers] = []

    def open_some(count: int | None) -> Workers:
        found.append(Workers(count, tasks))
        return found[-1]

    yield open_some
    for each in found:
        each.close()


def block(number: int, records: int = 1, mapping: Any = None) -> Block:
    of = Input("events", mapping or ToyMapping(), StreamCounts(), are_messages=False, service="toy")
    made = Block(number)
    for event in range(records):
        made.add(of, orjson.dumps({"events": [number * 1_000 + event]}), ToyDecision(), 0, None)
    return made


def results(of: Workers) -> list[int]:
    """Return the numbers of all blocks that are left, as they come back."""
    found = []
    while (each := of.result(nothing, is_needed=True)) is not None:
        found.append(each[0].number)
    return found


def processes(of: Workers) -> list[Any]:
    assert of._pool is not None
    return list(of._pool._processes.values())


# Blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2])
def test_blocks_come_back_in_their_order(opened, count):
    some = opened(count)
    for number in range(6):
        some.map(block(number, records=6 - number))
    within(lambda: results(some) == [*range(6)] or pytest.fail("in another order"))
    assert some.result(nothing, is_needed=True) is None


def test_what_is_not_mapped_is_not_waited_for_unless_it_is_needed(opened):
    some = opened(1)
    some.map(block(0, records=900))
    while some.result(nothing, is_needed=False) is None:
        pass
    some.map(block(1))
    assert some.result(nothing, is_needed=True) is not None


def test_a_block_is_mapped_here_when_the_processes_have_enough(opened):
    some = opened(2)
    some.start()
    for process in processes(some):
        os.kill(process.pid, signal.SIGSTOP)
    try:
        for number in range(workers.BLOCKS_EACH * 2 + 2):
            some.map(block(number))
        is_mapped = [future.done() for _, future in some._under_way]
    finally:
        for process in processes(some):
            os.kill(process.pid, signal.SIGCONT)
    assert is_mapped == [False] * workers.BLOCKS_EACH * 2 + [True, True]
    within(lambda: results(some) == [*range(len(is_mapped))] or pytest.fail("in another order"))


def test_a_run_that_is_told_to_stop_does_not_wait_for_a_block(opened):
    some = opened(1)
    some.map(block(0))

    def stop() -> None:
        raise Interrupted(143)

    with pytest.raises(Interrupted):
        some.result(stop, is_needed=True)


class Failing(ToyMapping):
    def map(self, record: Any, decision: Any) -> Any:
        raise LookupError


@pytest.mark.parametrize("count", [0, 1])
def test_an_error_of_the_mapping_is_the_run_s(opened, count):
    some = opened(count)
    with pytest.raises(LookupError):  # noqa: PT012 - it is raised by one or the other
        some.map(block(0, mapping=Failing()))
        some.result(nothing, is_needed=True)


# When they start ----------------------------------------------------------------------------


def test_no_process_is_started_for_a_short_run(opened):
    some = opened(None)
    some._count = 1  # also on a machine of one core
    some.map(block(0))
    assert some._pool is None
    some.map(block(1, records=blocks.MOST_RECORDS))
    assert some._pool is not None
    assert results(some) == [0, 1]


def test_blocks_are_mapped_here_until_the_processes_have_come_up(opened):
    some = opened(None)
    some._count = 1
    some.start()
    number = 0
    while not some.are_up:
        some.map(block(number))
        some.result(nothing, is_needed=True)
        number += 1
    some.map(block(number))
    assert results(some) == [number]


def test_with_no_processes_none_is_started(opened):
    some = opened(0)
    some.start()
    some.map(block(0, records=blocks.MOST_RECORDS))
    assert some._pool is None


# When they end ------------------------------------------------------------------------------


def test_a_process_that_is_killed_stops_the_run_with_a_sentence(opened):
    some = opened(1)
    some.start()
    [process] = processes(some)
    process.kill()
    process.join(10)
    with pytest.raises(WorkerLost, match="with fewer `processes`"):  # noqa: PT012 - one or the other
        some.map(block(0))
        some.result(nothing, is_needed=True)


def test_processes_that_cannot_be_started_stop_the_run_with_a_sentence(opened, monkeypatch):
    """As in a container without /dev/shm, or with no memory left."""

    def refused(*_of: Any, **_options: Any) -> Any:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(workers, "ProcessPoolExecutor", refused)
    with pytest.raises(WorkerLost, match=r"started \(Function not impl.*with fewer `processes`"):
        opened(1).map(block(0))


def test_a_signal_that_ends_a_process_too_is_what_the_run_tells_of(opened):
    some = opened(1)
    some.start()
    some.map(block(0))
    [process] = processes(some)
    process.kill()
    process.join(10)

    def stop() -> None:
        raise Interrupted(130)

    with pytest.raises(Interrupted):
        some.result(stop, is_needed=True)


def test_processes_hear_no_signal_of_the_run(opened):
    some = opened(1)
    some.start()
    [process] = processes(some)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(process.pid, number)
    some.map(block(0))
    assert results(some) == [0]


def test_closing_ends_them(opened):
    some = opened(2)
    some.start()
    mine = processes(some)
    some.map(block(0, records=900))
    within(some.close)
    assert not any(process.is_alive() for process in mine)


@pytest.fixture
def service():
    with Service() as service:
        yield service


def test_a_run_that_loses_a_process_ends_in_order_and_is_started_again(tmp_path, service):
    scene = Scene(tmp_path, service.url)
    run = scene.open(processes=1)
    take(run, events=[1])
    run.rest(hurry=True)
    within(run._dispatch.drain)
    processes(run.workers)[0].kill()
    processes(run.workers)[0].join(10)
    with pytest.raises(WorkerLost) as caught:  # noqa: PT012 - the block that is closed
        take(run, events=[2])
        run.rest()
    within(lambda: run.abandon(caught.value))
    assert scene.report()["outcome"] == str(WorkerLost())
    assert scene.report()["streams"]["events"]["undecided"] == 1

    again = scene.open(processes=1)
    for number in (1, 2):
        take(again, events=[number])
    within(again.finish)
    assert set(service.numbers) == {1, 2}


# A run as a program -------------------------------------------------------------------------

PROGRAM = """\
import json, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
print("started", flush=True)
from tests.singer_delivery.pipeline.runs import Scene, processes_of, take

def main():
    scene = Scene(Path({folder!r}), {url!r})
    run = scene.open(processes=2)
    for number in range(5):
        take(run, events=[number])
    run.rest(hurry=True)
    print(json.dumps(processes_of(run)), flush=True)
    if "wait" in sys.argv:
        time.sleep(60)
    run.finish()
    print("finished", flush=True)

{guard}main()
"""


def program(folder: Path, url: str, guard: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a console script, a file without a suffix as package managers write them."""
    path = folder / "toy-target"
    path.write_text(PROGRAM.format(root=str(ROOT), folder=str(folder), url=url, guard=guard))
    command = [sys.executable, str(path), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.parametrize("guard", first_of(['if __name__ == "__main__": ', ""]))
def test_a_console_script_runs_once_however_many_processes_map(tmp_path, service, guard):
    with program(tmp_path, service.url, guard) as started:
        assert started.stdout is not None
        lines = started.stdout.read().split("\n")
        assert started.wait(30) == 0
    assert (lines[0], *lines[2:]) == ("started", "finished", "")
    assert sorted(service.numbers) == [*range(5)]


def is_alive(process: int) -> bool:
    """Tell whether a process runs; one that waits to be buried does not."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_process_outlives_a_run_that_is_killed(tmp_path, service):
    with program(tmp_path, service.url, "", "wait") as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "started\n"
        children = orjson.loads(started.stdout.readline())
        assert len(children) == 2
        assert all(map(is_alive, children))
        started.kill()
        started.wait(10)
        latest = time.monotonic() + 10
        while any(map(is_alive, children)) and time.monotonic() < latest:
            time.sleep(0.01)
        assert not any(map(is_alive, children))
