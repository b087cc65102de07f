"""What a service may answer, or fail to, and what becomes of the records: one table for all.

Three ends are allowed, and for each fault one of them is right:

    ARRIVES   every record is there once after deduplication, STATE at the end, exit code 0
    DEAD      all but the one at fault, which is a dead letter with its reason; STATE, exit code 0
    STOPS     a sentence, exit code 1, STATE where the trouble began; the same run, started again
              when the trouble is over, brings everything there once

The meaning of each reply for itself is in `tests/target_*/test_endpoints.py`.
"""

from __future__ import annotations

import gzip
import json
import random
import socket
from dataclasses import dataclass
from typing import Any

import pytest
from singer_delivery.io import transport

from tests.destinations import IN_ALL_WAYS, MIXPANEL, POSTHOG, POSTHOG_V1, in_all_ways
from tests.end_to_end.commands import Command
from tests.fakes.http.exchanges import (
    Act,
    Delay,
    DropConnection,
    Hold,
    LoseReply,
    Reply,
    TruncateBody,
)
from tests.fakes.http.tls import self_signed, speak_tls
from tests.fakes.mixpanel import FakeMixpanel
from tests.singer_delivery.toys import PlayedClock

COUNT, BATCH = 250, 50
VICTIM = "customer-0137"
TROUBLE_FROM = 3
"""Number of the first request that meets with a fault."""

DONE_BEFORE = [{"seen": BATCH}, {"seen": 2 * BATCH}]
ALL_DONE = {"seen": COUNT}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "orders",
    "schema": {"properties": {"id": {}, "customer": {}, "at": {}}},
    "key_properties": ["id"],
}
COLUMNS = {"orders": {"event": "Order Placed", "distinct_id": "customer", "timestamp": "at"}}
HTML = b"<html><body><h1>Hello</h1></body></html>"


def export(count=COUNT, batch=BATCH):
    """Orders of as many customers, with a STATE after each batch."""
    messages = [SCHEMA]
    for number in range(1, count + 1):
        record = {"id": number, "customer": f"customer-{number:04}", "at": "2024-05-01T10:00:00Z"}
        messages.append({"type": "RECORD", "stream": "orders", "record": record})
        if number % batch == 0:
            messages.append({"type": "STATE", "value": {"seen": number}})
    return b"".join(json.dumps(each).encode() + b"\n" for each in messages)


def everyone(count=COUNT):
    return [f"customer-{number:04}" for number in range(1, count + 1)]


def events_of(exchange):
    """The events of a request to any service."""
    sent = json.loads(gzip.decompress(exchange.body))
    lists = (of for of in sent.values() if isinstance(of, list)) if isinstance(sent, dict) else ()
    return next(iter(lists), sent)


def holds_victim(exchange):
    return VICTIM.encode() in gzip.decompress(exchange.body)


class NamesTheVictim(FakeMixpanel):
    """Refuses one event by its index and takes the others."""

    def answer(self, exchange, body):
        if VICTIM.encode() not in gzip.decompress(body):
            return super().answer(exchange, body)
        events = json.loads(gzip.decompress(body))
        (index,) = (i for i, each in enumerate(events) if VICTIM in json.dumps(each))
        del events[index]
        reply = super().answer(exchange, gzip.compress(json.dumps(events).encode()))
        assert reply.status == 200
        failed = {"index": index, "insert_id": "", "field": "time", "message": "must be better"}
        said = {"code": 400, "num_records_imported": len(events), "failed_records": [failed]}
        return Reply(400, json.dumps(said).encode())


only_mixpanel = pytest.mark.parametrize("destination", [MIXPANEL], ids=str)


@pytest.fixture
def service(request, destination):
    """Open the destination's own fake, or another one that a test names."""
    with getattr(request, "param", destination.open)(keep_bodies=True) as fake:
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


# The three ends -----------------------------------------------------------------------------------


def assert_arrives(destination, service, command, ended, count=COUNT):
    assert ended.code == 0, ended.log
    assert destination.people(service) == everyone(count)
    assert ended.states[-1] == {"seen": count}
    assert command.report["outcome"] == "complete"
    counts = command.report["streams"]["orders"]
    # Amplitude's target leaves out what the run before delivered, and counts it.
    assert counts["delivered"] + sum(counts["skipped"].values()) == count
    assert counts["skipped"].keys() <= {"delivered_before"}
    assert command.dead_letters == []


