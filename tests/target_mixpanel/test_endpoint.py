"""The limits and words of Mixpanel's ingestion are restated here, apart from the code they test.

Sources: Mixpanel docs, "Import Events", "User Profiles", "Group Profiles", "Error Troubleshooting".
"""

from __future__ import annotations

import base64
import gzip
import json
import logging
import pickle
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from singer_delivery.endpoint import Judgement, Limits, Reply, Verdict
from singer_delivery.errors import SettingsError
from singer_delivery.io.addresses import base_address
from singer_delivery.io.transport import Transport
from singer_delivery.model import Event, Unmappable
from target_mixpanel.account import HOSTS, Account
from target_mixpanel.endpoint import (
    EVENTS_PER_SECOND,
    MAX_BYTES,
    MAX_EVENTS,
    ImportEndpoint,
    ProfileEndpoint,
)

from tests.fakes.http.server import DropConnection, LoseReply, TruncateBody
from tests.fakes.http.server import Reply as Answer
from tests.fakes.mixpanel import FORBIDDEN, RATE_LIMITED, UNAUTHORIZED, FakeMixpanel, too_large
from tests.fakes.mixpanel.events import GEO_FROM_REQUEST
from tests.target_mixpanel.sending import body_of, request_of

LIMITS = Limits(2_000, 10 * 1024 * 1024)
TIME_MS = 1_709_294_400_123  # 2024-03-01T12:00:00.123Z
TOKEN, SECRET = "project-token-1", "service-secret-1"
DELIVERED = Judgement(Verdict.DELIVERED)
MIXPANEL = "https://api.mixpanel.com"
BY_TOKEN = Account(MIXPANEL, TOKEN)
BY_ACCOUNT = Account(MIXPANEL, TOKEN, "2195193", "importer.mp-service-account", SECRET)
VERB = Event("/import", "event", "$identify", None, {"event": "$identify", "properties": {}})


def event(number: int = 1, **properties: Any) -> Event:
    base = {"time": TIME_MS, "$insert_id": f"event-{number}", "$user_id": "ann", "ip": 0}
    body = {"event": "Played", "properties": {**base, **properties}}
    return Event("/import", "event", "Played", None, body)


def update(person: str = "ann", **properties: Any) -> Event:
    body = {"$distinct_id": person, "$ip": 0, "$ignore_time": True, "$set": properties}
    return Event("/engage", "person", "$set", None, body)


def group_update(key: str = "company") -> Event:
    body = {
        "$group_key": key,
        "$group_id": "acme",
        "$ip": 0,
        "$ignore_time": True,
        "$set": {"a": 1},
    }
    return Event("/groups", "group", "$set", None, body)


def account_at(mixpanel: FakeMixpanel, *, service: bool = False) -> Account:
    known = mixpanel.credentials
    if not service:
        return Account(mixpanel.url, known.token)
    return Account(mixpanel.url, known.token, known.project_id, known.username, known.secret)


def importing(mixpanel: FakeMixpanel) -> ImportEndpoint:
    return ImportEndpoint(account_at(mixpanel), LIMITS)


@pytest.fixture
def endpoint() -> ImportEndpoint:
    return ImportEndpoint(BY_TOKEN, LIMITS)


@pytest.fixture
def profiles() -> ProfileEndpoint:
    return ProfileEndpoint("/engage", BY_TOKEN)


@pytest.fixture
def mixpanel() -> Iterator[FakeMixpanel]:
    with FakeMixpanel(keep_bodies=True, group_keys=["company"]) as mixpanel:
        yield mixpanel


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport("target-mixpanel/test")
    yield transport
    transport.close()


def judged(endpoint: Any, transport: Transport, *events: Event) -> Judgement:
    """Send events over HTTP and return what the endpoint makes of the reply."""
    reply = transport.send(request_of(endpoint, *events))
    judgement: Judgement = endpoint.judge(reply, len(events))
    return judgement


def said(code: int, **answer: Any) -> Reply:
    return Reply(code, json.dumps({"code": code, **answer}).encode())


def failed(*indexes: int, taken: int, **more: Any) -> Reply:
    records = [{"index": i, "insert_id": "x", "field": "f", "message": "bad"} for i in indexes]
    words = {"error": "some data points in the request failed validation", "status": "Bad Request"}
    return said(400, **words, num_records_imported=taken, failed_records=records, **more)


# The request --------------------------------------------------------------------------------


