"""The demonstration notices what does not add up, at every destination."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from demo import __main__ as demo
from demo import pipeline, summary
from tests.demo.mixpanel_balance import MIXPANEL
from tests.demo.posthog_balance import POSTHOG

BALANCES = {"posthog": POSTHOG, "mixpanel": MIXPANEL}


@pytest.fixture(params=BALANCES.values(), ids=BALANCES)
def balance(request):
    return request.param


def cases(table):
    return [
        pytest.param(balance, *case, id=f"{name}: {case[-1]}")
        for name, balance in BALANCES.items()
        for case in getattr(balance, table)
    ]


def test_a_perfect_run_adds_up(balance):
    assert balance.failing(balance.arrived) == []


@pytest.mark.parametrize(("balance", "change", "what"), cases("wrong"))
def test_what_is_wrong_at_the_stand_in_is_noticed(balance, change, what):
    assert balance.failing(replace(balance.arrived, **change)) == [what]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"delivered": 7}, ["delivered + skipped + dead"]),
        ({"skipped": {}}, ["delivered + skipped + dead"]),
        ({"read": 1_499}, ["records read", "delivered + skipped + dead"]),
        ({"dead": {}}, ["delivered + skipped + dead", "dead letters"]),
    ],
)
def test_a_report_that_does_not_add_up_is_noticed(balance, change, wrong):
    assert balance.failing(balance.arrived, balance.report(change)) == wrong


@pytest.mark.parametrize(("balance", "delivered", "wrong"), cases("endpoints_short"))
def test_a_report_that_tells_of_more_than_arrived_is_noticed(balance, delivered, wrong):
    assert balance.failing(balance.arrived, balance.report(delivered=delivered)) == wrong


def test_an_update_that_arrived_again_since_its_reply_was_lost_is_no_failure():
    again = replace(MIXPANEL.arrived, updates={"/engage": 91, "/groups": 18})
    assert MIXPANEL.failing(again) == []


def said(balance, report):
    return "\n".join(summary.lines("the service", balance.outcome(report), report))


def test_a_run_that_read_nothing_is_noticed(balance):
    report = {**balance.report(), "streams": {}}
    if balance is MIXPANEL:
        report["endpoints"] = {}
    assert balance.unread <= set(balance.failing(balance.arrived, report))
    assert "0 records read = 0 delivered + 0 skipped + 0 dead letters" in said(balance, report)


def test_the_summary_says_what_is_wrong(balance):
    text = said(balance, balance.report({"delivered": 7}))
    assert "WRONG  delivered + skipped + dead: found" in text
    assert f"It does not add up: 1 of {len(balance.checks(balance.arrived))} checks failed." in text


def test_the_summary_shows_the_sum_of_the_report_and_each_address(balance):
    text = said(balance, balance.report())
    dead = len(balance.truth.dead)
    total = f"1,500 records read = {1_498 - dead:,} delivered + 2 skipped + {dead} dead letters"
    assert total in text
    rows = dict(re.findall(r"^ +(\S.*?) {2,}(\S+)$", text, re.MULTILINE))
    assert rows.items() >= balance.rows.items()
    for line in balance.lines:
        assert line in text
    assert f"It adds up: all {len(balance.checks(balance.arrived))} checks" in text


def test_a_destination_where_nothing_arrived_fails_the_demonstration(balance, tmp_path, capsys):
    report = {**balance.report(), "streams": {}, "endpoints": {}}
    pipeline.report_path(tmp_path).write_text(json.dumps(report))
    destination = balance.demo()
    assert demo.show(destination, tmp_path) == 1
    printed = capsys.readouterr().out
    assert f"What arrived at the stand-in for {destination.service}" in printed
    assert "WRONG  events missing" in printed


def test_a_run_without_a_report_fails_the_demonstration(balance, tmp_path, capsys):
    assert demo.show(balance.demo(), tmp_path) == 1
    assert "nothing was loaded" in capsys.readouterr().out
