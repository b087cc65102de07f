"""The page: safe with any name, whole by itself, small, and readable for everybody."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from singer_delivery.proof.report_data import data_of
from singer_delivery.proof.report_drawing import Day, drawn, short
from singer_delivery.proof.report_page import MOST_BYTES, page
from singer_delivery.proof.report_sources import Count, Covered, Evidence

from tests.singer_delivery.proof.evidence import HOSTILE, counts, evidence, plan, run, verified

NASTY = [
    HOSTILE, "</script><script>alert(1)</script>", "]]><!--", "<img src=http://evil.example/x>",
    "'\"><style>*{display:none}</style>", "\u2028\u2029", "half \ud83d", "\u202eright to left",
    "{{ 7 * 7 }}{% raw %}", "a\0b", "&lt;&amp;",
]  # fmt: skip


def shown(of: Evidence, **options: Any) -> str:
    return page(data_of(of, lambda reason: (f"means {reason}", ""), **options))


class Elements(HTMLParser):
    """Takes note of elements with their attributes, and of text outside of `style` and `script`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        to = {"script": self.scripts, "style": self.styles}.get(self._in, self.texts)
        to.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


KINDS = {
    "differs": evidence(60, 60),
    "not verified": evidence(60, 60, verified=None),
    "no books": evidence(60, 60, verified=None, counts=None, covered=[], gaps=[]),
    "nothing": evidence(verified=None, counts=None, runs=[], covered=[], gaps=[], letters=None),
    "plan": evidence(runs=[run(plan=plan(sample_users=0.01))]),
}


@pytest.mark.parametrize("kind", [*KINDS])
def test_nothing_comes_from_anywhere_else(kind: str) -> None:
    of = Elements(shown(KINDS[kind]))
    for name, attributes in of.found:
        assert not {"src", "href", "style", "action", "srcset", "data"} & attributes.keys(), name
        assert not [key for key in attributes if key.startswith("on")]
    assert [each.get("type") for each in of.of("script")] == ["application/json"]
    assert "url(" not in of.styles[0]
    assert "@import" not in of.styles[0]


@pytest.mark.parametrize("kind", [*KINDS])
def test_the_policy_allows_its_own_style_alone(kind: str) -> None:
    of = Elements(shown(KINDS[kind]))
    (policy,) = [m["content"] for m in of.of("meta")
                 if m.get("http-equiv") == "Content-Security-Policy"]  # fmt: skip
    (style,) = of.styles
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("kind", [*KINDS])
def test_tables_tell_those_who_do_not_see_what_they_are(kind: str) -> None:
    text = shown(KINDS[kind])
    of = Elements(text)
    assert of.of("html") == [{"lang": "en"}]
    assert len(of.of("caption")) == len(of.of("table")) > 0
    assert all(each.get("scope") in ("col", "row") for each in of.of("th"))
    assert len(of.of("h1")) == 1
    known = {each["id"] for _, each in of.found if "id" in each}
    named = {one for _, each in of.found for one in (each.get("aria-labelledby") or "").split()}
    assert named <= known
    assert all(each.get("aria-labelledby") or each.get("aria-label") for each in of.of("section"))


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        (0, "as many as were accepted"),
        (1_234, "1,234 fewer than were accepted"),
        (-5, "5 more than were accepted"),
    ],
)
def test_what_was_found_stands_beside_what_was_accepted(gone: int, says: str) -> None:
    cells = [Count("2024-03-01", "Song Played", "Song Played", 40_000)]
    asked = verified(cells, {("2024-03-01", "Song Played"): gone})
    assert says in "".join(Elements(shown(evidence(counts=cells, verified=asked))).texts)


@pytest.mark.parametrize("kind", ["verified", "books", "plan"])
def test_a_name_is_text_whatever_it_says(kind: str) -> None:
    cells = [Count("2024-03-01", name, f"{name} at home", 3) for name in NASTY]
    made = {
        "verified": evidence(counts=cells, verified=verified(cells, {("2024-03-01", HOSTILE): 1})),
        "books": evidence(counts=cells, verified=None),
        "plan": evidence(runs=[run(plan=plan(names={
            name: {"events": 3, "months": {}} for name in NASTY}))]),
    }[kind]  # fmt: skip
    text = shown(made)
    of = Elements(text)
    assert len(of.of("script")) == len(of.of("style")) == 1
    assert of.of("img") == []
    assert HOSTILE in "".join(of.texts)
    assert "{{ 7 * 7 }}" in "".join(of.texts)
    assert text.count("</script") == 1
    text.encode()