def test_the_limits_are_those_that_mixpanel_s_documents_give():
    assert MAX_EVENTS == 2_000
    assert 10_000_000 < MAX_BYTES < 10 * 1024 * 1024
    assert ProfileEndpoint.limits.max_events <= 2_000
    assert EVENTS_PER_SECOND == 30_000


def test_the_hosts_are_those_of_the_regions():
    assert HOSTS == {
        "us": "https://api.mixpanel.com",
        "eu": "https://api-eu.mixpanel.com",
        "in": "https://api-in.mixpanel.com",
    }


@pytest.mark.parametrize(
    ("account", "pair", "query"),
    [
        (BY_TOKEN, f"{TOKEN}:", {"strict": ["1"]}),
        (
            BY_ACCOUNT,
            f"importer.mp-service-account:{SECRET}",
            {"strict": ["1"], "project_id": ["2195193"]},
        ),
    ],
    ids=["by token", "by service account"],
)
def test_events_are_sent_in_the_name_of_the_project_or_of_a_service_account(account, pair, query):
    request = ImportEndpoint(account, LIMITS).request(b"{}")
    scheme, _, encoded = request.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(encoded).decode()) == ("Basic", pair)
    assert parse_qs(urlsplit(request.url).query) == query
    assert request.url.startswith(f"{MIXPANEL}/import?")


def test_events_are_a_compressed_list_as_they_were_encoded(endpoint):
    first, second = event(1), event(2)
    request = request_of(endpoint, first, second)
    assert endpoint.is_packed
    assert json.loads(gzip.decompress(request.body)) == [first.body, second.body]
    assert request.headers["Content-Encoding"] == "gzip"
    assert request == request_of(endpoint, first, second)


@pytest.mark.parametrize("name", ["/engage", "/groups"])
@pytest.mark.parametrize("account", [BY_TOKEN, BY_ACCOUNT])
def test_updates_are_not_compressed_and_carry_the_token_and_no_login(name, account):
    endpoint = ProfileEndpoint(name, account)
    sent = [update("ann"), update("bob")]
    request = request_of(endpoint, *sent)
    assert not endpoint.is_packed
    assert json.loads(request.body) == [{"$token": TOKEN, **each.body} for each in sent]
    assert set(request.headers) == {"Content-Type"}
    url = urlsplit(request.url)
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{MIXPANEL}{name}"
    assert parse_qs(url.query) == {"ip": ["0"], "strict": ["1"], "verbose": ["1"]}


def test_the_token_stays_out_of_what_is_kept_on_disk(profiles):
    assert TOKEN.encode() not in profiles.encode(update())


@pytest.mark.parametrize(
    "of", [ImportEndpoint(BY_TOKEN, LIMITS), ProfileEndpoint("/engage", BY_TOKEN)]
)
def test_another_process_encodes_as_this_one_does(of):
    elsewhere = pickle.loads(pickle.dumps(of))
    assert (elsewhere.name, elsewhere.limits) == (of.name, of.limits)
    assert request_of(elsewhere, update()) == request_of(of, update())


def test_a_token_of_odd_characters_is_written_as_json():
    endpoint = ProfileEndpoint("/engage", Account(MIXPANEL, 'to"ken\\é'))
    request = request_of(endpoint, update())
    assert json.loads(request.body)[0]["$token"] == 'to"ken\\é'


@pytest.mark.parametrize("service", [False, True])
def test_what_is_sent_is_stored_as_it_was(mixpanel, transport, service):
    endpoint = ImportEndpoint(account_at(mixpanel, service=service), LIMITS)
    assert judged(endpoint, transport, event(plan="pro")) == DELIVERED
    (stored,) = mixpanel.stored()
    assert (stored["time"], stored["insert_id"], stored["ip"]) == (TIME_MS, "event-1", 0)
    assert stored["properties"] == {"$user_id": "ann", "plan": "pro"}
    assert mixpanel.journal[0].notes == set()


def test_profiles_and_groups_are_stored_without_a_place_or_a_time_of_ours(mixpanel, transport):
    account = account_at(mixpanel)
    assert judged(ProfileEndpoint("/engage", account), transport, update(plan="pro")) == DELIVERED
    assert judged(ProfileEndpoint("/groups", account), transport, group_update()) == DELIVERED
    assert mixpanel.profiles() == {"ann": {"plan": "pro"}}
    assert mixpanel.group_profiles() == {("company", "acme"): {"a": 1}}
    assert GEO_FROM_REQUEST not in mixpanel.journal[0].notes | mixpanel.journal[1].notes
    assert not mixpanel.swallowed


