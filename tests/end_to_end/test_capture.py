"""Which capture of PostHog a run sends by, and what v1 says of single events, from input to report.

The service says on command what becomes of an event (`FakePostHog.say`).
"""

from __future__ import annotations

import pytest

from tests.destinations import POSTHOG, POSTHOG_V1
from tests.end_to_end.commands import Command
from tests.end_to_end.test_faults import (
    BATCH,
    COLUMNS,
    COUNT,
    HTML,
    VICTIM,
    assert_arrives,
    assert_dead,
    assert_the_same_run_again_brings_all,
    events_of,
    everyone,
    export,
)
from tests.fakes.http.exchanges import DropConnection, LoseReply, Reply
from tests.singer_delivery.toys import PlayedClock

V0, V1 = POSTHOG.update, POSTHOG_V1.update


@pytest.fixture(scope="module")
def destination():
    return POSTHOG_V1


@pytest.fixture
def service(request, destination):
    with destination.open(keep_bodies=True, **getattr(request, "param", {})) as fake:
        yield fake


@pytest.fixture
def command(destination, service, tmp_path, monkeypatch):
    config = {
        **destination.settings(service),
        "streams": COLUMNS,
        "max_in_flight": 1,
        "max_batch_events": BATCH,
        "max_retries": 4,
    }
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


def is_victim(captured):
    return captured.distinct_id == VICTIM


def paths(service):
    return [exchange.path for exchange in service.journal]


# Which one ----------------------------------------------------------------------------------------


