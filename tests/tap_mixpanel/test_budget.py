"""No hour has more requests than are allowed, and no two are too near."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st
from tap_mixpanel.budget import Budget

from tests.tap_mixpanel.running import Sandbox, days_of_rows, fake
from tests.tap_runs import StoppedClock

# Restated on purpose: Mixpanel docs, API Rate Limits.
HOUR, A_SECOND = 3600, 3


def begun(most, pauses):
    clock = StoppedClock()
    budget = Budget(most, clock, logging.getLogger("test"))
    moments = []
    for pause in pauses:
        clock.time += pause
        budget.wait()
        moments.append(clock.time)
    return moments


@given(st.integers(1, 8), st.lists(st.floats(0, 2_000), max_size=60))
def test_any_hour_and_any_second_keep_to_the_limits(most, pauses):
    moments = begun(most, pauses)
    for at, moment in enumerate(moments):
        within = [other for other in moments[at:] if other - moment < HOUR - 0.001]
        assert len(within) <= most
        assert len([other for other in within if other - moment < 1]) <= A_SECOND


def test_what_is_allowed_is_not_waited_for():
    assert begun(50, [0, 1, 1, 1]) == [begun(1, [0])[0] + n for n in range(4)]


def test_a_long_wait_says_so(caplog):
    caplog.set_level("INFO")
    begun(2, [0, 0, 0])
    assert len(caplog.messages) == 1
    assert "2 requests were sent within an hour" in caplog.messages[0]
    assert "max_requests_per_hour" in caplog.messages[0]


def test_a_run_of_more_requests_than_an_hour_takes_is_never_refused(tmp_path):
    with fake(days_of_rows(*[1] * 70, first=1)) as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel)
    clocked = fake(days_of_rows(*[1] * 18), clock=sandbox.clock.monotonic, keep_bodies=False)
    with clocked as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel)
        mixpanel.quota._clock = sandbox.clock.monotonic
        output = sandbox.run(window_days=1, end_date="2024-01-19", max_requests_per_hour=5)
        assert len(output.events) == 18
        assert {exchange.status for exchange in mixpanel.journal} == {200}
    assert sum(wait for wait in sandbox.clock.waits if wait > 5) > 3 * HOUR * 0.9