def assert_dead(destination, service, command, ended, reason, count=COUNT):
    assert ended.code == 0, ended.log
    assert destination.people(service) == [each for each in everyone(count) if each != VICTIM]
    assert ended.states[-1] == {"seen": count}
    assert command.report["streams"]["orders"]["dead"] == {reason: 1}
    (letter,) = command.dead_letters
    assert letter["customer"] == VICTIM
    assert letter["_dead_letter"]["reason"] == reason
    assert letter["_dead_letter"]["attempts"] >= 1


def assert_stops(destination, service, command, ended, sentence):
    assert ended.code == 1
    assert sentence in ended.log
    assert "Traceback" not in ended.log
    assert sentence in command.report["outcome"]
    assert ended.states == DONE_BEFORE
    assert command.dead_letters == []
    counts = command.report["streams"]["orders"]
    assert counts["delivered"] == 2 * BATCH
    assert counts["undecided"] == counts["read"] - 2 * BATCH


def assert_the_same_run_again_brings_all(destination, service, command):
    service.behave()
    assert_arrives(destination, service, command, command.run(export()))


# ARRIVES: what passes by itself -------------------------------------------------------------------

PASSING: dict[str, Act] = {
    "408": Reply(408),
    "429": Reply(429),
    "429, wait 17 s": Reply(429, headers={"Retry-After": "17"}),
    "429, wait until a date": Reply(
        429,
        headers={"Retry-After": "Fri, 15 Jan 2027 08:01:30 GMT"},  # the played clock: 08:00
    ),
    "429, wait who knows how long": Reply(429, headers={"Retry-After": "a while"}),
    "500": Reply(500),
    "502": Reply(502, HTML),
    "503": Reply(503, b"no healthy upstream"),
    "503, wait 17 s": Reply(503, headers={"Retry-After": "17"}),
    "504": Reply(504, HTML),
    "520, an edge's own": Reply(520),
    "reply lost after acceptance": LoseReply(),
    "connection dropped": DropConnection(),
    "connection reset mid-body": TruncateBody(0.5),
    "connection reset before the body": TruncateBody(0.0),
    "200 with a page": Reply(200, HTML),
    "200 with nothing": Reply(200, b""),
    "200 with other JSON": Reply(200, b"[1, 2]"),
    "200 that is no text": Reply(200, b"\xff\xfe\x00"),
    "gzip that is none": Reply(200, b"no gzip", {"Content-Encoding": "gzip"}),
}
WAITS = {"429, wait 17 s": 34, "503, wait 17 s": 34, "429, wait until a date": 90}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_costs_time_and_nothing_else(destination, service, command, name):
    from_then_on = lambda exchange: exchange.number >= TROUBLE_FROM  # noqa: E731
    service.misbehave(*[PASSING[name]] * 2, when=from_then_on)

    ended = command.run(export())

    assert_arrives(destination, service, command, ended)
    (counts,) = (each for each in command.report["endpoints"].values() if each["requests"])
    assert sum(counts["retries"].values()) == 2
    assert sum(command.clock.naps) >= WAITS.get(name, 1.0)


def test_a_very_slow_reply_is_given_up_and_asked_for_again(
    destination, service, command, monkeypatch
):
    monkeypatch.setattr(transport, "READ_TIMEOUT", 0.5)
    service.misbehave(Hold(), when=lambda exchange: exchange.number >= TROUBLE_FROM)

    ended = command.run(export())
    service.release()

    assert "no reply within" in ended.log
    assert_arrives(destination, service, command, ended)


def test_a_body_that_is_too_large_is_sent_in_halves(destination, service, command):
    service.misbehave_always(Reply(413), when=lambda exchange: len(events_of(exchange)) > 7)

    assert_arrives(destination, service, command, command.run(export()))


class ClockOfAnOutage(PlayedClock):
    """Brings a service back up when so many seconds have passed."""

    def __init__(self, fake, seconds):
        super().__init__()
        self._fake = fake
        self._until = self.now() + seconds
        self.is_down = True

    def sleep(self, seconds):
        super().sleep(seconds)
        if self.is_down and self.now() >= self._until:
            self.is_down = False
            self._fake.start()


HOUR = 3_600.0


