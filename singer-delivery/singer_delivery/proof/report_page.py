"""Writes a report as one HTML page that asks nobody for anything. Pure but for the template.

Names of events come from the public: all of them are escaped, and the page's own policy (Content
Security Policy, level 3) allows no script, no address and no style but its own, by its digest.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from singer_delivery.proof.report_drawing import Day, drawn
from singer_delivery.proof.report_verdict import NOT_VERIFIED

MOST_BYTES = 980_000
"""Of a page: mail and wikis take a megabyte."""

FEWEST = 10
"""Of names that stay, however long they are."""

ROWS = 25
"""Of the largest names that are shown at once; the others are a list that opens."""

MOST, FEW = 2_000, 60
"""Of cells and hours, and of others' names and rules, that stand in the page; the rest is
counted."""

MOST_DAYS = 2_000
"""More are listed if there is room."""

DIFFERENT = 200
"""Of names, and of days, that differ and are shown at once."""

NOTHING, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"

_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
"""What might end the element that holds the JSON (HTML, 4.12.1.3), as JSON writes it."""


def page(data: Mapping[str, Any]) -> str:
    """Return the page, of less than `MOST_BYTES`.

    Long names are cut, then the list of all days goes, then the last names.

    Args:
        data: see `report_data.data_of`.
    """
    names, longest, lists_days = len(data["names"]), 120, True
    while True:
        found = _page(_cut(data, names, longest), lists_days=lists_days)
        encoded = found.encode(errors="replace")  # half an emoji has no UTF-8
        if len(encoded) <= MOST_BYTES or names <= FEWEST:
            return encoded.decode()
        if longest > 40:
            longest //= 2
        elif lists_days and len(data["days"]) > MOST_DAYS:
            lists_days = False
        else:
            names = names * 3 // 4


def _cut(data: Mapping[str, Any], names: int, longest: int) -> dict[str, Any]:
    """Return the data with so many names, of so many letters at most."""
    shown = [
        [_short(name, longest), _short(source, longest), *rest]
        for name, source, *rest in data["names"][:names]
    ]
    rest = data["names"][names:]
    missing, hours = data["missing"], data["missing"].get("hours") or ()
    others, skipped = data["others"], data["skipped"]
    return {
        **data,
        "names": shown,
        "names_left_off": [len(rest), sum(each[2] for each in rest)],
        "cells": _shortened(data["cells"][:MOST], "name", longest),
        "cells_left_off": max(len(data["cells"]) - MOST, 0),
        "missing": {**missing, "hours": [*hours[:MOST]]} if hours else missing,
        "hours_left_off": max(len(hours) - MOST, 0),
        "others": _shortened(others[:FEW], "name", longest),
        "others_left_off": _left_off(others[FEW:], "found"),
        "skipped": _shortened(skipped[:FEW], "reason", longest),
        "skipped_left_off": _left_off(skipped[FEW:], "count"),
    }


def _shortened(
    rows: Sequence[Mapping[str, Any]], key: str, longest: int
) -> list[Mapping[str, Any]]:
    return [{**row, key: _short(row[key], longest)} for row in rows]


def _left_off(rows: Sequence[Mapping[str, Any]], key: str) -> list[int]:
    return [len(rows), sum(row[key] for row in rows)]


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _page(data: Mapping[str, Any], *, lists_days: bool) -> str:
    style = (files(__package__) / "templates" / "report.css").read_text("utf-8")
    source = (files(__package__) / "templates" / "report.html").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"n": number, "diff": difference, "prose": prose}
    differ = [day for day in data["days"] if day[3] in ("fewer", "more")]
    return environment.from_string(
        source
    ).render(
        data,
        style=Markup(style),  # noqa: S704 - our own file
        policy=f"default-src 'none'; style-src 'sha256-{_digest(style)}'; base-uri 'none'; "
        "form-action 'none'",
        json=embedded(data),
        drawing=_drawing(data),
        figures=_figures(data),
        differ=differ[:DIFFERENT],
        differ_left_off=len(differ) - DIFFERENT,
        lists_days=lists_days,
        **_split(data["names"]),
    )


def _split(names: list[list[Any]]) -> dict[str, Any]:
    """Return the names that are shown at once, the largest and those that differ; then the rest."""
    first, rest, different = list[list[Any]](), list[list[Any]](), 0
    for place, each in enumerate(names):
        is_different = each[4] in ("fewer", "more") and different < DIFFERENT
        different += is_different
        (first if place < ROWS or is_different else rest).append(each)
    return {"first_names": first, "rest_names": rest}


def _figures(data: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what stands first: a label, a number, a remark."""
    days, names, dead = data["days"], data["names"], data["dead"]
    sent, found = data["events"]
    asked = [each for each in days if each[2] is not None]
    differ = sum(each[3] in ("fewer", "more") for each in asked)
    ends = (days[0][0], days[-1][0]) if days else ()
    of_names = data["names_left_off"][0] + len(names)
    there = [each["there"] for each in dead if each["there"] is not None]
    is_verified = data["verdict"]["state"] != NOT_VERIFIED
    if len(asked) == len(days) > 0:
        of_days = f"{differ:,} differ"
    else:
        of_days = f"{differ:,} of {len(asked):,} asked differ" if asked else "with events"
    unknown = "not all could be asked" if is_verified else "not asked yet"
    return [
        (
            "Events accepted",
            number(sent) if days else NOTHING,
            " to ".join(ends),
        ),
        (
            "Events found",
            number(found),
            unknown if found is None else _beside_accepted(sent, found),
        ),
        ("Days", number(len(days)), of_days),
        ("Names", number(of_names), "of events"),
        (
            "Dead letters",
            number(sum(each["count"] for each in dead)),
            f"{sum(there):,} still there" if there else "in all runs",
        ),
        ("Runs", number(len(data["runs"])), ""),
    ]


def _beside_accepted(sent: int, found: int) -> str:
    if found == sent:
        return "as many as were accepted"
    return f"{abs(found - sent):,} {'more' if found > sent else 'fewer'} than were accepted"


def _drawing(data: Mapping[str, Any]) -> Markup:
    days = [Day(*each) for each in data["days"]]
    counts = ", ".join(
        f"{count:,} {state}"
        for state in ("equal", "fewer", "more", "not asked")
        if (count := sum(day.state == state for day in days))
    )
    return drawn(days, "Events by day", f"Bars: sent. Ticks: found. Days: {counts}.")


def embedded(data: Mapping[str, Any]) -> Markup:
    """Return JSON that may stand in a script element, and is read as it is."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE))  # noqa: S704 - what could end the element is gone


def number(value: int | None) -> str:
    """Return a number for people; a dash for one that nobody knows."""
    return NOTHING if value is None else f"{value:,}"


def prose(text: str) -> Markup:
    """Return a sentence whose words between backticks are code; all of it escaped."""
    parts = (
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(text.split("`"))
    )
    return Markup("").join(parts)


def difference(sent: int, found: int | None) -> str:
    """Return by how much there is more or less than was sent, with its sign."""
    if found is None or found == sent:
        return NOTHING if found is None else "0"
    return f"{'+' if found > sent else MINUS}{abs(found - sent):,}"


def _digest(style: str) -> str:
    return b64encode(sha256(style.encode()).digest()).decode()
