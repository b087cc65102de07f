"""Runs that are stopped on the way, by keys, signals and kills, and started again."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.end_to_end.pipe import all_hours, make_pipe
from tests.examples import first_of
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import Hold, Reply


@pytest.fixture(scope="module")
def company():
    return Company(seed=5, events=2_000, hours=48)


@pytest.fixture
def amplitude(company):
    with FakeAmplitude(company.hours()) as fake:
        yield fake


@pytest.fixture
def service(destination, company):
    with destination.open(company) as fake:
        yield fake


@pytest.fixture
def pipe(tmp_path, amplitude, destination, service, company):
    pipe = make_pipe(
        tmp_path, amplitude, destination, service, max_batch_events=50, max_in_flight=4
    )
    pipe.tap["window_hours"] = 6
    return all_hours(pipe, company)


@pytest.mark.slow
def test_a_wrong_key_stops_the_run_with_words_and_the_right_key_finishes_it(
    pipe, destination, service, company
):
    right = pipe.target[destination.key]
    pipe.target[destination.key] = "not-the-secret"

    refused = pipe.run()

    assert refused.target_code == 1
    assert destination.wrong_key in refused.target_log
    assert "Traceback" not in refused.target_log
    assert "not-the-secret" not in refused.target_log
    assert refused.states == []
    assert destination.wrong_key in pipe.report["outcome"]
    assert service.journal == [], "the key is asked for before the first record is read"

    pipe.target[destination.key] = right
    ended = pipe.run()

    assert ended.target_code == 0
    destination.assert_everything_arrived(service, pipe.report, company)


def test_a_service_that_stays_down_stops_the_run_and_loses_nothing(
    pipe, destination, service, company
):
    pipe.target["max_retries"] = 1
    service.misbehave_always(Reply(503))

    failed = pipe.run()

    assert failed.target_code == 1
    assert "Nothing is lost" in failed.target_log
    assert failed.states == []

    service.behave()
    pipe.run()

    destination.assert_everything_arrived(service, pipe.report, company)


def nobody():
    """Return the end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "wb", buffering=0)


def full_disk():
    return Path("/dev/full").open("wb", buffering=0)


@pytest.mark.parametrize("where", [full_disk, nobody])
def test_state_that_cannot_be_written_stops_the_run_with_words_and_loses_nothing(
    pipe, destination, service, company, where
):
    with where() as out:
        ended = pipe.end(*pipe.start(states_to=out))

    assert ended.target_code == 1
    assert "Traceback" not in ended.target_log
    assert 'File "' not in ended.target_log
    assert ended.target_log.count("STATE cannot be written to standard output") >= 1
    assert "STATE cannot be written" in pipe.report["outcome"]
    status = json.loads((pipe.folder / "status.json").read_text())
    assert status["state"] == "failed"

    pipe.run()

    destination.assert_everything_arrived(service, pipe.report, company, destination.cut_off)


@pytest.mark.parametrize("number", first_of([signal.SIGTERM, signal.SIGINT]))
def test_a_signal_finishes_the_requests_in_flight_and_the_next_run_the_rest(
    pipe, destination, service, company, number
):
    service.misbehave(Hold(), when=lambda exchange: exchange.number > 4)
    tap, target = pipe.start()
    service.wait_until_held()
    target.send_signal(number)
    service.release()

    ended = pipe.end(tap, target)

    assert ended.target_code == 128 + number
    check_tap(ended)
    assert pipe.report["outcome"] == "interrupted"
    assert 0 < pipe.report["streams"]["events"]["undecided"] < company.events

    pipe.run()

    destination.assert_everything_arrived(service, pipe.report, company, destination.cut_off)


def check_tap(ended):
    """The tap fails when its reader is gone, unless it had written everything by then."""
    assert ended.tap_code != 0 or '"status":"succeeded"' in ended.tap_log


@pytest.mark.slow
@pytest.mark.parametrize("after", [5, 2, 9])
def test_a_killed_target_is_simply_run_again(pipe, destination, service, company, after):
    service.misbehave(Hold(), when=lambda exchange: exchange.number > after)
    tap, target = pipe.start()
    service.wait_until_held()
    target.kill()
    service.release()

    ended = pipe.end(tap, target)

    assert ended.target_code == -signal.SIGKILL
    check_tap(ended)

    assert pipe.run().target_code == 0
    destination.assert_everything_arrived(service, pipe.report, company, destination.cut_off)
