"""SIGTERM and Ctrl-C at seeded instants: a truncated run never passes for a whole one."""

from __future__ import annotations

import random
import signal

import pytest

from tests.destinations import IN_ALL_WAYS, MIXPANEL, POSTHOG
from tests.end_to_end.attempts import BOTH, MELTANO, MeltanoAttempt
from tests.end_to_end.kills import Instant, company_for, migration
from tests.fakes.http.exchanges import Delay, Hold

TERM, INT = signal.SIGTERM, signal.SIGINT
SLOW = pytest.mark.slow
A_MOMENT = 0.3
"""Seconds in which a run that gets a signal would have stopped, if it did not wait."""


@pytest.fixture(scope="module")
def company():
    return company_for(6, events=900)


def instant_of(seed, victims):
    """Draw an instant at which both processes have begun and neither is through."""
    chance = random.Random(seed)
    # The target reads ahead of what it sends: at a request the tap may have written everything.
    kinds = ("download",) if victims == ("tap",) else ("request", "request", "download", "state")
    kind = chance.choice(kinds)
    number = chance.randint(1, {"request": 8, "download": 3, "state": 1}[kind])
    return Instant(kind, number, 0.02 * chance.random(), victims)


def stop_at(begun, instant, number):
    """Run until the instant, send the signal; return the end, and who was alive to get it."""
    begun.service.misbehave_always(Delay(0.03))
    attempt = begun.begin(misbehaving=False)
    begun.instants.append(instant)
    begun.wait_for(attempt, instant)
    attempt.pass_time(instant.delay)
    alive = [name for name in instant.victims if attempt.is_running(name)]
    assert attempt.send(number, instant.victims), "it was over before the signal"
    ended = begun.end(attempt)
    begun.service.behave()
    return ended, alive


def delivered(report):
    return sum(each["delivered"] for each in report["endpoints"].values())


def arrived(service):
    """Count what the service took; nothing is sent twice where it never misbehaves."""
    updates = len(getattr(service, "updates", ())) + len(getattr(service, "group_updates", ()))
    return len(service.arrivals) + updates


@pytest.mark.parametrize(
    ("destination", "number", "victims", "seed"),
    [
        (POSTHOG, TERM, ("target",), 1),
        (MIXPANEL, INT, BOTH, 2),
        *(
            pytest.param(destination, number, victims, seed, marks=SLOW)
            for destination in IN_ALL_WAYS
            for number in (TERM, INT)
            for victims in (("tap",), ("target",), BOTH)
            for seed in (3, 4)
        ),
    ],
    ids=str,
)
def test_a_signal_is_told_by_the_exit_code_and_the_next_run_does_the_rest(
    tmp_path, destination, company, number, victims, seed
):
    with migration(tmp_path, destination, seed, company) as begun:
        ended, alive = stop_at(begun, instant_of(seed, victims), number)

        codes = {"tap": ended.tap_code, "target": ended.target_code}
        if codes["tap"] in {0, -number}:
            # All was written. Python puts the default handlers back before it ends: a shell says
            # 128 + n of a process that a signal ends by itself, too.
            assert '"status":"succeeded"' in ended.tap_log
            alive = [name for name in alive if name != "tap"]
        assert all(codes[name] == 128 + number for name in alive), (
            f"{codes}\n{ended.tap_log}{ended.target_log}"
        )
        assert "Traceback" not in ended.tap_log + ended.target_log
        assert delivered(begun.pipe.report) == arrived(begun.service)
        is_cut_off = "target" in alive
        assert begun.pipe.report["outcome"] == ("interrupted" if is_cut_off else "complete")
        begun.finish()


@pytest.mark.parametrize(
    ("destination", "number"),
    [
        (POSTHOG, TERM),
        *(
            pytest.param(destination, number, marks=SLOW)
            for destination in IN_ALL_WAYS
            for number in (TERM, INT)
            if (destination, number) != (POSTHOG, TERM)
        ),
    ],
    ids=str,
)
def test_a_second_signal_stops_the_target_at_once(tmp_path, destination, company, number):
    with migration(tmp_path, destination, 1, company) as begun:
        begun.service.misbehave_always(Hold())
        attempt = begun.begin(misbehaving=False)
        begun.service.wait_until_held()
        attempt.send(number, ("target",))
        attempt.pass_time(A_MOMENT, "target")
        assert attempt.is_running("target"), "it did not wait for requests in flight"

        attempt.send(number, ("target",))
        attempt.pass_time(5.0, "target")

        assert not attempt.is_running("target")
        begun.service.behave()
        assert begun.end(attempt).target_code == 128 + number
        begun.finish()


@pytest.mark.slow
@pytest.mark.parametrize("number", [pytest.param(TERM, marks=SLOW), INT])
def test_a_second_signal_stops_the_tap_at_once(tmp_path, company, number):
    with migration(tmp_path, POSTHOG, 1, company) as begun:
        begun.amplitude.misbehave_always(Hold())
        attempt = begun.begin(misbehaving=False)
        begun.amplitude.wait_until_held()
        attempt.send(number, ("tap",))
        attempt.send(number, ("tap",))
        attempt.pass_time(5.0, "tap")

        assert not attempt.is_running("tap")
        begun.amplitude.behave()
        assert begun.end(attempt).tap_code == 128 + number
        begun.finish()


@SLOW
@pytest.mark.skipif(MELTANO is None, reason="Meltano is not installed; `make test` installs it.")
@pytest.mark.parametrize(
    ("destination", "number", "victims"),
    [
        pytest.param(POSTHOG, INT, BOTH, id="Ctrl-C in a terminal"),
        pytest.param(POSTHOG, TERM, BOTH, id="SIGTERM to the group"),
        pytest.param(POSTHOG, TERM, ("meltano",), id="SIGTERM to Meltano alone"),
        pytest.param(MIXPANEL, INT, BOTH, id="Ctrl-C, Mixpanel"),
        pytest.param(MIXPANEL, TERM, BOTH, id="SIGTERM to the group, Mixpanel"),
    ],
)
def test_a_signal_under_meltano_leaves_a_run_that_is_simply_started_again(
    tmp_path, destination, company, number, victims
):
    with migration(tmp_path, destination, 7, company, MeltanoAttempt) as begun:
        ended, _ = stop_at(begun, Instant("request", 6, 0.01, victims), number)

        assert ended.target_code != 0, "a truncated run passed for a whole one"
        begun.finish()
