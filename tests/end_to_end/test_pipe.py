"""The main job through a shell pipe: real processes, real HTTP, computed truth."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest

from tests.end_to_end.pipe import assert_everything_arrived, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import DropConnection, LoseReply, Reply, TruncateBody
from tests.fakes.posthog import FakePostHog


@pytest.fixture(scope="module")
def company():
    return Company(seed=11, events=3_000, hours=60)


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
    pipe = make_pipe(tmp_path, amplitude, posthog)
    pipe.tap["start_date"] = company.start.isoformat()
    pipe.tap["end_date"] = (company.start + timedelta(hours=company.hour_count)).isoformat()
    return pipe


def test_everything_arrives_exactly_once_and_the_report_adds_up(pipe, amplitude, posthog, company):
    ended = pipe.run()

    assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
    assert_everything_arrived(posthog, pipe.report, company)
    assert pipe.report["outcome"] == "complete"
    assert len(amplitude.hours_served()) == len(set(amplitude.hours_served()))
    assert amplitude.in_flight_peak <= 2


def test_state_names_the_hour_up_to_which_everything_is_done(pipe, company):
    ended = pipe.run()

    end = company.start + timedelta(hours=company.hour_count)
    bookmark = ended.state["bookmarks"]["events"]["replication_key_value"]
    assert bookmark == end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(ended.states) >= 3  # one for each window of a day


def test_a_second_run_from_the_state_asks_for_nothing_and_sends_nothing(pipe, amplitude, posthog):
    pipe.run()
    asked, sent = len(amplitude.asked), len(posthog.arrivals)

    ended = pipe.run()

    assert (ended.tap_code, ended.target_code) == (0, 0)
    assert (len(amplitude.asked), len(posthog.arrivals)) == (asked, sent)


def test_a_whole_second_run_without_its_state_changes_nothing(pipe, posthog, company):
    pipe.run()
    links = sum(event["event"] == "$create_alias" for event in posthog.arrivals)
    pipe.last_state = None

    pipe.run()

    assert_everything_arrived(posthog, pipe.report, company)
    assert sum(event["event"] == "$create_alias" for event in posthog.arrivals) == links


def test_a_moody_service_costs_time_and_nothing_else(pipe, amplitude, posthog, company):
    pipe.target["max_batch_events"] = 200
    amplitude.misbehave(Reply(503), Reply(200, b"Too many requests"), TruncateBody())
    posthog.misbehave(
        Reply(503),
        LoseReply(),
        DropConnection(),
        Reply(429, headers={"Retry-After": "1"}),
        Reply(200, b"<html>hello</html>"),
    )

    ended = pipe.run()

    assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
    assert_everything_arrived(posthog, pipe.report, company)
    assert sum(pipe.report["endpoints"]["/batch/"]["retries"].values()) == 5


def test_one_event_that_posthog_refuses_costs_only_itself(pipe, posthog, company):
    victim = sorted(company.truth().events)[100]
    posthog.keep_bodies = True
    posthog.misbehave_always(
        Reply(400, b"event submitted with an empty event name"),
        when=lambda exchange: victim.encode() in gzip.decompress(exchange.body),
    )

    ended = pipe.run()

    assert ended.target_code == 0
    held = {event["uuid"] for event in posthog.stored()}
    assert company.truth().events - held == {victim}
    assert pipe.report["streams"]["events"]["dead"]["refused"] == 1
    letters = [json.loads(line) for line in pipe.dead_letters.read_text().splitlines()]
    refused = [
        each["record"]
        for each in letters
        if each["type"] == "RECORD" and each["record"]["_dead_letter"]["reason"] == "refused"
    ]
    assert [record["uuid"] for record in refused] == [victim]

    posthog.behave()
    again = pipe.feed(pipe.dead_letters.read_bytes())

    assert again.target_code == 0
    assert victim in {event["uuid"] for event in posthog.stored()}


def test_keys_are_nowhere_in_what_a_run_leaves(pipe, amplitude, posthog, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGLEVEL", "DEBUG")
    posthog.misbehave(Reply(503), DropConnection())
    amplitude.misbehave(Reply(500))

    pipe.run()

    secrets = [pipe.tap["api_key"], pipe.tap["secret_key"], pipe.target["api_key"]]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    leaks = [
        path.name
        for path in written
        if path.name not in {"tap.json", "target.json"}
        and any(secret.encode() in path.read_bytes() for secret in secrets)
    ]
    assert leaks == []
    assert len(written) > 5