def test_an_hour_of_outage_is_waited_out_when_the_retries_allow_it(destination, service, command):
    service.stop()
    command.clock = ClockOfAnOutage(service, HOUR)

    ended = command.run(export(), max_retries=200)

    assert_arrives(destination, service, command, ended)
    assert HOUR <= sum(command.clock.naps) < HOUR + 61


def test_an_hour_of_outage_ends_a_run_of_12_retries_and_the_next_one_goes_on(
    destination, service, command
):
    service.stop()
    command.clock = ClockOfAnOutage(service, HOUR)

    ended = command.run(export(), max_retries=12, max_in_flight=1)  # one lane's naps alone

    assert ended.code == 1
    assert "It was tried 13 times. Nothing is lost" in ended.log
    assert ended.states == []
    longest = sum(min(60.0, destination.first_wait * 2**retry) for retry in range(12))
    assert longest / 2 <= sum(command.clock.naps) < longest + 1  # and the sender's own naps

    command.clock.sleep(HOUR)
    assert_the_same_run_again_brings_all(destination, service, command)


MOODS = (
    Reply(500), Reply(503), Reply(429, headers={"Retry-After": "3"}), LoseReply(),
    DropConnection(), TruncateBody(), Reply(200, HTML),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_a_service_that_is_up_and_down_at_random_gets_everything_once(
    destination, service, command, seed
):
    dice = random.Random(seed)
    moods = [dice.choice(MOODS) if dice.random() < 0.5 else Delay(0.0) for _ in range(400)]
    service.misbehave(*moods)

    ended = command.run(export(), max_retries=60, max_in_flight=4, max_batch_events=10)

    assert_arrives(destination, service, command, ended)
    (counts,) = (each for each in command.report["endpoints"].values() if each["requests"])
    assert sum(counts["retries"].values()) > 5


# DEAD: one event of a thousand --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "status", "reason"),
    in_all_ways(
        (destination, status, reason)
        for destination in IN_ALL_WAYS
        for status, reason in destination.of_events.items()
    ),
    ids=str,
)
def test_one_of_a_thousand_that_is_refused_costs_only_itself(
    destination, service, command, status, reason
):
    reply = destination.refusal if status == 400 else Reply(status)
    service.misbehave_always(reply, when=holds_victim)

    ended = command.run(export(1_000, 1_000), max_batch_events=1_000)

    assert_dead(destination, service, command, ended, reason, 1_000)
    assert len(service.journal) < 25  # 2 log2(1,000) and a few

    service.behave()
    again = command.run((command.folder / "dead.singer").read_bytes())

    assert again.code == 0
    assert destination.people(service) == everyone(1_000)


@only_mixpanel
@pytest.mark.parametrize("service", [NamesTheVictim], indirect=True)
def test_an_event_that_mixpanel_names_by_its_index_costs_no_further_request(
    destination, service, command
):
    ended = command.run(export(1_000, 1_000), max_batch_events=1_000)

    assert_dead(destination, service, command, ended, "refused", 1_000)
    assert len(service.journal) == 1


# STOPS: what no waiting mends ---------------------------------------------------------------------


def trouble(service, act):
    service.misbehave_always(act, when=lambda exchange: exchange.number >= TROUBLE_FROM)


@pytest.mark.parametrize(
    ("destination", "status"),
    in_all_ways(
        (
            (destination, status)
            for destination in IN_ALL_WAYS
            for status in (401, 403, 404, 405, 410, 418)
            if status not in destination.of_events
        ),
        lambda _, status: status in (401, 404),
    ),
    ids=str,
)
def test_a_status_that_is_no_answer_to_events_stops_the_run(destination, service, command, status):
    trouble(service, Reply(status, HTML))

    ended = command.run(export())

    sentence = destination.bad_key.get(status, f"answered {status}")
    assert_stops(destination, service, command, ended, sentence)
    assert destination.wrong_host in ended.log or status in destination.bad_key
    assert "Nothing is lost" in ended.log
    assert len(service.journal) == TROUBLE_FROM
    assert_the_same_run_again_brings_all(destination, service, command)


@pytest.mark.parametrize(
    ("destination", "reply"),
    [(each, reply) for each in (POSTHOG, POSTHOG_V1) for reply in each.about_money],
    ids=lambda each: str(getattr(each, "status", each)),
)
def test_a_billing_limit_stops_the_run(destination, service, command, reply):
    trouble(service, reply)

    assert_stops(destination, service, command, command.run(export()), "billing limit")
    assert_the_same_run_again_brings_all(destination, service, command)


