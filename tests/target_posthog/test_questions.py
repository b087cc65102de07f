"""What target-posthog asks before a run, and what it makes of the answers.

Texts of PostHog are restated in the fake. Here: an unknown key gets 401 from `/flags` and 404 from
`/array/{key}/config`, while capture answers 200 to it and swallows everything.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from singer_delivery.endpoint import Reply, Request
from singer_delivery.io.transport import Transport
from singer_delivery.proof.questions import Answer, Known
from target_posthog.asking import Account, account_of
from target_posthog.questions import about_project, questions

from tests.fakes.http.exchanges import Reply as Played
from tests.fakes.posthog import FakePostHog
from tests.fakes.posthog.questions import BILLED

KEY, OTHER = "phc_known_0123", "phc_other_4567"
US, EU = "http://us.i.posthog.com", "http://eu.i.posthog.com"
AGENT = "target-posthog/1.0 (check)"


@pytest.fixture
def sender() -> Iterator[Transport]:
    transport = Transport(AGENT)
    yield transport
    transport.close()


def answer(address: str, sender: Transport, key: str = KEY) -> Answer:
    (question,) = questions(address, key)
    return question.ask(sender)


def test_a_known_key_is_one_request_that_bills_nothing(sender):
    with FakePostHog(known_keys={KEY}) as posthog:
        said = answer(posthog.url, sender)
    assert said.known is Known.YES
    assert "knows the key" in said.sentence
    assert [(each.method, each.path) for each in posthog.questions] == [("POST", "/flags/")]
    assert BILLED not in posthog.questions[0].notes
    assert posthog.journal == []
    assert len(posthog.arrivals) == 0


def test_an_unknown_key_is_a_no_that_says_what_capture_would_do(sender):
    with FakePostHog(known_keys={OTHER}) as posthog:
        said = answer(posthog.url, sender)
    assert said.known is Known.NO
    assert "drop every event" in said.sentence
    assert "Check `api_key`" in said.sentence
    assert KEY not in said.sentence


@pytest.mark.parametrize(("address", "elsewhere"), [(US, EU), (EU, US)])
def test_a_key_of_the_other_region_is_found_there(address, elsewhere, sender, monkeypatch):
    regions = {"us.i.posthog.com": {OTHER}, "eu.i.posthog.com": {OTHER}}
    regions[elsewhere.removeprefix("http://")] = {KEY}
    with FakePostHog(regions=regions) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        said = answer(address, sender)
    assert said.known is Known.NO
    assert f"set `host` to {elsewhere}" in said.sentence


def test_a_key_of_no_region_asks_each_once(sender, monkeypatch):
    regions = {"us.i.posthog.com": {OTHER}, "eu.i.posthog.com": {OTHER}}
    with FakePostHog(regions=regions) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        said = answer(US, sender)
    assert said.known is Known.NO
    assert "Check `api_key`" in said.sentence
    hosts = [each.headers["host"] for each in proxy.questions if each.path == "/flags/"]
    assert hosts == ["us.i.posthog.com", "eu.i.posthog.com"]


def test_the_region_of_a_known_key_is_named(sender, monkeypatch):
    with FakePostHog(regions={"eu.i.posthog.com": {KEY}}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        said = answer(EU, sender)
    assert said.known is Known.YES
    assert "EU region" in said.sentence


def test_where_flags_is_missing_the_config_tells(sender):
    with FakePostHog(known_keys={KEY}) as posthog:
        posthog.misbehave_at_questions(Played(404))
        assert answer(posthog.url, sender).known is Known.YES
    with FakePostHog(known_keys={OTHER}) as posthog:
        posthog.misbehave_at_questions(Played(404))
        assert answer(posthog.url, sender).known is Known.NOT_ANSWERED  # nothing may be there


@pytest.mark.parametrize(
    "first",
    [
        Reply(500), Reply(503), Reply(429), Reply(403), Reply(302), Reply(0, error="no reply"),
        Reply(200, b"{}"), Reply(200, b"<html>"), Reply(200, b'{"status":"Ok"}'),
    ],
)  # fmt: skip
def test_what_says_nothing_of_the_key_never_says_no(first):
    said = answer("http://127.0.0.1:1", Answering(first))  # type: ignore[arg-type]
    assert said.known is Known.NOT_ANSWERED
    assert KEY not in said.sentence


def test_a_password_before_posthog_is_no_unknown_key():
    page = Reply(401, b"<html>Authorization Required</html>")
    said = answer("http://127.0.0.1:1", Answering(page, page))  # type: ignore[arg-type]
    assert said.known is Known.NOT_ANSWERED


def test_two_answers_that_contradict_each_other_stop_nothing():
    denied = Reply(401, b"The provided API key is invalid")
    config = Reply(200, b'{"token":"%s"}' % KEY.encode())
    said = answer("http://127.0.0.1:1", Answering(denied, config))  # type: ignore[arg-type]
    assert said.known is Known.NOT_ANSWERED


# In the name of a personal key -----------------------------------------------------------------


def about_the_project(posthog, sender, key="phx_personal_key_of_a_test", project="12345"):
    question = about_project(lambda: Account(posthog.url, project, key))
    assert not question.is_of_runs
    said = question.ask(sender)
    assert key not in said.sentence
    return said


def test_a_personal_key_sees_the_project_and_its_group_types(sender):
    with FakePostHog() as posthog:
        said = about_the_project(posthog, sender)
    assert said.known is Known.YES
    assert "0 of its 5 group types" in said.sentence


def test_a_personal_key_that_is_wrong_or_sees_less_is_a_no(sender):
    with FakePostHog() as posthog:
        assert "(401)" in about_the_project(posthog, sender, key="phx_another").sentence
        assert "(404)" in about_the_project(posthog, sender, project="7").sentence
        posthog.queries.scopes = ()
        said = about_the_project(posthog, sender)
    assert said.known is Known.NO
    assert "query:read" in said.sentence


def test_settings_that_name_no_project_are_a_no(sender):
    config = {"personal_api_key": "phx_key", "project_id": "mine", "host": US}
    said = about_project(lambda: account_of(config)).ask(sender)
    assert said.known is Known.NO
    assert "`project_id` is the number" in said.sentence


def test_a_project_over_its_quota_of_queries_says_neither(sender):
    with FakePostHog() as posthog:
        posthog.queries.plan = "over"
        assert about_the_project(posthog, sender).known is Known.NOT_ANSWERED


class Answering:
    """Answers in turn."""

    def __init__(self, *replies: Reply) -> None:
        self.left = list(replies)

    def send(self, request: Request) -> Reply:
        del request
        return self.left.pop(0)