def test_no_secret_is_seen_when_an_account_is_shown():
    account = Account("https://someone:pass@proxy.example.com", TOKEN, "1", "user", SECRET)
    for shown in (repr(account), str(account), f"{account}"):
        assert not any(secret in shown for secret in (TOKEN, SECRET, "someone", "pass"))
        assert "proxy.example.com" in shown


# Sizes --------------------------------------------------------------------------------------


def event_of(size: int) -> Event:
    """An event whose compact JSON has so many bytes."""
    return event(x="x" * (size - len(json.dumps(event(x="").body, separators=(",", ":")))))


def test_an_event_must_stay_below_a_megabyte(endpoint, mixpanel, transport):
    largest = endpoint.encode(event_of(999_999))
    assert len(largest) == 999_999
    with pytest.raises(Unmappable) as caught:
        endpoint.encode(event_of(1_000_000))
    assert caught.value.reason == "event_too_large"
    assert "1,000,000 bytes" in caught.value.detail
    assert judged(importing(mixpanel), transport, event_of(999_999)) == DELIVERED


def test_an_update_must_stay_below_a_megabyte_with_its_token(mixpanel, transport):
    endpoint = ProfileEndpoint("/engage", account_at(mixpanel))
    token = {"$token": mixpanel.credentials.token}
    bare = len(json.dumps({**token, **update(x="").body}, separators=(",", ":")))
    assert judged(endpoint, transport, update(x="x" * (999_999 - bare))) == DELIVERED
    with pytest.raises(Unmappable) as caught:
        endpoint.encode(update(x="x" * (1_000_000 - bare)))
    assert caught.value.reason == "update_too_large"


def test_the_updates_of_a_request_stay_below_two_megabytes_tokens_included():
    limits = ProfileEndpoint.limits
    endpoint = ProfileEndpoint("/engage", Account(MIXPANEL, "t" * 64))
    empty = len(endpoint.encode(update(x="")))
    each = endpoint.encode(update(x="x" * (limits.max_bytes // limits.max_events - empty - 1)))
    assert len(each) * limits.max_events > limits.max_bytes - 2 * limits.max_events
    assert len(body_of(endpoint, [each] * limits.max_events)) <= 2_097_152


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", {"x": 2**70, "y": float("nan")}])
def test_what_json_cannot_say_is_unmappable(endpoint, profiles, value):
    for each, sent in ((endpoint, event(x=value)), (profiles, update(x=value))):
        with pytest.raises(Unmappable, match="not_json"):
            each.encode(sent)


# Verdicts of /import ------------------------------------------------------------------------


@pytest.mark.parametrize("insert_id_key", ["insert_id", "$insert_id"])
def test_a_partial_400_rejects_whom_it_names_and_delivers_the_others(transport, insert_id_key):
    with FakeMixpanel(insert_id_key=insert_id_key) as mixpanel:
        sent = [event(1), event(2, **{"$user_id": "null"}), event(3), event(4, time="soon")]
        judgement = judged(importing(mixpanel), transport, *sent)
    assert judgement.verdict is Verdict.DELIVERED
    assert {i: each.verdict for i, each in judgement.exceptions.items()} == {
        1: Verdict.REJECTED,
        3: Verdict.REJECTED,
    }
    assert "properties.time" in judgement.exceptions[3].detail
    assert "must be specified as seconds since epoch" in judgement.exceptions[3].detail
    assert [stored["insert_id"] for stored in mixpanel.arrivals] == ["event-1", "event-3"]


def test_a_project_that_takes_no_identity_events_ends_the_run(mixpanel, transport):
    judgement = judged(importing(mixpanel), transport, event(1), VERB, event(2))
    assert (judgement.verdict, judgement.exceptions) == (Verdict.FATAL, {})
    assert "`identity_merge: simplified`" in judgement.detail
    assert len(mixpanel.arrivals) == 0


def test_a_project_that_needs_a_distinct_id_ends_the_run(transport):
    with FakeMixpanel(identity_merge="original") as mixpanel:
        judgement = judged(importing(mixpanel), transport, event(1))
    assert judgement.verdict is Verdict.FATAL
    assert "`identity_merge: original`" in judgement.detail


def test_failed_records_that_are_other_texts_reject_the_whole_request(endpoint):
    judgement = endpoint.judge(said(400, failed_records=["some records are odd"]), 3)
    assert (judgement.verdict, judgement.exceptions) == (Verdict.REJECTED, {})
    assert "some records are odd" in judgement.detail


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        (failed(0, taken=1), {0}),
        (failed(7, taken=2), set()),
        (failed(-1, taken=2), set()),
        (failed(0, taken=3), {0}),
    ],
    ids=["too few taken", "an index beyond", "an index below", "too many taken"],
)
def test_numbers_that_contradict_each_other_deliver_nothing(endpoint, reply, refused):
    judgement = endpoint.judge(reply, 3)
    assert judgement.verdict is Verdict.RETRIABLE
    assert set(judgement.exceptions) == refused


def test_an_event_with_two_faults_is_one_event(endpoint):
    judgement = endpoint.judge(failed(1, 1, taken=2), 3)
    assert judgement.verdict is Verdict.DELIVERED
    assert set(judgement.exceptions) == {1}


@pytest.mark.parametrize(
    "reply",
    [
        said(400, error="request body is no valid JSON", status="Bad Request"),
        said(400, error="x", num_records_imported=0, failed_records=[]),
        said(400, error="x", failed_records=None),
        said(400, error="x", failed_records=[{"index": "0"}]),
        said(400, error="x", failed_records=["words", {"index": 0}]),
    ],
)
def test_a_400_that_names_nobody_is_searched_by_halves(endpoint, reply):
    judgement = endpoint.judge(reply, 3)
    assert (judgement.verdict, judgement.exceptions) == (Verdict.REJECTED, {})


@pytest.mark.parametrize("body", [b"", b"<html>400 Bad Request</html>", b'{"message":"no"}', b"[]"])
def test_a_400_of_something_else_stops_the_run_and_kills_no_event(endpoint, profiles, body):
    for each in (endpoint, profiles):
        judgement = each.judge(Reply(400, body), 2_000)
        assert judgement.verdict is Verdict.FATAL
        assert "api.mixpanel.com answered 400" in judgement.detail


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Log in to the hotel's wifi</html>", b"[]", b"1", b"{}", b'{"status":"OK"}',
     b'{"code":200,"num_records_imported":1,"status":"OK"}',
     b'{"code":200,"num_records_imported":"2","status":"OK"}', b'{"code":20'],
)  # fmt: skip
def test_a_200_that_does_not_say_that_all_were_imported_delivers_nothing(endpoint, body):
    judgement = endpoint.judge(Reply(200, body), 2)
    assert (judgement.verdict, judgement.reason) == (Verdict.RETRIABLE, "not all imported")
    assert "api.mixpanel.com" in judgement.detail


