"""The main job into Mixpanel: real processes, real HTTP, computed truth."""

from __future__ import annotations

import signal
from datetime import datetime, timedelta, timezone

import pytest

from demo import mixpanel_balance
from tests.end_to_end.pipe import make_mixpanel_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import DropConnection, Hold, LoseReply, Reply
from tests.fakes.mixpanel import RATE_LIMITED, FakeMixpanel

RECENT = datetime(2026, 3, 1, tzinfo=timezone.utc)
HOURS = 60
OF_ONE_RUN = {"records read", "dead letters", "identity conflicts"}
ON_THE_WIRE = {"events that arrived twice"}
OF_THE_REPORT = {"delivered to /import", "delivered to /engage", "delivered to /groups"}


@pytest.fixture(scope="module")
def company():
    return Company(seed=11, events=3_000, start=RECENT, hours=HOURS)


@pytest.fixture
def amplitude(company):
    with FakeAmplitude(company.hours()) as fake:
        yield fake


@pytest.fixture
def mixpanel(company):
    with FakeMixpanel(group_keys=company.mixpanel_truth().group_keys) as fake:
        yield fake


def pipe_of(folder, amplitude, mixpanel, company, **more):
    pipe = make_mixpanel_pipe(folder, amplitude, mixpanel, max_batch_events=300, **more)
    pipe.tap["start_date"] = company.start.isoformat()
    pipe.tap["end_date"] = (company.start + timedelta(hours=company.hour_count)).isoformat()
    return pipe


@pytest.fixture
def pipe(tmp_path, amplitude, mixpanel, company):
    return pipe_of(tmp_path, amplitude, mixpanel, company)


def failed_checks(mixpanel, pipe, company):
    truth = company.mixpanel_truth()
    checks = mixpanel_balance.checks(mixpanel_balance.arrived_at(mixpanel), pipe.report, truth)
    return {check.what: check for check in checks if not check.holds}


def test_everything_arrives_exactly_once_and_the_report_adds_up(pipe, mixpanel, company):
    ended = pipe.run()

    assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
    assert failed_checks(mixpanel, pipe, company) == {}


def test_a_moody_service_costs_time_and_nothing_else(pipe, mixpanel, company):
    mixpanel.misbehave(RATE_LIMITED, LoseReply(), DropConnection(), Reply(503), Reply(200, b"<p>"))

    ended = pipe.run()

    assert ended.target_code == 0, ended.target_log
    assert failed_checks(mixpanel, pipe, company).keys() <= ON_THE_WIRE
    retries = [each["retries"] for each in pipe.report["endpoints"].values()]
    assert sum(sum(each.values()) for each in retries) == 5


def test_what_mixpanel_refuses_of_a_request_is_dead_and_the_rest_of_it_arrives(
    tmp_path, amplitude, company
):
    """To a server whose clock is behind, the newest events lie in the future."""
    behind = company.start + timedelta(hours=HOURS - 6)
    keys = company.mixpanel_truth().group_keys
    with FakeMixpanel(group_keys=keys, now=lambda: behind) as mixpanel:
        pipe = pipe_of(tmp_path, amplitude, mixpanel, company)

        ended = pipe.run()

        latest = (behind + timedelta(hours=1)).timestamp() * 1000
        due = company.mixpanel_truth().events
        refused = {insert_id for insert_id, event in due.items() if event.time > latest}
        assert ended.target_code == 0, ended.target_log
        assert len(refused) > 100
        assert {each["insert_id"] for each in mixpanel.stored()} == due.keys() - refused
        assert pipe.report["streams"]["events"]["dead"]["refused"] == len(refused)


def test_profiles_that_a_killed_run_did_not_send_the_next_one_sends(pipe, mixpanel, company):
    due = len(company.mixpanel_truth().events)
    mixpanel.misbehave_always(
        Hold(), when=lambda at: at.path == "/engage" and len(mixpanel.arrivals) == due
    )
    tap, target = pipe.start()
    mixpanel.wait_until_held()
    target.send_signal(signal.SIGKILL)
    mixpanel.behave()
    pipe.end(tap, target)
    assert pipe.last_state is not None  # every record was decided; only profiles were to come

    pipe.run()

    failed = failed_checks(mixpanel, pipe, company)
    assert failed.keys() <= OF_ONE_RUN | ON_THE_WIRE | OF_THE_REPORT, failed


def test_a_second_run_without_its_state_sends_no_older_profile_and_changes_nothing(
    pipe, mixpanel, company
):
    pipe.run()
    updates = len(mixpanel.updates)
    pipe.last_state = None

    pipe.run()

    assert len(mixpanel.updates) == updates
    assert failed_checks(mixpanel, pipe, company).keys() <= ON_THE_WIRE | OF_THE_REPORT


def test_wrong_credentials_stop_the_run_with_words_and_the_right_ones_finish_it(
    pipe, mixpanel, company
):
    secret = pipe.target["service_account_secret"]
    pipe.target["service_account_secret"] = "not-the-secret"

    refused = pipe.run()

    assert refused.target_code == 1
    assert "Owner or Admin" in refused.target_log
    assert "not-the-secret" not in refused.target_log
    assert refused.states == []

    pipe.target["service_account_secret"] = secret
    pipe.run()

    assert failed_checks(mixpanel, pipe, company) == {}


@pytest.mark.slow
def test_a_hundred_thousand_events_with_faults_on_the_way_arrive_once(tmp_path):
    company = Company(seed=7, events=100_000, start=RECENT, hours=30 * 24)
    keys = company.mixpanel_truth().group_keys
    with (
        FakeAmplitude(company.hours()) as amplitude,
        FakeMixpanel(group_keys=keys) as mixpanel,
    ):
        pipe = pipe_of(tmp_path, amplitude, mixpanel, company)
        acts = (RATE_LIMITED, LoseReply(), DropConnection(), Reply(502))
        for number in range(40):
            mixpanel.misbehave(
                acts[number % 4],
                when=lambda exchange, nth=10 + number * 8: exchange.number == nth,
            )

        ended = pipe.run()

        assert ended.target_code == 0, ended.target_log
        assert failed_checks(mixpanel, pipe, company).keys() <= ON_THE_WIRE