def test_auto_asks_once_and_takes_v1_where_it_is(destination, service, command):
    ended = command.run(export(), capture="auto")

    assert_arrives(destination, service, command, ended)
    assert paths(service) == [V1] * (1 + COUNT // BATCH)
    assert service.journal[0].status == 400  # it held no event
    assert "has capture v1" in ended.log


@pytest.mark.parametrize("service", [{"has_v1": False}], indirect=True)
def test_auto_takes_v0_where_there_is_no_other(destination, service, command):
    ended = command.run(export(), capture="auto")

    assert_arrives(destination, service, command, ended)
    assert paths(service) == [V1] + [V0] * (COUNT // BATCH)
    assert "events go to capture v0" in ended.log


@pytest.mark.parametrize("act", [Reply(503), Reply(404, HTML), DropConnection(), LoseReply()])
def test_a_question_that_fails_stops_no_run(destination, service, command, act):
    service.misbehave(act)

    ended = command.run(export(), capture="auto")

    assert_arrives(destination, service, command, ended)
    assert paths(service)[1:] == [V0] * (COUNT // BATCH)


@pytest.mark.parametrize(("capture", "path"), [("v0", V0), ("v1", V1)])
def test_what_is_set_is_not_asked_for(destination, service, command, capture, path):
    assert_arrives(destination, service, command, command.run(export(), capture=capture))
    assert paths(service) == [path] * (COUNT // BATCH)


def test_a_dry_run_asks_nothing(service, command):
    assert command.run(export(), capture="auto", dry_run=True).code == 0
    assert service.journal == []


@pytest.mark.parametrize("service", [{"has_v1": False}], indirect=True)
def test_v1_where_there_is_none_stops_with_a_sentence(service, command):
    ended = command.run(export(), capture="v1")

    assert ended.code == 1
    assert "it has no capture v1. Set `capture` to v0 or auto" in ended.log


def test_one_run_by_v0_and_the_next_by_v1_bring_each_event_once(destination, service, command):
    for capture in ("v0", "v1"):
        assert command.run(export(), capture=capture).code == 0
    assert destination.people(service) == everyone()


@pytest.mark.parametrize("apart", [1, 3, BATCH - 1, 2 * BATCH], ids=lambda rows: f"{rows} apart")
@pytest.mark.parametrize(("capture", "processes"), [("v0", 0), ("v1", 0), ("v1", 1)])
def test_a_row_that_comes_three_times_is_refused_nowhere(
    service, command, capture, processes, apart
):
    schema, *rows = export(batch=COUNT).splitlines(keepends=True)
    rows[apart:apart] = [rows[0]]
    rows[2 * apart : 2 * apart] = [rows[0]]

    ended = command.run(b"".join([schema, *rows]), capture=capture, processes=processes)

    assert ended.code == 0
    assert {exchange.status for exchange in service.journal} == {200}
    sent = [event["uuid"] for each in service.journal for event in events_of(each)]
    assert (len(sent), len(set(sent))) == (COUNT + 2, COUNT)
    assert sent.count(sent[0]) == 3


# What is said of events ---------------------------------------------------------------------------


def test_what_is_dropped_is_a_dead_letter_with_its_reason(destination, service, command):
    service.say("drop", "event_restriction_drop", when=is_victim)

    ended = command.run(export())

    assert_dead(destination, service, command, ended, "event_restriction_drop")
    assert len(service.journal) == COUNT // BATCH  # nothing is searched for


@pytest.mark.parametrize(
    ("result", "details"),
    [("limited", None), ("drop", "billing_limit_exceeded"), ("drop", "llm_events_over_quota")],
)
def test_over_the_limit_the_run_stops_with_all_others_noted(
    destination, service, command, result, details
):
    service.say(result, details, when=is_victim)

    ended = command.run(export())

    assert ended.code == 1
    assert "billing limit is reached" in ended.log
    assert command.dead_letters == []
    assert ended.states == [{"seen": BATCH}, {"seen": 2 * BATCH}]
    assert len(service.arrivals) == 3 * BATCH - 1
    assert_the_same_run_again_brings_all(destination, service, command)


def test_what_was_not_stored_goes_again_alone_as_a_further_try(destination, service, command):
    service.say("retry", "not_persisted", when=is_victim, times=2)

    ended = command.run(export())

    assert_arrives(destination, service, command, ended)
    assert len(service.arrivals) == COUNT, "what was stored is not sent again"
    tries = [exchange.headers["posthog-attempt"] for exchange in service.journal]
    assert tries == ["1", "1", "1", "2", "3", "1", "1"]
    ids = [exchange.headers["posthog-request-id"] for exchange in service.journal]
    assert ids[2] == ids[3] == ids[4]
    assert len(set(ids)) == COUNT // BATCH
    (counts,) = (each for each in command.report["endpoints"].values() if each["requests"])
    assert counts["retries"] == {"not_persisted": 2}
    assert sum(command.clock.naps) >= 2.0  # the service asks for a second each time


def test_what_is_never_stored_stops_the_run(destination, service, command):
    service.say("retry", "not_persisted", when=is_victim, times=100)

    ended = command.run(export())

    assert ended.code == 1
    assert "Nothing is lost" in ended.log
    service._sayings = type(service._sayings)()
    assert_the_same_run_again_brings_all(destination, service, command)


def test_warnings_are_counted_by_name_and_the_first_is_said(destination, service, command):
    service.say("warning", "person_processing_disabled", when=is_victim)
    service.say("warning", "an_odd_thing", times=3)

    ended = command.run(export())

    assert_arrives(destination, service, command, ended)
    assert command.report["notes"] == {"person_processing_disabled": 1, "an_odd_thing": 3}
    assert "without their person" in ended.log


def test_verdicts_and_faults_together_bring_each_event_once(destination, service, command):
    service.say("retry", "not_persisted", when=lambda each: each.uuid < "4", times=40)
    service.say("drop", "rejected", when=is_victim)
    service.misbehave(LoseReply(), Reply(503), Reply(413), DropConnection())

    ended = command.run(export(), max_batch_events=20, max_retries=60)

    assert_dead(destination, service, command, ended, "rejected")


def test_the_limit_of_a_project_is_not_swallowed_as_by_v0(destination, service, command):
    service.is_over_quota = True
    assert command.run(export(), capture="v0").code == 0
    assert len(service.arrivals) == 0

    (command.folder / "ledger.sqlite3").unlink(missing_ok=True)
    assert "billing limit is reached" in command.run(export()).log


def test_a_wrong_key_stops_the_run_and_is_in_no_message(destination, service, command):
    ended = command.run(export(), api_key="phc_secret_of_nobody")

    assert ended.code == 1
    assert "Check `api_key`" in ended.log
    assert "phc_secret_of_nobody" not in ended.log