def test_a_400_of_a_proxy_says_nothing_of_the_events(destination, service, command):
    trouble(service, Reply(400, HTML, {"Content-Type": "text/html"}))

    assert_stops(destination, service, command, command.run(export()), "answered 400")
    assert_the_same_run_again_brings_all(destination, service, command)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_stops_the_run_and_the_key_goes_nowhere(destination, service, command, status):
    with destination.open() as elsewhere:
        trouble(service, Reply(status, headers={"Location": f"{elsewhere.url}/batch/"}))

        assert_stops(destination, service, command, command.run(export()), f"answered {status}")
        assert elsewhere.journal == []
    assert_the_same_run_again_brings_all(destination, service, command)


@pytest.mark.parametrize(
    ("destination", "act"),
    in_all_ways(
        (destination, act)
        for destination in IN_ALL_WAYS
        for act in (Reply(500), Reply(429), DropConnection(), Reply(200, HTML))
        if getattr(act, "status", 0) not in destination.patient_with
    ),
    ids=str,
)
def test_what_does_not_pass_within_the_retries_stops_the_run(destination, service, command, act):
    trouble(service, act)

    assert_stops(
        destination,
        service,
        command,
        command.run(export()),
        "It was tried 5 times. Nothing is lost",
    )
    assert_the_same_run_again_brings_all(destination, service, command)


# The way there ------------------------------------------------------------------------------------


def assert_nothing_was_sent(destination, service, command, ended, sentence):
    assert ended.code == 1
    assert sentence in ended.log
    assert "Traceback" not in ended.log
    assert ended.states == []
    assert service.journal == []
    assert command.report["streams"]["orders"]["delivered"] == 0


def test_a_name_that_does_not_resolve_stops_the_run(destination, service, command, monkeypatch):
    resolve = socket.getaddrinfo

    def unknown(host, *args, **options):
        if host == "service.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    ended = command.run(export(), **destination.at("https://service.invalid"))

    assert_nothing_was_sent(
        destination, service, command, ended, "the connection failed or was dropped"
    )
    assert "service.invalid" in ended.log
    assert_the_same_run_again_brings_all(destination, service, command)


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return self_signed(tmp_path)


def test_a_certificate_nobody_vouches_for_stops_the_run(destination, service, command, certificate):
    address = speak_tls(service, certificate)

    ended = command.run(export(), **destination.at(address))

    assert_nothing_was_sent(
        destination, service, command, ended, "its TLS certificate could not be verified"
    )


def test_a_bundle_of_ones_own_is_honoured(destination, service, command, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))

    ended = command.run(export(), **destination.at(speak_tls(service, certificate)))

    assert_arrives(destination, service, command, ended)


# Mixpanel's profiles ------------------------------------------------------------------------------

PEOPLE = {
    "type": "SCHEMA",
    "stream": "people",
    "schema": {"properties": {"id": {}, "plan": {}}},
    "key_properties": ["id"],
}


@dataclass
class Profiles:
    """People whose profiles are sent when all events are decided."""

    count: int = 20

    def lines(self):
        records = [
            {"type": "RECORD", "stream": "people", "record": {"id": f"p{number}", "plan": "pro"}}
            for number in range(self.count)
        ]
        messages: list[Any] = [PEOPLE, *records, {"type": "STATE", "value": {"seen": self.count}}]
        return b"".join(json.dumps(each).encode() + b"\n" for each in messages)


def profile_run(command, **settings):
    return command.run(Profiles().lines(), streams={"people": {"person": "id"}}, **settings)


@only_mixpanel
@pytest.mark.parametrize("act", [Reply(503), Reply(429), LoseReply(), DropConnection()])
def test_profiles_survive_what_passes(destination, service, command, act):
    service.misbehave(act, act)

    ended = profile_run(command)

    assert ended.code == 0, ended.log
    assert ended.states == [{"seen": 20}]
    assert len(service.profiles()) == 20


@only_mixpanel
@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_profiles_that_could_not_be_sent_are_sent_by_the_next_run(
    destination, service, command, status
):
    service.misbehave_always(Reply(status))

    ended = profile_run(command)

    assert ended.code == 1
    assert "Nothing is lost" in ended.log
    service.behave()
    assert profile_run(command).code == 0
    assert len(service.profiles()) == 20