def test_413_with_a_number_of_bytes_lowers_the_limit_and_splits(transport):
    with FakeMixpanel(max_body_bytes=2_097_152) as mixpanel:
        endpoint = importing(mixpanel)
        judgement = judged(endpoint, transport, *(event(n, x="x" * 900_000) for n in range(3)))
        assert judgement == Judgement(
            Verdict.REJECTED, "event_too_large", "Mixpanel: too large (413)"
        )
        assert endpoint.limits == Limits(2_000, 2_097_151)  # one more byte is the second bracket
        endpoint.judge(Reply(413, too_large(9_000_000).body), 3)
        assert endpoint.limits == Limits(2_000, 2_097_151)


@pytest.mark.parametrize(
    "words",
    ["request exceeds max limit of 2000 events", "request exceeds max limit of 0 bytes",
     f"request exceeds max limit of {'9' * 5_000} bytes", "<html>too large</html>", ""],
)  # fmt: skip
def test_413_without_a_number_of_bytes_splits_and_leaves_the_limit(endpoint, words):
    before = endpoint.limits
    assert endpoint.judge(Reply(413, words.encode()), 3).verdict is Verdict.REJECTED
    assert endpoint.limits == before


def test_too_many_events_are_split(mixpanel, transport):
    judgement = judged(importing(mixpanel), transport, *(event(n) for n in range(2_001)))
    assert judgement.verdict is Verdict.REJECTED
    assert len(mixpanel.arrivals) == 0


