"""What a report says, as JSON values: it stands in the page, and the page is drawn of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from singer_delivery.pipeline.kept_reports import totals_of
from singer_delivery.proof.report_plan import plan_of, plan_verdict
from singer_delivery.proof.report_sources import Covered, Evidence
from singer_delivery.proof.report_verdict import verdict
from singer_delivery.proof.report_words import (
    CARRIED,
    LEFT_BEHIND,
    OTHER_NUMBERS,
    PEOPLE,
    RULES,
    UNKNOWN,
    Words,
    words_of,
)

Advice = Callable[[str], tuple[str, str]]
"""Returns what the reason of a dead letter means, and what to do."""

_HOUR = "%Y-%m-%dT%H"


def data_of(of: Evidence, advice: Advice, *, with_ids: bool = False) -> dict[str, Any]:
    """Return all that a report says.

    Where the newest run was a dry run it is a plan, and says what a run would do.

    Args:
        of: what the report is made of.
        advice: on dead letters.
        with_ids: whether examples are shown, which name people.
    """
    plan = (of.runs[-1].get("plan") if of.runs else None) or None
    runs = [of.runs[-1]] if plan else [run for run in of.runs if "plan" not in run]
    days, names = _compared(of, runs)
    if plan:
        days, names = [], [[name, "", each["events"], None] for name, each in plan["names"].items()]
    return {
        "kind": "plan" if plan else "report",
        "made_at": of.made_at,
        "target": of.target,
        "vendors": sorted({each["vendor"] for each in _streams(runs) if each.get("vendor")}),
        "version": of.version,
        "destination": dict((of.verified or {}).get("destination") or {}),
        "verdict": plan_verdict(plan, str(runs[0].get("outcome")))
        if plan
        else verdict(of, days, names),
        "plan": plan_of(plan) if plan else None,
        "events": _total(days, names),
        "sources": [] if plan else _sources(of.covered, of.gaps),
        "days": [] if plan else [[*each, state(each[1], each[2])] for each in days],
        "months": _months(days, plan),
        "names": [[*each, state(each[2], each[3])] for each in names],
        "cells": [] if plan else list((of.verified or {}).get("cells") or ()),
        "missing": {} if plan else dict((of.verified or {}).get("missing") or {}),
        "others": [] if plan else list((of.verified or {}).get("others") or ()),
        "sent": dict(_sum(run.get("sent", {}) for run in runs)),
        "held": {}
        if plan
        else {key: dict((of.verified or {}).get(key) or {}) for key in ("people", "groups")},
        "people": _noted(runs, PEOPLE, with_ids=with_ids),
        "skipped": _skipped(runs),
        "letters_known": of.letters is not None,
        "dead": _dead(runs, of.letters, advice),
        "columns": _columns(runs),
        "not_carried": _noted(runs, CARRIED, with_ids=with_ids),
        "noted": _others_noted(runs, with_ids=with_ids),
        "left_behind": list(LEFT_BEHIND),
        "time_zone": (of.verified or {}).get("time_zone") or "",
        "reasons": [] if plan else list((of.verified or {}).get("reasons") or ()),
        "other_numbers": list(OTHER_NUMBERS),
        "runs": [_run(run) for run in runs],
        "settings": dict(of.settings),
    }


def state(sent: int, found: int | None) -> str:
    """Return how two numbers compare: equal, fewer, more, or not asked."""
    if found is None:
        return "not asked"
    return "equal" if found == sent else "fewer" if found < sent else "more"


# Numbers --------------------------------------------------------------------------------------


def _compared(
    of: Evidence, runs: Sequence[Mapping[str, Any]]
) -> tuple[list[list[Any]], list[list[Any]]]:
    """Return days and names with what was sent and found; the books' where nobody has asked."""
    verified = of.verified
    if verified is not None and verified.get("days"):
        days = [[each["day"], each["sent"], each["found"]] for each in verified["days"]]
        names = [
            [each["name"], each.get("source_name") or "", each["sent"], each["found"]]
            for each in verified.get("names") or ()
        ]
    elif of.counts is not None:
        by_day, by_name = Counter[str](), Counter[tuple[str, str]]()
        for cell in of.counts:
            by_day[cell.day] += cell.count
            by_name[cell.name, cell.source_name] += cell.count
        days = [[day, count, None] for day, count in by_day.items()]
        names = [[*both, count, None] for both, count in by_name.items()]
    else:
        sent = _sum(run.get("events", {}) for run in runs)
        days, names = [], [[name, "", count, None] for name, count in sent.items()]
    return sorted(days), sorted(names, key=lambda each: (-each[2], each[0], each[1]))


