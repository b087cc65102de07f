"""Runs that are stopped on the way, by keys, signals and kills, and started again."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest

from tests.end_to_end.pipe import assert_everything_arrived, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import Hold, Reply
from tests.fakes.posthog import FakePostHog


@pytest.fixture(scope="module")
def company():
    return Company(seed=5, events=2_000, hours=48)


@pytest.fixture
def amplitude(company):
    with FakeAmplitude(company.hours()) as fake:
        yield fake


@pytest.fixture
def posthog():
    with FakePostHog() as fake:
        yield fake


@pytest.fixture
def pipe(tmp_path, amplitude, posthog, company):
    pipe = make_pipe(tmp_path, amplitude, posthog, max_batch_events=50, max_in_flight=4)
    pipe.tap["window_hours"] = 6
    pipe.tap["start_date"] = company.start.isoformat()
    pipe.tap["end_date"] = (company.start + timedelta(hours=company.hour_count)).isoformat()
    return pipe


def test_a_wrong_key_stops_the_run_with_words_and_the_right_key_finishes_it(pipe, posthog, company):
    posthog.known_keys, posthog.enforce_keys = {"phc_the_right_one"}, True

    refused = pipe.run()

    assert refused.target_code == 1
    assert "Check `api_key`" in refused.target_log
    assert "Traceback" not in refused.target_log
    assert refused.states == []
    assert pipe.report["outcome"].startswith("PostHog refused the project key (401)")

    pipe.target["api_key"] = "phc_the_right_one"
    ended = pipe.run()

    assert ended.target_code == 0
    assert_everything_arrived(posthog, pipe.report, company)


def test_a_service_that_stays_down_stops_the_run_and_loses_nothing(pipe, posthog, company):
    pipe.target["max_retries"] = 1
    posthog.misbehave_always(Reply(503))

    failed = pipe.run()

    assert failed.target_code == 1
    assert "Nothing is lost" in failed.target_log
    assert failed.states == []

    posthog.behave()
    pipe.run()

    assert_everything_arrived(posthog, pipe.report, company)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_is_in_the_air_and_the_next_run_the_rest(
    pipe, posthog, company, number
):
    posthog.misbehave(Hold(), when=lambda exchange: exchange.number > 4)
    tap, target = pipe.start()
    posthog.wait_until_held()
    target.send_signal(number)
    posthog.release()

    ended = pipe.end(tap, target)

    assert ended.target_code == 128 + number
    assert ended.tap_code != 0
    assert pipe.report["outcome"] == "interrupted"
    assert 0 < pipe.report["streams"]["events"]["undecided"] < company.events

    pipe.run()

    assert_everything_arrived(posthog, pipe.report, company, in_one_run=False)


@pytest.mark.parametrize("after", [2, 5, 9])
def test_a_killed_target_is_simply_run_again(pipe, posthog, company, after):
    posthog.misbehave(Hold(), when=lambda exchange: exchange.number > after)
    tap, target = pipe.start()
    posthog.wait_until_held()
    target.kill()
    posthog.release()

    ended = pipe.end(tap, target)

    assert ended.target_code == -signal.SIGKILL
    assert ended.tap_code != 0

    assert pipe.run().target_code == 0
    assert_everything_arrived(posthog, pipe.report, company, in_one_run=False)