def test_rules_reasons_streams_and_examples_are_text_too() -> None:
    odd = run(
        streams={
            HOSTILE: {
                "read": 2,
                "delivered": 0,
                "skipped": {HOSTILE: 1},
                "dead": {HOSTILE: 1},
                "vendor": HOSTILE,
                "not_carried": {HOSTILE: HOSTILE},
            }
        },
        notes={HOSTILE: 1, "identity_conflict": 1},
        examples={"identity_conflict": [HOSTILE]},
        outcome=HOSTILE,
        sent={HOSTILE: 1},
    )
    of = Elements(shown(evidence(runs=[odd], settings={"streams": HOSTILE}), with_ids=True))
    assert len(of.of("script")) == 1
    assert "".join(of.texts).count(HOSTILE) >= 11


def test_the_json_inside_is_what_the_page_says() -> None:
    made = replace(evidence(30, 12), target="<b>&\u2028</script>")
    data = data_of(made, lambda _reason: ("", ""))
    (script,) = Elements(page(data)).scripts
    assert not re.search("[<>&\u2028\u2029]", script)
    inside = json.loads(script)
    assert {key: inside[key] for key in data} == json.loads(json.dumps(data))


def test_ids_of_people_are_not_in_it_unless_asked_for() -> None:
    assert "jane@example.com" not in shown(evidence(30, 5))
    assert "jane@example.com" in shown(evidence(30, 5), with_ids=True)


