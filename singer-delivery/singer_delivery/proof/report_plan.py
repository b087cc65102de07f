"""What a report says of a dry run. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from singer_delivery.progress.figures import COMPLETE
from singer_delivery.progress.words import duration, size_text

MOST_COLUMNS, MOST_ROWS = 12, 20
"""Of the table of names and months."""


def plan_verdict(plan: Mapping[str, Any], outcome: str) -> dict[str, str]:
    """Return in a sentence what a run would do, and beside it what it would cost.

    Args:
        plan: of the dry run.
        outcome: of the dry run itself, `complete` or why it is not.
    """
    cut_off = f" The dry run did not come to its end ({outcome}): this is a part of the plan."
    share = plan["sample_users"]
    part = f" for a sample of {share * 100:g} % of people" if share < 1 else ""
    return {
        "state": "plan",
        "sentence": (
            f"Plan{part}: {plan['events']:,} events of {_people(plan)} people will be sent in "
            f"about {duration(plan['seconds'])}."
        ),
        "beside": f"Nothing was sent. {plan['billed']['sentence']}"
        + (cut_off if outcome != COMPLETE else ""),
    }


def plan_of(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a plan for the page: each a label, a number as text, and a remark."""
    share, billed, plain = plan["sample_users"], plan["billed"], size_text(plan["bytes"])
    figures = [
        ("Events", f"{plan['events']:,}", f"of {len(plan['names']):,} names"),
        ("People", _people(plan), "before links make devices and users one"),
        ("Links", f"{plan['links']:,}", "of a device to its user"),
        ("Updates", f"{plan['updates_of_people'] + plan['updates_of_groups']:,}",
         f"{plan['updates_of_people']:,} of people, {plan['updates_of_groups']:,} of groups"),
        ("Requests", f"{plan['requests']:,}", "full ones; a run comes close"),
        ("Bytes", size_text(plan["bytes_compressed"]), f"compressed; {plain} of JSON"),
        ("Time", duration(plan["seconds"]), f"set by {plan['seconds_bound_by']}"),
        ("Events billed", f"{billed['events']:,}", "at most"),
    ]  # fmt: skip
    return {
        "figures": [list(each) for each in figures],
        "whole": _whole(plan) if 0 < share < 1 else [],
        "warnings": list(billed["warnings"]),
        "matrix": _by_name_and_time(plan),
        "sample": share,
        "endpoints": dict(plan["endpoints"]),
        "pace": plan["max_events_per_second"],
    }


def _by_name_and_time(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the largest names by month, or by year where the months are many."""
    months = [*plan["months"]]
    letters = 7 if len(months) <= MOST_COLUMNS else 4
    columns = [*dict.fromkeys(_time_of(month, letters) for month in months)]
    rows = []
    for name, of in [*plan["names"].items()][:MOST_ROWS]:
        counts = Counter[str]()
        for month, count in of["months"].items():
            counts[_time_of(month, letters)] += count
        rows.append([name, [counts[column] for column in columns]])
    return {"columns": columns, "rows": rows}


def _time_of(month: str, letters: int) -> str:
    return month[:letters] if month[:1].isdigit() else month


def _whole(plan: Mapping[str, Any]) -> list[list[str]]:
    """Return what a run without the sample would come to, about."""
    times = 1 / plan["sample_users"]
    return [
        ["Events", f"about {plan['events'] * times:,.0f}"],
        ["People", f"about {plan['people'] * times:,.0f}"],
        ["Bytes, compressed", f"about {size_text(plan['bytes_compressed'] * times)}"],
        ["Time", f"about {duration(plan['seconds'] * times)}"],
        ["Events billed", f"at most about {plan['billed']['events'] * times:,.0f}"],
    ]


def _people(plan: Mapping[str, Any]) -> str:
    return ("" if plan["people_exact"] else "about ") + f"{plan['people']:,}"
