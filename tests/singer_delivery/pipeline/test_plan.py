"""What a dry run says a run will do and cost; every number is counted here anew."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from singer_delivery.endpoint import Limits
from singer_delivery.pipeline.plan import Distinct, Plan, lines, month_of
from singer_delivery.pipeline.report import NAMES, OTHER
from singer_delivery.pipeline.settings import Billing, RunSettings

from tests.singer_delivery.toys import ToyEndpoint

DAY = 86_400_000_000
SETTINGS = RunSettings(
    user_agent="toy/1.0",
    max_in_flight=4,
    max_retries=1,
    max_events_per_second=100,
    ledger_url="sqlite://",
    dead_letter_path=Path("dead"),
    report_path=None,
    dry_run=True,
    output_path=Path("out"),
)


SMALL = Limits(10, 10_000)


def plan(limits: Limits = SMALL, **changed: Any) -> Plan:
    return Plan({"toy": ToyEndpoint(limits=limits)}, replace(SETTINGS, **changed))


def add(to: Plan, number: int, kind: str = "event", name: str = "Played", **other: Any) -> bytes:
    encoded = json.dumps({"number": number, "of": "x" * 50}).encode()
    to.add("toy", kind, name, encoded, other.get("at", number * DAY), other.get("person", ""))
    return encoded


def test_events_are_counted_by_name_and_month() -> None:
    of = plan()
    due: dict[str, Counter[str]] = {"a": Counter(), "b": Counter()}
    for number in range(90):
        add(of, number, name="ab"[number % 2])
        day = datetime.fromtimestamp(number * 86_400, timezone.utc)
        due["ab"[number % 2]][f"{day:%Y-%m}"] += 1
    found = of.as_dict({}, 0.0)
    assert found["events"] == 90
    assert {name: each["months"] for name, each in found["names"].items()} == due
    assert found["months"] == dict(sum(due.values(), Counter()))


def test_what_is_no_event_is_counted_by_its_kind() -> None:
    of = plan()
    for kind in ("event", "link", "person", "person", "group", "device", "creation"):
        add(of, 1, kind)
    found = of.as_dict({}, 0.0)
    assert (found["links"], found["updates_of_people"], found["updates_of_groups"]) == (1, 3, 1)
    assert found["events"] == 1
    assert found["kinds"]["creation"] == 1


def test_people_are_those_of_events() -> None:
    of = plan()
    for number in range(30):
        add(of, number, person=f"p{number % 7}")
    add(of, 1, "link", person="somebody else")
    add(of, 1, person="")
    found = of.as_dict({}, 0.0)
    assert (found["people"], found["people_exact"]) == (7, True)


@pytest.mark.parametrize("limits", [Limits(10, 10_000), Limits(1_000, 400)])
def test_requests_are_full_ones(limits: Limits) -> None:
    of = plan(limits)
    size = max(len(add(of, number)) + 1 for number in range(95))
    fit = min(limits.max_events, limits.max_bytes // size)
    assert ceil(95 / fit) - 1 <= of.as_dict({}, 0.0)["requests"] <= ceil(95 / fit)


def test_bytes_are_those_of_json_and_those_that_travel() -> None:
    of = plan(Limits(100_000, 10**8))
    size = sum(len(add(of, number)) + 1 for number in range(20_000))
    found = of.as_dict({}, 0.0)
    assert size <= found["bytes"] <= size + 100
    assert 0 < found["bytes_compressed"] < size / 4


@pytest.mark.parametrize(
    ("pace", "seconds", "expected"),
    [
        (100, 1.0, (9.0, "the pace the destination asks for")),
        (100, 12.0, (12.0, "mapping on this machine")),
        (0, 1.0, (90 * 0.3 / 4, "replies of the destination")),
    ],
)
def test_the_slowest_says_how_long_it_takes(
    pace: int, seconds: float, expected: tuple[float, str]
) -> None:
    of = plan(Limits(10, 10_000), max_events_per_second=pace)
    for number in range(900):
        add(of, number)
    found = of.as_dict({}, seconds)
    assert (found["seconds"], found["seconds_bound_by"]) == (pytest.approx(expected[0], abs=0.1),
                                                            expected[1])  # fmt: skip


def test_the_bill_counts_the_kinds_that_the_destination_bills() -> None:
    notes = {"young": "Costs.", "old": "Too."}
    billing = Billing(frozenset({"event", "link"}), "It counts.", notes)
    of = plan(billing=billing)
    for kind in ("event", "event", "link", "person"):
        add(of, 1, kind)
    assert of.as_dict({"young": 2, "else": 9}, 0.0)["billed"] == {
        "events": 3,
        "sentence": "It counts.",
        "warnings": [{"note": "young", "events": 2, "sentence": "Costs."}],
    }
    assert plan().as_dict({}, 0.0)["billed"]["events"] == 0


def test_too_many_names_are_summed() -> None:
    of = plan()
    for number in range(NAMES + 50):
        add(of, 1, name=f"name {number}")
    names = of.as_dict({}, 0.0)["names"]
    assert len(names) == NAMES + 1
    assert names[OTHER]["events"] == 50


def test_many_people_are_estimated_within_a_percent() -> None:
    of = Distinct(exact=20_000)
    for number in range(200_000):
        of.add(f"person {number % 100_000}")
    assert not of.is_exact
    assert abs(len(of) - 100_000) < 2_500  # 3.5 standard deviations of 1 / sqrt(20,000)


def test_a_few_people_are_exact() -> None:
    of = Distinct(exact=1_000)
    for number in range(3_000):
        of.add(str(number % 1_500))
    assert (len(of), of.is_exact) == (1_500, True)


@pytest.mark.parametrize(("at", "month"), [
    (0, "1970-01"), (-1, "1969-12"), (None, "no time"), (10**30, "no time"),
    (1_709_251_199_999_999, "2024-02"), (1_709_251_200_000_000, "2024-03"),
])  # fmt: skip
def test_months_are_those_of_utc(at: int | None, month: str) -> None:
    assert month_of(at) == month


def test_the_log_has_a_table_of_at_most_20_rows() -> None:
    of = plan(sample=0.01, billing=Billing(notes={"young": "These cost."}))
    for number in range(0, 900, 3):
        add(of, number, person=str(number))
    said = lines(of.as_dict({"young": 4}, 5_000.0))
    assert len(said) <= 20
    assert "for 1 % of people" in said[0]
    assert any("1 h 23 min" in line for line in said)
    assert said[-1] == "These cost."
    counts = [int(line.split()[-2].replace(",", "")) for line in said if line.endswith("events")]
    assert sum(counts) == 300
