"""What tap-amplitude asks before a run. The fake answers as Amplitude's documents say."""

from __future__ import annotations

import pytest
from singer_delivery.proof.questions import Known
from singer_delivery.sdk.checking import answers_of
from singer_delivery.tap.errors import AccessRefused

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.http.exchanges import DropConnection, Reply
from tests.tap_amplitude.running import MONDAY, Sandbox, hours_of_rows

WRONG = "another-secret"


@pytest.fixture
def amplitude():
    with FakeAmplitude(hours_of_rows(MONDAY, 2, 1)) as fake:
        yield fake


@pytest.fixture
def sandbox(tmp_path, amplitude):
    return Sandbox(tmp_path, amplitude)


def answer(sandbox, **settings):
    ((question, found),) = answers_of(sandbox.tap(**settings))
    assert question.topic == "keys"
    return found


def test_right_keys_are_taken(sandbox, amplitude):
    assert answer(sandbox).known is Known.YES
    assert amplitude.journal == []


def test_an_older_project_has_the_older_list(sandbox, amplitude):
    amplitude.annotations = "v2"
    assert answer(sandbox).known is Known.YES


def test_wrong_keys_are_a_no_that_names_the_other_region(sandbox):
    found = answer(sandbox, secret_key=WRONG)
    assert found.known is Known.NO
    assert 'set region to "eu"' in found.sentence
    assert WRONG not in found.sentence


def test_a_plan_without_charts_says_nothing_of_the_keys(sandbox, amplitude):
    amplitude.has_charts = False
    assert answer(sandbox).known is Known.NOT_ANSWERED


def test_files_are_not_asked_for(sandbox, tmp_path):
    assert list(answers_of(sandbox.tap(archive_path=str(tmp_path)))) == []


def test_wrong_keys_stop_the_run_before_the_first_request(sandbox, amplitude):
    with pytest.raises(AccessRefused, match="refused api_key and secret_key"):
        sandbox.run(secret_key=WRONG)
    assert amplitude.journal == []


@pytest.mark.parametrize("down", [Reply(503), DropConnection(), Reply(429)], ids=repr)
def test_a_service_that_is_down_for_the_question_alone_stops_nothing(
    sandbox, amplitude, caplog, down
):
    amplitude.misbehave_at_questions(down)
    assert len(sandbox.run().records) == 3
    assert len([each for each in caplog.records if each.levelname == "WARNING"]) == 1


def test_nothing_is_asked_where_nobody_wants_it(sandbox, amplitude):
    assert len(sandbox.run(check=False).records) == 3
    assert amplitude.questions == []
