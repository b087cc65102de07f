"""Which row of a table made a field, and why a column made none."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.mapping.guide import (
    Guide,
    Made,
    Placed,
    Subject,
    sources_in,
)
from singer_delivery.mapping.origins import fields_of, how_of, left_out, origin_of
from singer_delivery.mapping.table import Row, build, of_reading
from singer_delivery.model import Event


def doubled(value: int) -> int | None:
    """Twice the number. More of it does not stand in the table."""
    return None if value == 0 else 2 * value


ROWS = (
    Row("size", "width"),
    Row("size", "height", doubled),
    Row("colour", ("paint", "ink")),
    Row("shape", "form", None, "drawn"),
)
OWN = (Row("called", "name"), Row("size", "extent"))
GUIDE = Guide(
    table="toys",
    placed=(
        Placed("", (Row("event, kind", "what"),), is_told=True),
        Placed("properties", ROWS),
        Placed("properties", OWN, of_own=True),
    ),
    made=(
        Made("properties.by", (), "always", ("event",)),
        Made("properties.$set.*", ("person.*",), "of the person"),
        Made("event", ("what",), "of a link", ("link",)),
    ),
    own_at="properties",
    own="own",
    prefix="toy_",
    conditions={"drawn": "it is drawn"},
    holds=lambda of: ("drawn",) if of.record.get("drawn") else (),
    dropped={"secret_*": "nobody needs it"},
    read={"order": "read for the order"},
)


def of(own: dict[str, Any] | None = None, **record: Any) -> Subject:
    return Subject({**record, "own": own or {}}, own or {}, None)


def columns(path: str, it: Subject, kind: str = "event") -> tuple[str, ...] | None:
    found = origin_of(GUIDE, kind, path, it)
    return None if found is None else found.columns


@pytest.mark.parametrize(
    ("it", "made_of"),
    [
        (of(width=1), ("width",)),
        (of(width=1, height=2), ("height",)),
        (of(width=1, height=0), ("width",)),
        (of({"extent": 5}, width=1, height=2), ("own.extent",)),
        (of({"size": 5}, width=1), ("width",)),
        (of({"size": 5}), ("own.size",)),
        (of(), None),
    ],
)
def test_the_last_row_that_writes_made_a_field_as_in_build(it, made_of):
    into: dict[str, Any] = {}
    build(ROWS[:3], it.record, into)
    build(OWN, it.event_properties, into)
    assert (made_of is not None) == ("size" in {**it.event_properties, **into})
    assert columns("properties.size", it) == made_of


def test_a_row_counts_under_its_condition_alone():
    assert columns("properties.shape", of(form="x")) is None
    found = origin_of(GUIDE, "event", "properties.shape", of(form="x", drawn=True))
    assert found is not None
    assert (found.columns, found.when, found.row) == (("form",), "it is drawn", ROWS[3])


def test_a_row_of_two_names_makes_both_and_what_is_in_them():
    assert columns("kind", of(what=1)) == ("what",)
    assert columns("event.part", of(what=1)) == ("what.part",)


def test_other_kinds_of_events_have_no_rows_of_events():
    assert columns("event", of(what=1), "link") == ("what",)
    assert columns("properties.size", of(width=1), "link") is None
    assert columns("properties.by", of(), "event") == ()
    assert columns("properties.by", of(), "link") is None


def test_a_star_stands_for_a_name():
    assert columns("properties.$set.plan", of(), "person") == ("person.plan",)


def test_what_was_put_aside_is_known_by_its_name():
    assert columns("properties.toy_ip", of({"$ip": 1})) == ("own.$ip",)
    assert columns("properties.toy_new", of(new=1)) == ("new",)
    assert columns("properties.toy_toy_new", of(new=1)) == ("new",)
    assert columns("properties.toy_nothing", of()) is None


def test_columns_that_make_nothing_have_a_reason():
    it = of(
        {"free": 1},
        height=0,
        form="x",
        secret_key=1,
        order=1,
        new=1,
        _sdc_seq=1,
        width=None,
        ink="",
    )
    assert left_out(GUIDE, [], it) == {
        "height": "its row makes nothing of this value: Twice the number. More of it does not "
        "stand in the table",
        "form": "its row counts only for: it is drawn",
        "secret_key": "dropped: nobody needs it",
        "order": "read for the order",
        "new": "unmapped: no row reads it, and it does not travel",
        "_sdc_seq": "a column of a tap or a loader, and no property",
        "free": "unmapped: no row reads it, and it does not travel",
    }


def test_columns_that_make_something_are_not_left_out():
    it = of({"free": 1}, width=1, new=1)
    body = {"properties": {"size": 1, "free": 1, "toy_new": 1, "strange": 1}}
    fields = fields_of(GUIDE, Event("/", "event", "e", None, body), body, it)
    assert left_out(GUIDE, fields, it) == {}
    assert [each.path for each in fields if each.origin is None] == ["properties.strange"]


def test_a_row_is_described_as_in_the_printed_table():
    assert how_of(Row("a", "b")) == "as it is"
    assert how_of(Row("a", of_reading("b"), doubled)).startswith("Twice the number.")


def test_the_vendors_documents_stand_in_a_table_s_docstring():
    text = "The table.\n\nColumns: docs of one,\nand more.\nNames: docs of two.\n\nAnother part."
    assert sources_in(text) == "Columns: docs of one, and more. Names: docs of two."
    assert sources_in(None) == ""
