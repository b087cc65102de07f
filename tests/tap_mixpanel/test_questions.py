"""What tap-mixpanel asks on request. The fake answers as at a run, and counts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from singer_delivery.proof.questions import Answer, Known
from singer_delivery.sdk.checking import answers_of

from tests.fakes.http.exchanges import Reply
from tests.fakes.mixpanel_export import FakeMixpanelExport
from tests.fakes.mixpanel_export.quota import UNLIMITED
from tests.tap_mixpanel.running import NOW, SECRET, Sandbox, days_of_rows

WRONG = "another-secret"


def fake(**options) -> FakeMixpanelExport:
    return FakeMixpanelExport(days_of_rows(3), now=lambda: NOW, **options)


@pytest.fixture
def mixpanel() -> Iterator[FakeMixpanelExport]:
    with fake(project_timezone="Europe/Berlin") as it:
        yield it


def answers(tmp_path, mixpanel, streams=("events", "profiles"), **settings) -> dict[str, Answer]:
    tap = Sandbox(tmp_path, mixpanel).tap(streams=streams, **settings)
    found = {question.topic: answer for question, answer in answers_of(tap)}
    for answer in found.values():
        assert SECRET not in answer.sentence
        assert WRONG not in answer.sentence
    return found


def test_login_project_and_plan_are_asked_for(tmp_path, mixpanel):
    found = answers(tmp_path, mixpanel)
    assert [*found] == ["login", "project", "plan"]
    assert {answer.known for answer in found.values()} == {Known.YES}
    assert "in the time zone Europe/Berlin" in found["project"].sentence
    assert mixpanel.journal == []
    assert mixpanel.quota.in_last_hour == mixpanel.query_quota.in_last_hour == 1


def test_a_wrong_secret_is_a_no(tmp_path, mixpanel):
    found = answers(tmp_path, mixpanel, service_account_secret=WRONG)
    assert {answer.known for answer in found.values()} == {Known.NO}
    assert "was refused for project 2195193" in found["login"].sentence


def test_another_region_is_named(tmp_path):
    for lost in ("cluster", "page"):
        with fake(region="us", project_region="eu", lost_project=lost) as mixpanel:
            found = answers(tmp_path, mixpanel)
        assert found["login"].known is Known.NO
        assert 'set region to "eu" or "in"' in found["login"].sentence


def test_a_project_that_the_account_does_not_see(tmp_path, mixpanel):
    mixpanel.sees_project = False
    found = answers(tmp_path, mixpanel)
    assert found["project"].known is Known.NO
    assert "sees no project 2195193" in found["project"].sentence


def test_a_plan_without_profiles_says_what_to_deselect(tmp_path):
    with fake(plan="free") as mixpanel:
        found = answers(tmp_path, mixpanel)
    assert found["login"].known is Known.YES
    assert found["plan"].known is Known.NO
    assert "deselect profiles" in found["plan"].sentence


def test_an_outage_says_neither(tmp_path, mixpanel):
    mixpanel.misbehave_at_questions(Reply(503), Reply(502), Reply(429))
    found = answers(tmp_path, mixpanel)
    assert {answer.known for answer in found.values()} == {Known.NOT_ANSWERED}


def test_without_profiles_no_query_is_spent(tmp_path, mixpanel):
    assert [*answers(tmp_path, mixpanel, streams=("events",))] == ["login", "project"]
    assert mixpanel.query_quota.in_last_hour == 0


def test_a_project_secret_is_of_one_project_and_sees_no_others(tmp_path):
    with fake(project_secret="project-secret-0") as mixpanel:
        found = answers(
            tmp_path,
            mixpanel,
            project_secret="project-secret-0",
            service_account_username=None,
            service_account_secret=None,
            project_id=None,
        )
    assert [*found] == ["login", "plan"]
    assert found["login"].known is Known.YES


def test_a_run_asks_by_itself(tmp_path):
    with fake(limits=UNLIMITED) as mixpanel:
        Sandbox(tmp_path, mixpanel).run()
    assert mixpanel.questions == []