@pytest.mark.parametrize("act", [RATE_LIMITED, *map(Answer, (408, 500, 502, 503, 504, 520))])
@pytest.mark.parametrize("name", ["/import", "/engage", "/groups"])
def test_trouble_of_the_service_is_waited_out(mixpanel, transport, act, name):
    mixpanel.misbehave(act)
    account = account_at(mixpanel)
    is_import = name == "/import"
    endpoint = ImportEndpoint(account, LIMITS) if is_import else ProfileEndpoint(name, account)
    judgement = judged(endpoint, transport, event() if is_import else update())
    assert (judgement.verdict, judgement.reason) == (Verdict.RETRIABLE, f"http {act.status}")


@pytest.mark.parametrize("act", [DropConnection(), LoseReply(), TruncateBody()])
def test_a_connection_that_breaks_is_tried_again(mixpanel, transport, act):
    mixpanel.misbehave(act)
    judgement = judged(importing(mixpanel), transport, event())
    assert (judgement.verdict, judgement.reason) == (Verdict.RETRIABLE, "network")


@pytest.mark.parametrize("account", [BY_TOKEN, BY_ACCOUNT])
def test_refused_credentials_stop_the_run_and_say_what_to_check(mixpanel, transport, account):
    wrong = Account(mixpanel.url, account.token, account.project_id, account.username, SECRET)
    judgement = judged(ImportEndpoint(wrong, LIMITS), transport, event())
    assert judgement.verdict is Verdict.FATAL
    assert "(401)" in judgement.detail
    assert "`region`" in judgement.detail
    named = ["`project_token`"] if account is BY_TOKEN else ["Owner or Admin", "`project_id`"]
    assert all(words in judgement.detail for words in named)
    assert "Nothing is lost" in judgement.detail
    assert not any(secret in judgement.detail for secret in (TOKEN, SECRET))


@pytest.mark.parametrize("status", [204, 301, 302, 307, 404, 405, 410, 415, 422])
def test_what_mixpanel_never_answers_stops_the_run_and_names_the_host(endpoint, profiles, status):
    for each in (endpoint, profiles):
        judgement = each.judge(Reply(status, b"<html>project-token-1</html>"), 3)
        assert (judgement.verdict, judgement.reason) == (Verdict.FATAL, f"http {status}")
        assert "api.mixpanel.com" in judgement.detail
        assert "`base_url`" in judgement.detail
        assert TOKEN not in judgement.detail


def test_no_verdict_quotes_the_login_of_an_address():
    account = Account("https://someone:pass@proxy.example.com:8443/mp", TOKEN)
    for endpoint in (ImportEndpoint(account, LIMITS), ProfileEndpoint("/engage", account)):
        for reply in (Reply(0, error="it broke"), Reply(503), Reply(404), Reply(401), Reply(200)):
            detail = endpoint.judge(reply, 1).detail
            assert "proxy.example.com:8443" in detail
            assert "someone" not in detail
            assert "pass@" not in detail


# Verdicts of /engage and /groups ------------------------------------------------------------


def test_200_with_failed_updates_rejects_them_and_delivers_the_others(mixpanel, transport):
    endpoint = ProfileEndpoint("/engage", account_at(mixpanel))
    judgement = judged(endpoint, transport, update("ann"), update("null"), update("bob"))
    assert mixpanel.journal[0].status == 200
    assert judgement.verdict is Verdict.DELIVERED
    assert {i: each.verdict for i, each in judgement.exceptions.items()} == {1: Verdict.REJECTED}
    assert "$distinct_id" in judgement.exceptions[1].detail
    assert mixpanel.profiles().keys() == {"ann", "bob"}


def test_an_unknown_group_key_is_told_in_plain_words_once(mixpanel, transport, caplog):
    endpoint = ProfileEndpoint("/groups", account_at(mixpanel))
    with caplog.at_level(logging.WARNING):
        first, _ = (
            judged(endpoint, transport, group_update("company"), group_update("team"))
            for _ in range(2)
        )
    assert "Group Keys" in first.exceptions[1].detail
    (warning,) = [record for record in caplog.records if record.name.startswith("target_mixpanel")]
    assert "Is the group key in the project's settings" in warning.getMessage()


def test_a_refused_person_is_not_told_of_group_keys(profiles, caplog):
    refused = failed(0, taken=0, num_good_events=0)
    assert "roup" not in profiles.judge(refused, 1).exceptions[0].detail
    assert caplog.records == []


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 1, "error": None},
        {"status": "OK", "code": 200, "num_good_events": 2},
        {"status": 1, "error": None, "num_good_events": 2},
    ],
)
def test_updates_that_were_taken_are_delivered(profiles, answer):
    assert profiles.judge(Reply(200, json.dumps(answer).encode()), 2) == DELIVERED


