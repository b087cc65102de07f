from __future__ import annotations

import pytest
from singer_delivery.mapping.compiled import compiled
from singer_delivery.mapping.table import Row, build, first_value, is_absent, select, values, whole


def shout(value: object) -> str:
    return f"{value}!"


def never(*values: object) -> None:
    return None


def listed(*values: object) -> tuple:
    return values


def joined(record: dict) -> str:
    return f"{record['a']}-{record['b']}"


def built(rows: tuple[Row, ...], record: dict, subject: object = None) -> dict:
    """Return what the rows write, after seeing that they write the same compiled."""
    into: dict = {}
    fast: dict = {}
    build(rows, record, into, subject)
    columns = {**dict.fromkeys("abc"), **record}
    compiled(rows)(columns, fast, record if subject is None else subject)
    assert repr(fast) == repr(into)
    return into


@pytest.mark.parametrize(
    ("row", "record", "expected"),
    [
        pytest.param(Row("to", "a"), {"a": 1}, {"to": 1}, id="a column as it is"),
        pytest.param(Row("to", "a", shout), {"a": "x"}, {"to": "x!"}, id="a conversion"),
        pytest.param(
            Row("to", ("a", "b")), {"a": "", "b": 2}, {"to": 2}, id="the first with a value"
        ),
        pytest.param(Row("to", ("a", "b")), {"a": 0, "b": 2}, {"to": 0}, id="zero is a value"),
        pytest.param(
            Row("to", whole("a", "b"), joined), {"a": 1, "b": 2}, {"to": "1-2"}, id="whole"
        ),
        pytest.param(
            Row("to", values("b", "a", "c"), listed),
            {"a": 1, "b": 2},
            {"to": (2, 1, None)},
            id="values",
        ),
        pytest.param(Row("to", values("a", "b"), never), {"a": 1}, {}, id="None of values"),
        pytest.param(Row("to", "a"), {"a": False}, {"to": False}, id="false is a value"),
        pytest.param(Row("to", "a", shout), {"a": None}, {}, id="null says nothing"),
        pytest.param(Row("to", "a"), {"a": ""}, {}, id="an empty text says nothing"),
        pytest.param(Row("to", "a"), {"a": {}}, {}, id="an empty object says nothing"),
        pytest.param(Row("to", "a"), {}, {}, id="a missing column says nothing"),
        pytest.param(Row("to", "a", never), {"a": 1}, {}, id="None writes nothing"),
    ],
)
def test_a_row_writes(row: Row, record: dict, expected: dict) -> None:
    assert built((row,), record) == expected


def test_a_later_row_replaces_an_earlier_one() -> None:
    assert built((Row("to", "a"), Row("to", "b")), {"a": 1, "b": 2}) == {"to": 2}


def test_a_later_row_without_a_value_leaves_the_earlier_one() -> None:
    assert built((Row("to", "a"), Row("to", "b")), {"a": 1}) == {"to": 1}


def test_a_whole_row_gets_the_subject_when_there_is_one() -> None:
    rows = (Row("to", whole("a"), lambda subject: subject["a"]),)
    assert built(rows, {"a": 1}, subject={"a": 9}) == {"to": 9}


def test_the_record_is_not_changed() -> None:
    record = {"a": {"b": [1]}}
    built((Row("to", "a"), Row("other", "a", shout)), record)
    assert record == {"a": {"b": [1]}}


def test_select_keeps_rows_whose_condition_holds_and_their_order() -> None:
    always, web, app = Row("1", "a"), Row("2", "a", None, "web"), Row("3", "a", None, "app")
    assert select((web, always, app), {"web"}) == (web, always)


@pytest.mark.parametrize(
    ("source", "columns"),
    [
        ("a", ("a",)),
        (("a", "b"), ("a", "b")),
        (whole("a", "b"), ("a", "b")),
        (values("a", "b"), ("a", "b")),
    ],
)
def test_a_row_knows_the_columns_it_reads(source: object, columns: tuple[str, ...]) -> None:
    assert Row("to", source).columns == columns


def test_absent_is_what_says_nothing() -> None:
    assert [is_absent(v) for v in (None, "", [], {}, 0, 0.0, False, " ", [None])] == [
        *[True] * 4,
        *[False] * 5,
    ]


def test_first_value_of_nothing_is_none() -> None:
    assert first_value({"a": ""}, ("a", "b")) is None