def _total(days: Sequence[list[Any]], names: Sequence[list[Any]]) -> list[int | None]:
    """Return how many events were sent and found; None where nobody could say."""
    for rows, at in ((days, 1), (names, 2)):
        if rows and all(each[at + 1] is not None for each in rows):
            return [sum(each[at] for each in rows), sum(each[at + 1] for each in rows)]
    return [sum(each[2] for each in names), None]


def _months(days: Iterable[list[Any]], plan: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the sums of months, with the days of each that differ."""
    if plan:
        return [
            {"month": month, "sent": count, "found": None, "differ": 0}
            for month, count in plan["months"].items()
        ]
    found = []
    for month, group in groupby(days, key=lambda each: each[0][:7]):
        of = list(group)
        asked = [each for each in of if each[2] is not None]
        found.append(
            {
                "month": month,
                "sent": sum(each[1] for each in of),
                "found": sum(each[2] for each in asked) if len(asked) == len(of) else None,
                "differ": sum(each[1] != each[2] for each in asked),
            }
        )
    return found


def _sum(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total = Counter[str]()
    for each in counts:
        total.update(each)
    return Counter(dict(total.most_common()))


# Hours covered --------------------------------------------------------------------------------


def _sources(covered: Sequence[Covered], gaps: Sequence[Covered]) -> list[dict[str, Any]]:
    """Return each source with its ranges and gaps, in hours where they are hours."""
    return [
        {
            "source": source,
            "ranges": [_range(each) for each in covered if each.source == source],
            "gaps": [_range(each) for each in gaps if each.source == source],
        }
        for source in dict.fromkeys(each.source for each in covered)
    ]


def _range(of: Covered) -> list[Any]:
    try:
        start, end = (datetime.strptime(text[:13], _HOUR) for text in (of.start, of.end))  # noqa: DTZ007
    except ValueError:
        return [of.start, of.end, None]
    return [of.start, of.end, int((end - start).total_seconds() // 3600)]


# Records --------------------------------------------------------------------------------------


def _skipped(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    counts = Counter[tuple[str, str]]()
    for run in runs:
        for stream, of in (run.get("streams") or {}).items():
            for rule, count in (of.get("skipped") or {}).items():
                counts[stream, rule] += count
    found = []
    for (stream, rule), count in counts.most_common():
        words = words_of(rule, RULES) or UNKNOWN
        found.append({"stream": stream, "reason": rule, "count": count, **words._asdict()})
    return found


def _dead(
    runs: Sequence[Mapping[str, Any]], letters: Mapping[str, int] | None, advice: Advice
) -> list[dict[str, Any]]:
    counts = Counter[str]()
    for of in _streams(runs):
        counts.update(of.get("dead") or {})
    for reason in letters or {}:
        counts[reason] += 0
    found = []
    for reason, count in counts.most_common():
        meaning, what_to_do = advice(reason)
        there = None if letters is None else letters.get(reason, 0)
        found.append(
            {"reason": reason, "count": count, "there": there, "meaning": meaning,
             "advice": what_to_do}
        )  # fmt: skip
    return found


def _noted(
    runs: Sequence[Mapping[str, Any]], of: Mapping[str, Words], *, with_ids: bool
) -> list[dict[str, Any]]:
    notes = _sum(run.get("notes") or {} for run in runs)
    return [
        {
            "note": name,
            "count": count,
            **words._asdict(),
            **_examples(runs, name, with_ids=with_ids),
        }
        for name, count in notes.items()
        if (words := words_of(name, of)) is not None
    ]


def _columns(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the columns that no record takes along, with those of one reason together."""
    found = dict[tuple[str, str], dict[str, None]]()
    for of in _streams(runs):
        for column, reason in (of.get("not_carried") or {}).items():
            found.setdefault((of.get("vendor") or "", reason), {})[column] = None
    return [
        {"vendor": vendor, "reason": reason, "columns": [*columns]}
        for (vendor, reason), columns in found.items()
    ]


def _streams(runs: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for run in runs:
        yield from (run.get("streams") or {}).values()


def _others_noted(runs: Sequence[Mapping[str, Any]], *, with_ids: bool) -> list[dict[str, Any]]:
    notes = _sum(run.get("notes") or {} for run in runs)
    return [
        {"note": name, "count": count, **_examples(runs, name, with_ids=with_ids)}
        for name, count in notes.items()
        if words_of(name, CARRIED) is None and words_of(name, PEOPLE) is None
    ]


_EXAMPLES = 5


def _examples(
    runs: Sequence[Mapping[str, Any]], note: str, *, with_ids: bool
) -> dict[str, list[str]]:
    if not with_ids:
        return {}
    found = (each for run in runs for each in (run.get("examples") or {}).get(note, ()))
    return {"examples": list(dict.fromkeys(found))[:_EXAMPLES]}


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "started": run.get("started", ""),
        "seconds": run.get("seconds", 0),
        "outcome": run.get("outcome", ""),
        **totals_of(run),
    }
