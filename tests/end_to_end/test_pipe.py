"""The main job through a shell pipe: real processes, real HTTP, computed truth."""

from __future__ import annotations

import gzip
import json
import signal
from datetime import datetime, timedelta, timezone

import pytest

from tests.destinations import MIXPANEL
from tests.destinations.destination import TWICE
from tests.end_to_end.pipe import all_hours, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import DropConnection, Hold, LoseReply, Reply, TruncateBody

RECENT = datetime(2026, 3, 1, tzinfo=timezone.utc)
HOURS = 60
only_mixpanel = pytest.mark.parametrize("destination", [MIXPANEL], ids=str)


@pytest.fixture(scope="module")
def company():
    return Company(seed=11, events=3_000, start=RECENT, hours=HOURS)


@pytest.fixture
def amplitude(company):
    with FakeAmplitude(company.hours()) as fake:
        yield fake


@pytest.fixture
def service(destination, company):
    with destination.open(company, keep_bodies=True) as fake:
        yield fake


@pytest.fixture
def pipe(tmp_path, amplitude, destination, service, company):
    pipe = make_pipe(tmp_path, amplitude, destination, service, max_batch_events=300)
    return all_hours(pipe, company)


def test_everything_arrives_exactly_once_and_the_report_adds_up(
    pipe, amplitude, destination, service, company
):
    ended = pipe.run()

    assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
    assert destination.failed(service, pipe.report, company) == []
    destination.assert_everything_arrived(service, pipe.report, company)
    assert pipe.report["outcome"] == "complete"
    assert len(amplitude.hours_served()) == len(set(amplitude.hours_served()))
    assert amplitude.in_flight_peak <= 2

    end = company.start + timedelta(hours=company.hour_count)
    bookmark = ended.state["bookmarks"]["events"]["replication_key_value"]
    assert bookmark == end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(ended.states) >= 3  # one for each window of a day


def test_a_second_run_asks_for_nothing_and_one_without_its_state_changes_nothing(
    pipe, amplitude, destination, service, company
):
    pipe.run()
    asked, sent = len(amplitude.asked), len(service.arrivals)

    ended = pipe.run()

    assert (ended.tap_code, ended.target_code) == (0, 0)
    assert (len(amplitude.asked), len(service.arrivals)) == (asked, sent)

    sent_of_people = destination.about_people(service)
    pipe.last_state = None
    pipe.run()

    destination.assert_everything_arrived(
        service, pipe.report, company, forgiven=destination.of_the_report
    )
    assert (len(service.arrivals) > sent) is not destination.remembers
    assert destination.about_people(service) == sent_of_people


@pytest.mark.slow
def test_a_moody_service_costs_time_and_nothing_else(
    pipe, amplitude, destination, service, company
):
    amplitude.misbehave(Reply(503), Reply(200, b"Too many requests"), TruncateBody())
    moods = (
        Reply(503),
        LoseReply(),
        DropConnection(),
        destination.rate_limited,
        Reply(200, b"<p>"),
    )
    service.misbehave(*moods)

    ended = pipe.run()

    assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
    destination.assert_everything_arrived(service, pipe.report, company)
    retries = [each["retries"] for each in pipe.report["endpoints"].values()]
    assert sum(sum(each.values()) for each in retries) == len(moods)


@pytest.mark.slow
def test_one_event_that_the_service_refuses_costs_only_itself(pipe, destination, service, company):
    due = set(destination.truth(company).events)
    victim = sorted(due)[100]
    service.misbehave_always(
        destination.refusal,
        when=lambda exchange: victim.encode() in plain(exchange.body),
    )

    ended = pipe.run()

    assert ended.target_code == 0, ended.target_log
    assert due - {each.id for each in destination.events(service)} == {victim}
    assert pipe.report["streams"]["events"]["dead"]["refused"] == 1
    letters = [json.loads(line) for line in pipe.dead_letters.read_text().splitlines()]
    refused = [
        each["record"]
        for each in letters
        if each["type"] == "RECORD" and each["record"]["_dead_letter"]["reason"] == "refused"
    ]
    assert [destination.due(company, {record["uuid"]}) for record in refused] == [{victim}]

    service.behave()
    pipe.target["max_dead_letters"] = "100%"  # the others are as bad as before
    again = pipe.feed(pipe.dead_letters.read_bytes())

    assert again.target_code == 0
    assert victim in {each.id for each in destination.events(service)}


def plain(body):
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


@pytest.mark.slow
def test_keys_are_nowhere_in_what_a_run_leaves(
    pipe, amplitude, destination, service, tmp_path, monkeypatch
):
    monkeypatch.setenv("LOGLEVEL", "DEBUG")
    service.misbehave(Reply(503), DropConnection())
    amplitude.misbehave(Reply(500))

    pipe.run()

    secrets = [pipe.tap["api_key"], pipe.tap["secret_key"], *destination.secrets]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    leaks = [
        path.name
        for path in written
        if path.name not in {"tap.json", "target.json"}
        and any(secret.encode() in path.read_bytes() for secret in secrets)
    ]
    assert leaks == []
    assert len(written) > 5


@pytest.mark.slow
def test_a_hundred_thousand_events_with_faults_on_the_way_arrive_once(tmp_path, destination):
    company = Company(seed=7, events=100_000, start=RECENT, hours=30 * 24)
    with FakeAmplitude(company.hours()) as amplitude, destination.open(company) as service:
        pipe = make_pipe(tmp_path, amplitude, destination, service, max_batch_events=300)
        acts = (destination.rate_limited, LoseReply(), DropConnection(), Reply(502))
        for number in range(40):
            service.misbehave(
                acts[number % 4],
                when=lambda exchange, nth=10 + number * 8: exchange.number == nth,
            )

        ended = all_hours(pipe, company).run()

        assert ended.target_code == 0, ended.target_log
        destination.assert_everything_arrived(service, pipe.report, company)


# Of one destination -------------------------------------------------------------------------


@pytest.mark.slow
@only_mixpanel
def test_what_mixpanel_refuses_of_a_request_is_dead_and_the_rest_of_it_arrives(
    tmp_path, amplitude, destination, company
):
    """To a server whose clock is behind, the newest events lie in the future."""
    behind = company.start + timedelta(hours=HOURS - 6)
    with destination.open(company, now=lambda: behind) as mixpanel:
        pipe = make_pipe(tmp_path, amplitude, destination, mixpanel, max_batch_events=300)

        ended = all_hours(pipe, company).run()

        latest = (behind + timedelta(hours=1)).timestamp() * 1000
        due = company.mixpanel_truth().events
        refused = {insert_id for insert_id, event in due.items() if event.time > latest}
        assert ended.target_code == 0, ended.target_log
        assert len(refused) > 100
        assert {each["insert_id"] for each in mixpanel.stored()} == due.keys() - refused
        assert pipe.report["streams"]["events"]["dead"]["refused"] == len(refused)


@pytest.mark.slow
@only_mixpanel
def test_profiles_that_a_killed_run_did_not_send_the_next_one_sends(
    pipe, destination, service, company
):
    due = len(company.mixpanel_truth().events)
    service.misbehave_always(
        Hold(), when=lambda at: at.path == "/engage" and len(service.arrivals) == due
    )
    tap, target = pipe.start()
    service.wait_until_held()
    target.send_signal(signal.SIGKILL)
    service.behave()
    pipe.end(tap, target)
    assert pipe.last_state is not None  # every record was decided; only profiles were to come

    pipe.run()

    forgiven = destination.cut_off | TWICE
    assert destination.failed(service, pipe.report, company, forgiven) == []