@pytest.mark.parametrize("length", [12, 250])
def test_five_years_of_2000_names_are_less_than_a_megabyte(length: int) -> None:
    names = [f"{number:04} " + "<Ä'>" * (length // 4) for number in range(2_000)]
    days = [f"{year}-{month:02}-{day:02}" for year in range(2019, 2024)
            for month in range(1, 13) for day in range(1, 29)]  # fmt: skip
    cells = [Count(day, names[n % 2_000], names[n % 2_000] + "!", 123_456 + n)
             for n, day in enumerate(days * 6)]  # fmt: skip
    text = shown(evidence(counts=cells, verified=verified(cells, {})))
    size = len(text.encode())
    assert size <= MOST_BYTES < 1_000_000
    assert "2023-12-28" in text
    inside = json.loads(Elements(text).scripts[0])
    left_off, events = inside["names_left_off"]
    assert len(inside["names"]) + left_off == 2_000
    assert sum(each[2] for each in inside["names"]) + events == sum(cell.count for cell in cells)
    if length < 100:
        assert left_off == 0


def test_whatever_is_much_leaves_the_page_small_and_is_counted() -> None:
    cells = [Count(f"2024-{month:02}-{day:02}", f"name {n}", "", 2)
             for month in range(1, 13) for day in range(1, 29) for n in range(9)]  # fmt: skip
    lost = {(cell.day, cell.name): 1 for cell in cells}
    asked = verified(cells, lost)
    asked["others"] = [{"name": f"{n:05} {'<ж>' * 60}", "found": 3} for n in range(20_000)]
    asked["missing"]["hours"] = [f"{n:012}" for n in range(30_000)]
    rules = {f"excluded: {n:05} {'<ж>' * 60}": 1 for n in range(9_000)}
    streams = {"events": {"read": 9_000, "delivered": 0, "skipped": rules, "dead": {}}}
    text = shown(evidence(counts=cells, verified=asked, runs=[run(streams=streams)]))
    assert len(text.encode()) <= MOST_BYTES
    said = " ".join(" ".join(Elements(text).texts).split())
    assert "60,000 events of 20,000 other names" in said
    assert "of 30,000 hours of the source" in said
    assert f"{len(cells):,} cells of day and name" in said
    assert f"and {len(cells) - 500:,} more" in said
    assert "8,940 more rules 8,940" in said


def test_twenty_years_are_less_than_a_megabyte() -> None:
    days = [f"{year}-{month:02}-{day:02}" for year in range(2004, 2024)
            for month in range(1, 13) for day in range(1, 29)]  # fmt: skip
    cells = [Count(day, f"name {n % 900}", "", 123_456 + n) for n, day in enumerate(days)]
    assert len(shown(evidence(counts=cells, verified=verified(cells, {}))).encode()) <= MOST_BYTES


def test_gaps_that_have_no_room_are_counted() -> None:
    gaps = [Covered("events", f"2024-01-{day:02}T{hour:02}", f"2024-01-{day:02}T{hour + 1:02}")
            for day in range(1, 6) for hour in range(0, 22, 2)]  # fmt: skip
    text = shown(evidence(5, 5, gaps=gaps))
    assert text.count("<b>Gap:</b>") == 40
    assert "15 more gaps" in text


def test_what_could_not_be_asked_is_not_what_nobody_asked() -> None:
    cells = counts(3, 2)
    asked = {**verified(cells, {}), "verdict": "unknown"}
    asked["days"][0]["found"] = asked["names"][0]["found"] = None
    text = shown(evidence(counts=cells, verified=asked))
    assert "not all could be asked" in text
    assert "not asked yet" not in text
    assert "not asked yet" in shown(evidence(counts=cells, verified=None))


def test_what_nobody_counted_is_not_said_to_be_none() -> None:
    nothing = evidence(verified=None, counts=None, runs=[], covered=[], gaps=[], letters=None)
    text = shown(nothing)
    assert "No rule left a record out" not in text
    assert "No record was refused" not in text
    assert "The dead letters could not be read" in text
    assert "No dead letters lie there." in shown(replace(nothing, letters={}))
    quiet = run(streams={"events": {"read": 1, "delivered": 1, "skipped": {}, "dead": {}}})
    text = shown(replace(nothing, runs=[quiet], letters={}))
    assert "No rule left a record out" in text
    assert "No record was refused" in text


def test_nothing_is_said_of_gaps_between_files() -> None:
    files = [Covered("events", "a.json.gz", "f.json.gz")]
    assert "No gap lies" not in shown(evidence(5, 5, covered=files, gaps=[]))
    assert "No gap lies" in shown(evidence(5, 5, gaps=[]))


def test_what_ids_alone_miss_is_told_with_its_command() -> None:
    """`verify --every-id`: the counts are equal, and an event is away all the same."""
    cells = counts(3, 2)
    asked = {**verified(cells, {}), "verdict": "differs"}
    asked["missing"] = {"events": 1, "hours": ["2022-03-01T09"], "command": "send it again"}
    text = shown(evidence(counts=cells, verified=asked))
    assert "<b>1 event is missing</b>, of 1 hour of the source" in text
    assert "<code>send it again</code>" in text
    assert "cells of day and name" not in text


def test_one_event_is_one() -> None:
    cells = counts(3, 2)
    text = shown(
        evidence(counts=cells, verified=verified(cells, {(cells[0].day, cells[0].name): 1}))
    )
    assert "<b>1 event is missing</b>, of 1 hour of the source" in text


def test_events_of_many_centuries_are_drawn() -> None:
    days = [Day("0009-01-01", 5, 5, "equal"), Day("2024-01-11", 5, 5, "equal")]
    assert drawn(days, "t", "d").endswith("</svg>")


def test_what_differs_is_shown_at_once_however_small() -> None:
    cells = counts(10, 80)
    last = cells[-1]
    made = evidence(counts=cells, verified=verified(cells, {(last.day, last.name): 1}))
    before_the_list = shown(made).split("more names")[0]
    assert f"<bdi>{last.name}</bdi>" in before_the_list


@pytest.mark.parametrize("kind", [*KINDS])
def test_columns_of_what_was_found_are_there_once_somebody_has_asked(kind: str) -> None:
    assert ("Difference" in Elements(shown(KINDS[kind])).texts) is (kind == "differs")


def test_a_drawing_of_no_day_is_empty_and_of_one_is_there() -> None:
    assert drawn([], "t", "d") == ""
    assert '<path class="state fewer"' in drawn([Day("2024-02-29", 5, 4, "fewer")], "t", "d")


def test_a_day_without_events_leaves_its_place() -> None:
    days = [Day("2024-01-01", 5, 5, "equal"), Day("2024-01-11", 5, 5, "equal")]
    bars = re.search('class="sent"[^>]* d="([^"]*)"', drawn(days, "t", "d"))
    assert bars is not None
    first, last = (float(x) for x in re.findall(r"M([\d.]+) ", bars[1]))
    assert last - first == pytest.approx(10 * (960 - 64 - 8) / 11, abs=0.2)


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (999, "999"), (1_200, "1.2 k"), (3_400_000, "3.4 M"), (5_000_000_000, "5 G"),
])  # fmt: skip
def test_numbers_beside_the_drawing_are_short(value: int, text: str) -> None:
    assert short(value) == text
