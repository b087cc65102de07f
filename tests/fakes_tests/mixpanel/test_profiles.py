from __future__ import annotations

import gzip
import json

import pytest
import requests

from tests.fakes.mixpanel import FORBIDDEN, FakeMixpanel

QUIET = {"$ip": 0, "$ignore_time": True}
FAILED = "some data points in the request failed validation"
STRICT = {"strict": "1", "verbose": "1"}


def of_ada(**operation) -> dict:
    """An update; `set_once` becomes `$set_once`, a value of ... takes a key out."""
    sent = {"token": "mixpanel-token", "distinct_id": "ada", **operation}
    named = {f"${key}": value for key, value in sent.items() if value is not ...}
    return {**QUIET, **named}


def of_acme(**operation) -> dict:
    return of_ada(distinct_id=..., **{"group_key": "company", "group_id": "acme", **operation})


def send(mixpanel: FakeMixpanel, body: object, path: str = "/engage", query=None, **headers: str):
    return requests.post(
        mixpanel.url + path,
        params=STRICT if query is None else query,
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **headers},
        timeout=10,
    )


def profile_after(*updates: dict) -> dict | None:
    """Ada's profile after these updates, each in its own request."""
    with FakeMixpanel() as mixpanel:
        for update in updates:
            assert send(mixpanel, [update]).json()["status"] == 1
    return mixpanel.profiles().get("ada")


def failure(update: object, path: str = "/engage") -> dict:
    """The failed record of an update between two good ones, which must be carried out."""
    good = {"/engage": of_ada, "/groups": of_acme}[path]
    with FakeMixpanel(group_keys={"company"}) as mixpanel:
        reply = send(mixpanel, [good(set={"a": 1}), update, good(set={"b": 2})], path)
    said = reply.json()
    (record,) = said.pop("failed_records")
    assert reply.status_code == 200
    assert said == {"status": 0, "error": FAILED, "num_good_events": 2}
    (profile,) = {**mixpanel.profiles(), **mixpanel.group_profiles()}.values()
    assert profile == {"a": 1, "b": 2}
    assert record.pop("index") == 1
    return record


# Operations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        ({"set": {"plan": "pro", "age": 3}}, {"plan": "free"}, {"plan": "pro", "age": 3}),
        ({"set_once": {"plan": "pro", "age": 3}}, {"plan": "free"}, {"plan": "free", "age": 3}),
        ({"add": {"logins": 2, "new": -1}}, {"logins": 3}, {"logins": 5, "new": -1}),
        ({"union": {"tags": ["a", "b", "b"]}}, {"tags": ["a"]}, {"tags": ["a", "b"]}),
        ({"union": {"tags": ["b"]}}, {"tags": "a"}, {"tags": ["a", "b"]}),
        ({"append": {"tags": "a"}}, {"tags": ["a"]}, {"tags": ["a", "a"]}),
        ({"append": {"tags": "a"}}, {}, {"tags": ["a"]}),
        ({"remove": {"tags": "a", "no": 1}}, {"tags": ["a", "b"]}, {"tags": ["b"]}),
        ({"unset": ["plan", "no"]}, {"plan": "free", "age": 3}, {"age": 3}),
        ({"delete": ""}, {"plan": "free"}, None),
    ],
)
def test_each_operation_does_what_it_says(operation, before, after):
    assert profile_after(of_ada(set=before), of_ada(**operation)) == after


@pytest.mark.parametrize("operation", [{"remove": {"a": 1}}, {"unset": ["a"]}, {"delete": ""}])
def test_what_takes_away_makes_no_profile(operation):
    assert profile_after(of_ada(**operation)) is None


def test_the_last_to_arrive_wins():
    new, old = of_ada(set={"logins": 9}), of_ada(set={"logins": 1})
    assert profile_after(new, old) == {"logins": 1}


def test_updates_are_kept_as_they_were_sent_with_their_request():
    update = of_ada(set={"plan": "pro"})
    with FakeMixpanel() as mixpanel:
        send(mixpanel, [update])
    assert mixpanel.updates == [{**update, "request": 1}]
    (batch,) = mixpanel.batches
    assert (batch.path, batch.records, batch.accepted, batch.status) == ("/engage", 1, 1, 200)


def test_a_profile_that_was_looked_at_does_not_change_the_kept_one():
    with FakeMixpanel() as mixpanel:
        send(mixpanel, [of_ada(set={"tags": ["a"]})])
        mixpanel.profiles()["ada"]["tags"].append("b")
        send(mixpanel, [of_ada(union={"tags": ["c"]})])
    assert mixpanel.profiles() == {"ada": {"tags": ["a", "c"]}}
    assert mixpanel.updates[0]["$set"] == {"tags": ["a"]}


