"""Which mapping serves a stream."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.errors import SettingsError
from singer_delivery.mapping.selection import Export, mapping_for

MADE: Any = ["from acme", "from orb", "from columns"]


def lacking(tells: str, needed: str) -> Any:
    """Return what tells an export by one column, which needs another."""
    return lambda columns: (() if needed in columns else (needed,)) if tells in columns else None


ACME = Export("Acme export", lacking("who", "event"), lambda _schema: MADE[0])
ORB = Export("Orb export", lacking("orb", "event"), lambda schema: schema["properties"]["orb"])


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
    [(("event", "who", "more"), "from acme"), (("orb", "event"), {})],
)
def test_an_export_is_known_by_its_columns(columns: tuple[str, ...], expected: Any) -> None:
    assert chosen("events", *columns) == expected


def test_the_setting_comes_first() -> None:
    named = {"events": {"person": "who"}}
    assert chosen("events", "event", "who", named=named) == "from columns"


def test_an_export_that_lacks_what_it_needs_is_told_so() -> None:
    with pytest.raises(SettingsError) as caught:
        chosen("events", "who")
    assert str(caught.value) == (
        "Stream 'events' is an Acme export, as its columns say, but has no event. Select what is "
        "missing in the tap; or name the columns of the stream under `streams`; or deselect it."
    )


@pytest.mark.parametrize("columns", [(), ("event",), ("more",)])
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
