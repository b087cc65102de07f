"""People and groups as rows describe them: what is newer."""

from __future__ import annotations

from typing import Any

import pytest
from analytics_records.named_columns.description import described
from analytics_records.named_columns.rows import Rows
from analytics_records.named_columns.updates import Update, not_newer, update_of
from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.values import Moment
from singer_delivery.model import Fact, Unmappable

from tests.pairs.walk import Remembering

RULES = IdRules(is_illegal=lambda text: text == "nobody", fitted=lambda text: text)


def rows(stream: str, **words: Any) -> Rows:
    return Rows(described(stream, words, 20), (), RULES, "target-test")


def test_facts_of_two_streams_are_two_facts() -> None:
    facts = [Update(rows(name, person="id"), {"id": "u1", "a": 1}).fact for name in ("a", "b")]
    assert len({fact[:2] for fact in facts}) == 2
    assert len({fact.value for fact in facts}) == 1


def test_groups_of_two_types_are_two_facts() -> None:
    both = [rows("firms", group=of, key="id", timestamp="at") for of in ("firm", "team")]
    facts = [Update(of, {"id": "1", "at": 1_700_000_000}).fact for of in both]
    assert len({fact.name for fact in facts}) == 2
    assert {(fact.kind, fact.at) for fact in facts} == {("group", 1_700_000_000_000_000)}


@pytest.mark.parametrize("plan", [None, {}])
def test_a_row_with_nothing_but_its_id_sets_nothing(plan: Any) -> None:
    people = rows("users", person="id", properties="plan")
    assert Update(people, {"id": "u1", "plan": plan}).skipped(Remembering(), []) == "nothing to set"


def test_a_device_alone_is_no_person() -> None:
    people = rows("users", person="id", anonymous_id="device", timestamp="at")
    when = {"at": "2024-03-01"}
    assert update_of(people, {"device": "d1", **when}) is None
    assert update_of(people, {"id": "u1", "device": "d1", **when}) is not None
    with pytest.raises(Unmappable, match="neither column `id` nor `device` of `users`"):
        update_of(people, {"id": "nobody", **when})


@pytest.mark.parametrize(
    ("when", "value", "skipped", "renewed"),
    [
        (None, "old", "unchanged", False),
        (None, "new", None, False),
        (3, "new", None, False),
        (3, "old", "unchanged", True),
        (2, "old", "unchanged", False),
        (1, "new", "superseded", False),
    ],
)
def test_only_what_changed_and_is_newer_is_news(
    when: int | None, value: str, skipped: str | None, renewed: object
) -> None:
    known = Remembering()
    known.facts["person", "u1"] = Fact("person", "u1", "old", 2)
    moment = None if when is None else Moment(when, "")
    fact = Fact("person", "u1", value, when or 0)
    again: list[Fact] = []
    assert not_newer(known, fact, moment, again) == skipped
    assert again == ([fact] if renewed else [])