# Replies --------------------------------------------------------------------------------------


def test_good_updates_are_told_as_asked():
    good = [of_ada(set={"a": 1})]
    with FakeMixpanel() as mixpanel:
        assert send(mixpanel, good).json() == {"status": 1, "error": None, "num_good_events": 1}
        assert send(mixpanel, good, query={"verbose": "1"}).json() == {"status": 1, "error": None}
        assert send(mixpanel, good, query={}).text == "1"
    assert not mixpanel.swallowed


def test_without_strict_bad_updates_vanish_behind_good_ones():
    mixed = [of_ada(set={"a": 1}), of_ada(set=7)]
    with FakeMixpanel() as mixpanel:
        assert send(mixpanel, mixed, query={}).text == "1"
        said = send(mixpanel, mixed[1:], query={"verbose": "1"}).json()
        assert send(mixpanel, mixed[1:], query={}).text == "0"
    assert said == {"status": 0, "error": "'$set' is invalid: must be an object"}
    assert mixpanel.swallowed == {"invalid, and strict=1 was not asked for": 3}
    assert mixpanel.journal[0].notes == {"strict=1 was not asked for"}


@pytest.mark.parametrize("path", ["/engage", "/groups"])
def test_gzip_is_refused_behind_a_200(path):
    body = gzip.compress(json.dumps([of_ada(set={"a": 1})]).encode())
    with FakeMixpanel() as mixpanel:
        reply = send(mixpanel, body, path, **{"Content-Encoding": "gzip"})
        unsaid = send(mixpanel, body, path)
    assert (reply.status_code, reply.json()) == (
        200,
        {"status": 0, "error": "this API does not support gzip encoding"},
    )
    assert unsaid.json()["status"] == 0
    assert not mixpanel.updates
    assert mixpanel.batches[0].accepted == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", of_ada(set={"a": 1})])
def test_an_unreadable_body_is_told_behind_a_200(body):
    with FakeMixpanel() as mixpanel:
        reply = send(mixpanel, body)
        assert send(mixpanel, body, query={"strict": "1"}).json()["status"] == 0
        assert send(mixpanel, body, query={}).text == "0"
    assert (reply.status_code, reply.json()["status"]) == (200, 0)


def test_2000_updates_are_taken_and_2001_are_not():
    updates = [of_ada(distinct_id=f"user-{number}", set={"a": 1}) for number in range(2001)]
    with FakeMixpanel() as mixpanel:
        assert send(mixpanel, updates[:2000]).json()["num_good_events"] == 2000
        assert send(mixpanel, updates).json()["status"] == 0
    assert len(mixpanel.profiles()) == 2000


def test_updates_with_an_unknown_token_are_taken_and_go_nowhere():
    with FakeMixpanel() as mixpanel:
        assert send(mixpanel, [of_ada(token="other", set={"a": 1})]).json()["status"] == 1
    assert not mixpanel.profiles()
    assert not mixpanel.updates
    assert mixpanel.swallowed == {"unknown token": 1}


def test_a_403_can_be_scripted_and_has_no_code():
    with FakeMixpanel() as mixpanel:
        mixpanel.misbehave(FORBIDDEN)
        reply = send(mixpanel, [of_ada(set={"a": 1})])
    assert reply.status_code == 403
    assert "code" not in reply.json()


# Refused one by one ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("update", "field", "message"),
    [
        (of_ada(set={"a": 1}, token=...), "$token", "must not be missing"),
        (of_ada(set={"a": 1}, token=7), "$token", "must be a string"),
        (of_ada(set={"a": 1}, distinct_id=...), "$distinct_id", "must not be missing"),
        (of_ada(set={"a": 1}, distinct_id=""), "$distinct_id", "must not be missing"),
        (of_ada(set={"a": 1}, distinct_id=7), "$distinct_id", "must be a string"),
        (of_ada(set={"a": 1}, distinct_id="Null"), "$distinct_id", "must not be a placeholder"),
        (of_ada(), "update", "must have exactly one operation"),
        (of_ada(set={"a": 1}, set_once={"b": 1}), "update", "must have exactly one operation"),
        (of_ada(set=[]), "$set", "must be an object"),
        (of_ada(add={"a": "1"}), "$add", "must have numbers only"),
        (of_ada(add={"a": True}), "$add", "must have numbers only"),
        (of_ada(union={"a": 1}), "$union", "must have lists only"),
        (of_ada(unset={"a": 1}), "$unset", "must be a list of property names"),
        (of_ada(unset=[1]), "$unset", "must be a list of property names"),
        (of_ada(set={"a": "x" * 1_000_000}), "update", "must be smaller than 1MB"),
    ],
)
def test_a_bad_update_fails_alone_and_is_told_by_index_id_field_and_reason(update, field, message):
    assert failure(update) == {
        "$distinct_id": update.get("$distinct_id"),
        "field": field,
        "message": f"'{field}' is invalid: {message}",
    }


