"""Which mapping serves a stream."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.errors import SettingsError
from singer_delivery.mapping.selection import Export, mapping_for

MADE: Any = ["from acme", "from orb", "from columns"]
ACME = Export("Acme export", frozenset({"event", "who"}), lambda: MADE[0])
ORB = Export("Orb export", frozenset({"event", "orb"}), lambda: MADE[1])


def chosen(stream: str, *columns: str, named: Any = ()) -> Any:
    schema = {"properties": {column: {} for column in columns}}
    seen: list[Any] = []

    def from_columns(described: Any) -> Any:
        seen.append(described)
        return MADE[2]

    mapping = mapping_for(stream, schema, dict(named), [ACME, ORB], from_columns)
    assert seen == ([dict(named)[stream]] if mapping is MADE[2] else [])
    return mapping


@pytest.mark.parametrize(
    ("columns", "expected"),
    [(("event", "who", "more"), "from acme"), (("orb", "event"), "from orb")],
)
def test_an_export_is_known_by_its_columns(columns: tuple[str, ...], expected: str) -> None:
    assert chosen("events", *columns) == expected


def test_the_setting_comes_first() -> None:
    named = {"events": {"person": "who"}}
    assert chosen("events", "event", "who", named=named) == "from columns"


BIG = Export("Big export", frozenset({"a", "b", "c", "d"}), lambda: MADE[0])


@pytest.mark.parametrize(
    ("columns", "lacks"), [("abc", "`d`"), ("bd", "`a`, `c`"), ("bdx", "`a`, `c`")]
)
def test_a_stream_that_is_nearly_an_export_hears_what_it_lacks(columns: str, lacks: str) -> None:
    with pytest.raises(SettingsError) as caught:
        mapping_for("rows", {"properties": dict.fromkeys(columns)}, {}, [BIG], lambda _: MADE[2])
    said = str(caught.value)
    assert said.startswith(f"Stream 'rows' is no Big export: it lacks {lacks}. If it should be")
    assert said.endswith("or deselect the stream in the tap.")


@pytest.mark.parametrize("columns", [(), ("other",)])
def test_another_stream_gets_a_sentence_that_says_what_to_do(columns: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as caught:
        chosen("orders", *columns, named={"others": {"person": "id"}})
    said = str(caught.value)
    assert said.startswith("Stream 'orders' is no Acme export or Orb export, and `streams` does")
    assert '{"orders": {"event": ' in said
    assert said.endswith("or deselect the stream in the tap.")


def test_a_schema_without_properties_is_no_export() -> None:
    with pytest.raises(SettingsError):
        mapping_for("orders", {}, {}, [ACME], lambda _: MADE[2])
