"""What capture v1 says of single events; its words are restated here, apart from the code.

Sources: PostHog repository, rust/capture/src/v1/analytics (types.rs, process.rs, constants.rs) and
quota_limiter_shim.rs.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from singer_delivery.endpoint import Judgement, Verdict
from target_posthog.verdicts import by_uuid, judged

DELIVERED, REJECTED = Verdict.DELIVERED, Verdict.REJECTED
RETRIABLE, FATAL = Verdict.RETRIABLE, Verdict.FATAL
PERSON, IMPORTS = "person_processing_disabled", "non_historical_import_drop"


def drop(details: str) -> dict[str, str]:
    return {"result": "drop", "details": details}


@pytest.mark.parametrize(
    ("said", "verdict", "word"),
    [
        ({"result": "ok"}, DELIVERED, ""),
        ({"result": "ok", "details": PERSON}, DELIVERED, PERSON),
        ({"result": "warning"}, DELIVERED, "warning"),
        ({"result": "warning", "details": PERSON}, DELIVERED, PERSON),
        ({"result": "retry", "details": "not_persisted"}, RETRIABLE, "not_persisted"),
        ({"result": "retry"}, RETRIABLE, "retry"),
        (drop("event_restriction_drop"), REJECTED, "event_restriction_drop"),
        (drop("serialization_failed"), REJECTED, "serialization_failed"),
        (drop("event_too_big"), REJECTED, "event_too_big"),
        (drop("rejected"), REJECTED, "rejected"),
        (drop("invalid_distinct_id"), REJECTED, "invalid_distinct_id"),
        ({"result": "drop"}, REJECTED, "dropped"),
        ({"result": "limited"}, FATAL, "quota_limited"),
        (drop("billing_limit_exceeded"), FATAL, "quota_limited"),
        (drop("exceptions_over_quota"), FATAL, "quota_limited"),
        (drop(IMPORTS), FATAL, IMPORTS),
        (drop("misrouted_event"), FATAL, "misrouted_event"),
        (None, RETRIABLE, "not acknowledged"),
        ("ok", RETRIABLE, "not acknowledged"),
        ({}, RETRIABLE, "not acknowledged"),
        ({"result": "perhaps"}, RETRIABLE, "not acknowledged"),
    ],
)
def test_a_result_has_one_meaning(said, verdict, word):
    judgement = judged(said)
    assert judgement.verdict is verdict
    assert (judgement.note or judgement.reason) == word


@pytest.mark.parametrize("details", ["ann@example.org is too long", ["x"], "Ann", "x" * 65])
def test_details_that_are_no_word_are_said_nowhere(details):
    judgement = judged(drop(details))
    assert (judgement.reason, judgement.detail) == ("dropped", "PostHog dropped it: dropped")


@pytest.mark.parametrize("details", ["billing_limit_exceeded", "llm_events_over_quota"])
def test_what_is_over_the_limit_says_what_to_do(details):
    assert "billing limit is reached" in judged(drop(details)).detail


def test_a_posthog_of_imports_alone_says_which_setting_helps():
    assert "set `historical_migration` to true" in judged(drop(IMPORTS)).detail


# Together -----------------------------------------------------------------------------------


def event(number: int, who: str = "", name: str = "Played", **properties: Any) -> bytes:
    body = {"event": name, "uuid": f"u{number}", "distinct_id": who or f"p{number}"}
    return json.dumps({**body, "properties": properties}).encode()


def verdicts(judgement: Judgement, count: int) -> list[Verdict]:
    return [judgement.exceptions.get(n, judgement).verdict for n in range(count)]


def test_results_are_found_by_uuid_in_whatever_order():
    results = {"u2": drop("rejected"), "u0": {"result": "ok"}, "u1": {"result": "retry"}}
    judgement = by_uuid(results, [event(0), event(1), event(2), event(3)])
    assert verdicts(judgement, 4) == [DELIVERED, RETRIABLE, REJECTED, RETRIABLE]
    assert judgement.exceptions[3].reason == "not acknowledged"


RETRY_0 = {"u0": {"result": "retry"}, "u1": {"result": "ok"}}
SET = {"$set": {"plan": "pro"}}


LINK = {"alias": "phone"}


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (event(0, "ann"), event(1, "ann")),
        (event(0, "ann"), event(1, "ann", **SET)),
        (event(0, "ann", "$create_alias", **LINK), event(1, "phone")),
        (event(0, "phone"), event(1, "ann", "$create_alias", **LINK)),
        (event(0, "phone"), event(1, "ann", "$identify", **{"$anon_distinct_id": "phone"})),
    ],
)
def test_later_events_of_a_person_follow_the_one_that_is_retried(first, later):
    judgement = by_uuid(RETRY_0, [first, later])
    assert verdicts(judgement, 2) == [RETRIABLE, RETRIABLE]
    assert judgement.exceptions[1].reason == "after one to be retried"


def test_those_of_all_others_stay_delivered():
    events = [event(0, "ann"), event(1, "bob", **SET)]
    assert verdicts(by_uuid(RETRY_0, events), 2) == [RETRIABLE, DELIVERED]


def test_who_is_linked_to_somebody_late_is_late_too():
    results = RETRY_0 | {"u2": {"result": "ok"}}
    events = [event(0, "phone"), event(1, "ann", "$create_alias", **LINK), event(2, "ann")]
    assert verdicts(by_uuid(results, events), 3) == [RETRIABLE] * 3


def test_what_was_said_before_stays_delivered():
    events = [event(1, "ann", **SET), event(0, "ann")]
    assert verdicts(by_uuid(RETRY_0, events), 2) == [DELIVERED, RETRIABLE]


def test_what_is_dropped_later_stays_dropped():
    results = {"u0": {"result": "retry"}, "u1": drop("rejected")}
    events = [event(0, "ann"), event(1, "ann", **SET)]
    assert verdicts(by_uuid(results, events), 2) == [RETRIABLE, REJECTED]