def test_an_update_is_an_object():
    assert failure(7)["field"] == "update"


def test_an_update_just_below_a_million_bytes_is_taken():
    empty = len(json.dumps(of_ada(set={"a": ""}), separators=(",", ":")))
    assert profile_after(of_ada(set={"a": "x" * (999_999 - empty)}))
    assert failure(of_ada(set={"a": "x" * (1_000_000 - empty)}))["field"] == "update"


# Side effects ---------------------------------------------------------------------------------

GEO_FROM_REQUEST = "the request's own ip was used to locate somebody"
GEO_FROM_IP = "a sent ip was used to locate somebody"


@pytest.mark.parametrize(
    ("ip", "query", "notes"),
    [
        (0, STRICT, set()),
        ("0", STRICT, set()),
        (..., {**STRICT, "ip": "0"}, set()),
        (..., STRICT, {GEO_FROM_REQUEST}),
        (..., {**STRICT, "ip": "1"}, {GEO_FROM_REQUEST}),
        ("203.0.113.7", STRICT, {GEO_FROM_IP}),
    ],
)
def test_a_note_tells_whose_ip_was_looked_up(ip, query, notes):
    update = {
        key: value for key, value in {**of_ada(set={}), "$ip": ip}.items() if value is not ...
    }
    with FakeMixpanel() as mixpanel:
        send(mixpanel, [update], query=query)
    assert mixpanel.journal[0].notes == notes


@pytest.mark.parametrize("ignore", [..., False, "true"])
def test_a_note_tells_that_last_seen_was_touched(ignore):
    with FakeMixpanel() as mixpanel:
        update = {**of_ada(set={}), "$ignore_time": ignore}
        send(mixpanel, [{key: value for key, value in update.items() if value is not ...}])
    assert mixpanel.journal[0].notes == {"an update touched $last_seen"}


# Groups ---------------------------------------------------------------------------------------


def test_groups_have_profiles_of_their_own():
    with FakeMixpanel(group_keys={"company", "team"}) as mixpanel:
        updates = [
            of_acme(set={"plan": "free", "tags": ["a", "b"]}),
            of_acme(set_once={"plan": "pro", "since": 2020}),
            of_acme(union={"tags": ["c"]}),
            of_acme(remove={"tags": "a"}),
            of_acme(group_key="team", set={"a": 1}),
            of_acme(group_key="team", unset=["a"]),
            of_acme(group_id="gone", set={"a": 1}),
            of_acme(group_id="gone", delete=""),
        ]
        assert send(mixpanel, updates, "/groups").json()["num_good_events"] == len(updates)
    assert mixpanel.group_profiles() == {
        ("company", "acme"): {"plan": "free", "since": 2020, "tags": ["b", "c"]},
        ("team", "acme"): {},
    }
    assert mixpanel.group_updates == [{**update, "request": 1} for update in updates]
    assert (mixpanel.profiles(), mixpanel.updates) == ({}, [])


@pytest.mark.parametrize(
    ("update", "field", "message"),
    [
        (
            of_acme(set={"a": 1}, group_key="undeclared"),
            "$group_key",
            "must be a group key of this project",
        ),
        (of_acme(set={"a": 1}, group_key=...), "$group_key", "must not be missing"),
        (of_acme(set={"a": 1}, group_id=""), "$group_id", "must not be missing"),
        (of_acme(add={"a": 1}), "$add", "must be an operation of groups"),
        (of_acme(append={"a": 1}), "$append", "must be an operation of groups"),
        (
            {**of_acme(set={"a": 1}), "$distinct_id": "ada"},
            "$distinct_id",
            "must not be on a group update",
        ),
    ],
)
def test_groups_have_rules_of_their_own(update, field, message):
    assert failure(update, "/groups") == {
        "$group_id": update.get("$group_id"),
        "field": field,
        "message": f"'{field}' is invalid: {message}",
    }
