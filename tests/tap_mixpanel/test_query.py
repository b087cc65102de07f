"""What the query host's answers mean: a sentence for people, or another try."""

from datetime import datetime, timezone

import pytest
from singer_delivery.tap.errors import AccessRefused, RequestRefused, TryAgain
from singer_delivery.tap.http import Refusal
from tap_mixpanel.account import Account
from tap_mixpanel.engage import SessionLost
from tap_mixpanel.errors import Throttled
from tap_mixpanel.query import PlanLacksQueries, meaning

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc).timestamp()
ACCOUNT = Account(
    "https://data.mixpanel.com", "https://mixpanel.com", "us", "7", "reader", "s3cret", ""
)
BUSY = (
    "Query rate limit exceeded for project_id: 7. {}/5 queries running concurrently and {}/60 "
    "queries running in the last hour."
)


def meant(status, text="", page=0, headers=None):
    return meaning(Refusal(status, text, headers or {}), ACCOUNT, page, NOW)


@pytest.mark.parametrize(
    ("status", "text", "error", "says"),
    [
        (401, "no", AccessRefused, "reader was refused for project 7"),
        (400, "Unable to authenticate request", AccessRefused, 'region (now "us")'),
        (402, "Your plan does not allow API calls", PlanLacksQueries, "deselect profiles"),
        (403, "no", AccessRefused, "role"),
        (400, "request failed with error: invalid project id for cluster.", AccessRefused, '"eu"'),
        (302, "", AccessRefused, "query_base_url"),
        (404, "", AccessRefused, "query_base_url"),
        (400, "invalid data_group_id", RequestRefused, "invalid data_group_id"),
        (418, "s3cret tea", RequestRefused, "… tea"),
    ],
)
def test_what_no_other_try_helps_is_a_sentence(status, text, error, says):
    found = meant(status, text)
    assert type(found) is error
    assert says in str(found)
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("status", "text"),
    [(400, "Timeout Error."), (408, ""), (500, ""), (502, "<html>"), (503, ""), (504, "")],
)
def test_what_passes_is_asked_for_again(status, text):
    assert type(meant(status, text)) is TryAgain


def test_a_429_says_which_of_the_two_limits_is_full():
    hour = meant(429, BUSY.format(1, 61))
    assert type(hour) is Throttled
    assert "60 queries of this hour" in str(hour)
    once = meant(429, BUSY.format(6, 12))
    assert type(once) is TryAgain
    assert "6 of 5 queries run at once" in str(once)
    assert type(meant(429, "Slow down")) is Throttled
    assert meant(429, "", headers={"Retry-After": "17"}).retry_after == 17


@pytest.mark.parametrize(
    "text",
    [
        "must have session_id when requesting page > 0",
        "unknown session_id",
        "request for page in uncached query for params",
    ],
)
def test_a_session_is_lost_only_where_there_was_one(text):
    assert type(meant(400, text, page=3)) is SessionLost
    assert type(meant(400, text, page=0)) is RequestRefused