@pytest.mark.parametrize(
    "body",
    [b"", b"1", b"<html>", b"{}", b'{"status":"maintenance"}', b'{"status":0}',
     b'{"status":1,"error":null,"num_good_events":1}', b'{"status":"OK","num_good_events":1}'],
)  # fmt: skip
def test_a_200_that_does_not_say_that_all_were_taken_delivers_nothing(profiles, body):
    judgement = profiles.judge(Reply(200, body), 2)
    assert (judgement.verdict, judgement.reason) == (Verdict.RETRIABLE, "not all taken")


@pytest.mark.parametrize("status", [200, 400])
def test_a_refusal_without_names_is_searched_by_halves(profiles, status):
    reply = Reply(status, b'{"status":0,"error":"some data points failed"}')
    judgement = profiles.judge(reply, 2)
    assert (judgement.verdict, judgement.exceptions) == (Verdict.REJECTED, {})
    assert "some data points failed" in judgement.detail


def test_a_status_of_1_does_not_outweigh_a_failed_update(profiles):
    record = {"index": 1, "field": "$distinct_id", "message": "bad"}
    answer = {"status": 1, "error": None, "failed_records": [record]}
    judgement = profiles.judge(Reply(200, json.dumps(answer).encode()), 2)
    assert (judgement.verdict, set(judgement.exceptions)) == (Verdict.DELIVERED, {1})


def test_failed_updates_among_others_that_were_not_taken_are_not_all_delivered(profiles):
    refused = failed(0, taken=0, num_good_events=1)
    judgement = profiles.judge(refused, 3)
    assert (judgement.verdict, set(judgement.exceptions)) == (Verdict.RETRIABLE, {0})


def test_a_forbidden_update_stops_the_run_and_says_to_check_the_token(mixpanel, transport):
    mixpanel.misbehave(FORBIDDEN, UNAUTHORIZED)
    endpoint = ProfileEndpoint("/engage", account_at(mixpanel, service=True))
    for status in (403, 401):
        judgement = judged(endpoint, transport, update())
        assert judgement.verdict is Verdict.FATAL
        assert f"({status})" in judgement.detail
        assert "Check `project_token`" in judgement.detail
        assert mixpanel.credentials.token not in judgement.detail


def test_updates_too_large_for_a_request_are_split(profiles):
    assert profiles.judge(Reply(413), 2).verdict is Verdict.REJECTED


# The address --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "base_url", "meant"),
    [
        ("us", None, "https://api.mixpanel.com"),
        ("eu", "", "https://api-eu.mixpanel.com"),
        ("in", None, "https://api-in.mixpanel.com"),
        ("eu", "http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("us", " https://proxy.example.com/mp// ", "https://proxy.example.com/mp"),
    ],
)
def test_the_address_is_the_region_s_unless_one_is_given(region, base_url, meant):
    assert base_address(HOSTS, region, base_url) == meant


@pytest.mark.parametrize(
    "given",
    [" ", "api.mixpanel.com", "ftp://api.mixpanel.com", "https://", "http://[::1", "http://h:99999",
     "http://h:port", "https://h/?key=1", "https://h/#x", "https://api mixpanel.com"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_in_a_sentence(given):
    with pytest.raises(SettingsError, match="base_url must be an address"):
        base_address(HOSTS, "us", given)


SHORT = ("1", "ok", "OK", "status", "error", "0", "{", "records")


@pytest.mark.parametrize("token", SHORT)
def test_a_short_token_changes_no_reply(token):
    account = Account(MIXPANEL, token)
    imported = Reply(200, b'{"code":200,"num_records_imported":1,"status":"OK"}')
    assert ImportEndpoint(account, LIMITS).judge(imported, 1) == DELIVERED
    taken = Reply(200, b'{"error":null,"status":1,"num_good_events":1}')
    assert ProfileEndpoint("/engage", account).judge(taken, 1) == DELIVERED
    said = {"code": 400, "error": "1 of 2", "failed_records": [
        {"index": 1, "field": "token", "message": f"is not {token}, oktober 12"}]}  # fmt: skip
    judgement = ImportEndpoint(account, LIMITS).judge(Reply(400, json.dumps(said).encode()), 2)
    assert judgement.verdict is Verdict.DELIVERED
    assert list(judgement.exceptions) == [1]
    detail = judgement.exceptions[1].detail
    assert detail == "Mixpanel refused it: token: is not …, oktober 12."
