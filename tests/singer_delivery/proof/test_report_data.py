"""What a report says of its evidence: the verdict, the sums, what to do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from singer_delivery.proof.report_data import data_of, state
from singer_delivery.proof.report_sources import Count, Covered, public_settings

from tests.singer_delivery.proof.evidence import counts, evidence, plan, run, verified


def advice(reason: str) -> tuple[str, str]:
    return f"means {reason}", f"do {reason}"


def said(**changed: Any) -> dict[str, Any]:
    return data_of(evidence(**changed), advice)


def test_equal_numbers_are_a_sentence() -> None:
    cells = counts(30, 5)
    total = sum(cell.count for cell in cells)
    found = said(counts=cells, verified=verified(cells, {}))["verdict"]
    assert found["state"] == "equal"
    assert found["sentence"] == (
        f"The numbers match: PostHog holds every one of the {total:,} events that it accepted."
    )


def test_columns_that_do_not_travel_stand_once_with_their_reason() -> None:
    kept = {"read": 1, "delivered": 1}
    amplitude = {
        **kept,
        "vendor": "Amplitude",
        "not_carried": {"data": "internal", "$schema": "internal"},
    }
    mixpanel = {**kept, "vendor": "Mixpanel", "not_carried": {"$geo_source": "its place"}}
    data = said(
        runs=[
            run(streams={"events": amplitude}),
            run(streams={"events": amplitude, "profiles": mixpanel, "songs": kept}),
        ]
    )
    assert data["vendors"] == ["Amplitude", "Mixpanel"]
    assert data["columns"] == [
        {"vendor": "Amplitude", "reason": "internal", "columns": ["data", "$schema"]},
        {"vendor": "Mixpanel", "reason": "its place", "columns": ["$geo_source"]},
    ]


def test_reports_of_earlier_versions_name_no_vendor() -> None:
    data = said(runs=[run()])
    assert (data["vendors"], data["columns"]) == ([], [])


def test_what_differs_is_a_sentence_with_days_and_events() -> None:
    cells = counts(30, 5)
    lost = {(cells[0].day, cells[0].name): 7, (cells[20].day, cells[20].name): 3}
    found = said(counts=cells, verified=verified(cells, lost))["verdict"]
    total = sum(cell.count for cell in cells)
    assert found["state"] == "differs"
    assert (
        f"10 of {total:,} events are missing at PostHog; 2 of 30 days differ" in found["sentence"]
    )


def test_more_than_was_sent_is_a_sentence() -> None:
    cells = counts(3, 2)
    more = {**verified(cells, {(cells[0].day, cells[0].name): -5}), "verdict": "differs"}
    assert said(counts=cells, verified=more)["verdict"]["sentence"] == (
        "The numbers differ: PostHog holds events that were not sent; 1 of 3 days differ."
    )


def test_days_that_could_not_be_asked_do_not_count_as_days_that_match() -> None:
    cells = counts(3, 2)
    asked = verified(cells, {(cells[0].day, cells[0].name): 5})
    asked["days"][1]["found"] = None
    sentence = said(counts=cells, verified=asked)["verdict"]["sentence"]
    assert sentence.endswith("of 2 days that could be asked 1 differ.")
    for each in asked["days"]:
        each["found"] = None
    assert said(counts=cells, verified=asked)["verdict"]["sentence"].endswith("missing at PostHog.")


def test_a_comparison_of_some_days_does_not_speak_for_the_others() -> None:
    cells = counts(30, 5)
    some = [cell for cell in cells if cell.day >= "2022-03-10"]
    chosen = {"since": "2022-03-10", "until": None}
    total = sum(cell.count for cell in some)
    found = said(counts=cells, verified={**verified(some, {}), **chosen})["verdict"]
    assert found["state"] == "unknown"
    assert found["sentence"] == (
        f"Unknown as a whole: PostHog holds every one of the {total:,} events of days from "
        "2022-03-10; no other days were compared."
    )
    lost = {(some[0].day, some[0].name): 7}
    found = said(counts=cells, verified={**verified(some, lost), **chosen})["verdict"]
    assert found["state"] == "differs"
    assert found["sentence"].endswith("Only days from 2022-03-10 were compared.")


def test_the_sum_of_what_was_found_is_known_by_names_where_no_day_is() -> None:
    cells = counts(3, 2)
    asked = verified(cells, {})
    total = sum(cell.count for cell in cells)
    for each in asked["days"]:
        each["found"] = None
    assert said(counts=cells, verified=asked)["events"] == [total, total]
    asked["names"][0]["found"] = None
    assert said(counts=cells, verified=asked)["events"] == [total, None]
    assert said(counts=cells, verified=None)["events"] == [total, None]


def test_without_verify_it_is_not_yet_verified() -> None:
    found = said(verified=None)
    total = sum(cell.count for cell in counts(400, 60))
    assert found["verdict"]["state"] == "not verified"
    assert f"Not yet verified: {total:,} events were accepted" in found["verdict"]["sentence"]
    assert "singer-delivery verify --target target-posthog" in found["verdict"]["beside"]
    assert {day[3] for day in found["days"]} == {"not asked"}


def test_without_books_the_runs_count() -> None:
    found = said(verified=None, counts=None)
    assert found["days"] == []
    assert found["names"][0] == ["Song Played", "", 80_000_000, None, "not asked"]
    assert "as the runs counted them" in found["verdict"]["sentence"]


def test_with_nothing_at_all_it_says_so() -> None:
    found = said(verified=None, counts=None, runs=[])["verdict"]["sentence"]
    assert found == "Nothing was delivered yet: there are neither books nor reports of runs."


def test_what_could_not_be_asked_is_unknown() -> None:
    cells = counts(3, 2)
    asked = {**verified(cells, {}), "verdict": "unknown"}
    found = said(counts=cells, verified=asked)["verdict"]
    assert found["state"] == "unknown"
    assert found["sentence"].startswith("Unknown: not all of the")


def test_books_without_an_event_leave_nothing_to_compare() -> None:
    asked = {**verified([], {}), "verdict": "unknown"}
    found = said(counts=[], verified=asked)["verdict"]
    assert found["state"] == "unknown"
    assert found["sentence"] == (
        "Unknown: the books hold no event that could be compared with PostHog."
    )


def test_a_verdict_that_is_older_than_the_last_run_says_so() -> None:
    late = run("2026-11-29T09:30:00.000+00:00")
    assert "verify again" in said(runs=[run(), late])["verdict"]["beside"]
    assert "verify again" not in said(runs=[run()])["verdict"]["beside"]


def test_what_was_never_sent_stands_beside_the_verdict() -> None:
    assert (
        "1 gap that was not read. Dead letters that lie there still: 11,000."
        in said()["verdict"]["beside"]
    )
    beside = said(gaps=[], letters={})["verdict"]["beside"]
    assert "gaps" not in beside
    assert "dead letters" not in beside


def test_a_run_that_was_cut_off_stands_beside_the_verdict() -> None:
    cut_off = run("2026-11-28T09:00:00.000+00:00", outcome="interrupted")
    assert (
        "did not come to its end (interrupted)" in said(runs=[run(), cut_off])["verdict"]["beside"]
    )
    assert "come to its end" not in said(runs=[cut_off, run()])["verdict"]["beside"]
    under_way = said(runs=[run(), run(outcome="running")])["verdict"]["beside"]
    assert "A run is under way" in under_way
    assert "start it again" not in under_way
    planned = run(plan=plan(), outcome="failed")
    assert "part of the plan" in said(runs=[planned])["verdict"]["beside"]
    assert "part of the plan" not in said(runs=[run(plan=plan())])["verdict"]["beside"]


def test_books_become_days_months_and_names() -> None:
    cells = [
        Count("2024-01-31", "a", "A", 5), Count("2024-01-31", "b", "b", 2),
        Count("2024-02-01", "a", "A", 1), Count("2024-02-01", "a", "other A", 3),
    ]  # fmt: skip
    found = said(counts=cells, verified=None)
    assert [day[:2] for day in found["days"]] == [["2024-01-31", 7], ["2024-02-01", 4]]
    assert [(each["month"], each["sent"]) for each in found["months"]] == [
        ("2024-01", 7), ("2024-02", 4),
    ]  # fmt: skip
    assert [name[:3] for name in found["names"]] == [
        ["a", "A", 6], ["a", "other A", 3], ["b", "b", 2],
    ]  # fmt: skip


def test_months_count_their_days_that_differ() -> None:
    cells = counts(90, 3)
    lost = {(cell.day, cell.name): 1 for cell in cells if cell.name == "Song Played"
            and cell.day.startswith("2022-04")}  # fmt: skip
    months = {each["month"]: each for each in said(counts=cells, verified=verified(cells, lost))[
        "months"]}  # fmt: skip
    assert months["2022-04"]["differ"] == 30
    assert months["2022-03"]["differ"] == 0
    assert months["2022-04"]["sent"] - months["2022-04"]["found"] == 30


@pytest.mark.parametrize(("sent", "found", "is_"), [
    (3, 3, "equal"), (3, 2, "fewer"), (3, 4, "more"), (0, 0, "equal"), (3, None, "not asked"),
])  # fmt: skip
def test_states(sent: int, found: int | None, is_: str) -> None:
    assert state(sent, found) == is_


def test_records_of_all_runs_are_added_up_with_what_to_do() -> None:
    found = said(runs=[run(), run("2026-11-27T09:00:00.000+00:00")], letters={"no_identity": 4})
    skipped = {each["reason"]: each for each in found["skipped"]}
    assert skipped["excluded: Heartbeat"]["count"] == 240_000
    assert "exclude_events" in skipped["excluded: Heartbeat"]["meaning"]
    dead = {each["reason"]: each for each in found["dead"]}
    assert dead["no_identity"] == {
        "reason": "no_identity", "count": 22_000, "there": 4, "meaning": "means no_identity",
        "advice": "do no_identity",
    }  # fmt: skip
    assert dead["event_too_large"]["there"] == 0
    assert Counter(found["sent"])["link"] == 2 * 17_302


def test_notes_are_about_people_about_what_was_not_carried_or_else() -> None:
    found = said(runs=[run()])
    assert [each["note"] for each in found["people"]] == [
        "known_by_amplitude_id", "identity_conflict",
    ]  # fmt: skip
    assert [each["note"] for each in found["not_carried"]] == ["operations_without_counterpart"]
    assert [each["note"] for each in found["noted"]] == ["clock_fallback"]


def test_examples_are_there_only_if_asked_for() -> None:
    assert "jane@" not in str(said())
    assert "jane@" in str(data_of(evidence(), advice, with_ids=True))


def test_hours_that_are_covered_and_gaps_are_counted() -> None:
    (source,) = said()["sources"]
    assert source["ranges"] == [
        ["2022-03-01T00", "2022-10-01T00", 214 * 24],
        ["2022-10-02T06", "2023-04-05T00", 184 * 24 + 18],
    ]
    assert source["gaps"] == [["2022-10-01T00", "2022-10-02T06", 30]]
    (files,) = said(covered=[Covered("events", "a.json.gz", "f.json.gz")], gaps=[])["sources"]
    assert files["ranges"] == [["a.json.gz", "f.json.gz", None]]


def test_a_dry_run_makes_it_a_plan() -> None:
    found = said(runs=[run(), run("2026-11-29T09:00:00.000+00:00", plan=plan())])
    assert found["kind"] == "plan"
    assert found["verdict"]["sentence"] == (
        "Plan: 14,498,385 events of about 482,110 people will be sent in about 49 min."
    )
    assert found["plan"]["warnings"][0]["events"] == 31_022
    assert (found["days"], found["cells"]) == ([], [])
    assert found["plan"]["whole"] == []


def test_a_dry_run_that_was_killed_is_no_run_and_no_plan() -> None:
    found = said(runs=[run(), run("2026-11-29T09:00:00.000+00:00", plan={}, outcome="killed")])
    assert found["kind"] == "report"
    assert [each["started"][:10] for each in found["runs"]] == ["2026-11-28"]
    assert "start it again" not in found["verdict"]["beside"]


def test_a_run_after_a_dry_run_makes_it_a_report_again() -> None:
    found = said(runs=[run("2026-11-20T09:00:00.000+00:00", plan=plan()), run()])
    assert found["kind"] == "report"
    assert [each["started"][:10] for each in found["runs"]] == ["2026-11-28"]


def test_a_plan_of_a_sample_tells_of_the_whole() -> None:
    whole = dict(said(runs=[run(plan=plan(sample_users=0.01))])["plan"]["whole"])
    assert whole["Events"] == "about 1,449,838,500"


def test_settings_are_shown_but_no_secret() -> None:
    schema = {
        "properties": {
            "api_key": {"type": "string", "secret": True},
            "token": {"type": "string", "writeOnly": True},
            "host": {"type": "string", "default": "https://a"},
            "batch": {"type": "integer", "default": 5},
            "names": {"type": "array"},
            "long": {"type": "string"},
        }
    }
    config = {"api_key": "phc_1", "token": "t", "host": "https://me:pw@b", "batch": 5,
              "names": ["x"], "long": "y" * 500, "else": "no setting"}  # fmt: skip
    found = public_settings(config, schema)
    assert found == {"host": "https://b", "names": '["x"]', "long": found["long"]}
    assert len(found["long"]) == 160


@pytest.mark.parametrize(("months", "columns"), [
    (["2024-01", "2024-02", "no time"], ["2024-01", "2024-02", "no time"]),
    ([f"{2023 + m // 12}-{m % 12 + 1:02}" for m in range(20)], ["2023", "2024"]),
])  # fmt: skip
def test_names_of_a_plan_are_told_by_month_or_by_year(
    months: list[str], columns: list[str]
) -> None:
    of = {"a": {"events": len(months), "months": dict.fromkeys(months, 1)}}
    made = plan(names=of, months=dict.fromkeys(months, 1))
    found = said(runs=[run(plan=made)])["plan"]["matrix"]
    due = [sum(month.startswith(column) for month in months) for column in columns]
    assert found == {"columns": columns, "rows": [["a", due]]}
