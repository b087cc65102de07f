"""Descriptions of streams, right and wrong, and rows that often have what they name."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.pairs.any_record import texts, values

COLUMNS = [
    "id",
    "user",
    "device",
    "at",
    "name",
    "props",
    "traits",
    "firm",
    "team",
    "token",
    "_sdc_x",
]

column = st.sampled_from(COLUMNS)
columns = column | st.lists(column, max_size=3)
GROUP = column | st.fixed_dictionaries({"key": column, "properties": columns})

_TIMES = {
    "timestamp": st.just("at"),
    "timestamp_format": st.sampled_from(["%Y-%m-%d", "%d/%m/%Y %H:%M"]),
}
_TIMED = st.fixed_dictionaries(
    {"timestamp": _TIMES["timestamp"]},
    optional={"timestamp_format": _TIMES["timestamp_format"], "properties": columns},
)
_EVENTS = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["Ordered", "$pageview"]) | st.just({"column": "name"}),
        "distinct_id": st.sampled_from(["user", "user", "id"]),
        "timestamp": st.just("at"),
    },
    optional={
        "timestamp_format": _TIMES["timestamp_format"],
        "anonymous_id": st.sampled_from(["device", "device", "user"]),
        "properties": columns,
        "groups": st.dictionaries(
            st.sampled_from(["firm", "team", "$set", "a b"]), GROUP, max_size=3
        ),
        "person": st.fixed_dictionaries({"properties": columns}),
        "insert_id": column | st.just({"row_number": True}),
    },
)
_PEOPLE = st.builds(
    lambda times, more: {"person": "user", **times, **more},
    _TIMED,
    st.fixed_dictionaries({}, optional={"anonymous_id": st.just("device")}),
)
_STATES = st.sampled_from([
    {"person": "user"}, {"person": "user", "properties": "traits"},
    {"group": "firm", "key": "firm"}, {"group": "firm", "key": "firm", "properties": ["team"]},
])  # fmt: skip
_GROUPS = _TIMED.map(lambda times: {"group": "firm", "key": "firm", **times})

descriptions = st.one_of(_EVENTS, _EVENTS, _PEOPLE, _GROUPS, _STATES)
"""Such as a user may write."""

WORDS = [
    "event", "person", "group", "key", "distinct_id", "anonymous_id", "timestamp", "properties",
    "timestamp_format", "groups", "insert_id", "uuid", "evnt",
]  # fmt: skip
anything_written = st.dictionaries(
    st.sampled_from(WORDS),
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 3) | texts | column,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["column", "key", "properties", "row_number"]), inner)
        ),
        max_leaves=4,
    ),
    max_size=6,
)
"""What a user may write by mistake."""

objects = st.dictionaries(texts | st.sampled_from(["plan", "token", "$set"]), values, max_size=3)
JSON = st.sampled_from(['{"plan": "pro"}', "{}", "[1]", "{", "null", r'{"a": "\u0000"}', " "])
ids = st.sampled_from(["u1", "u2", "d1", " u1 ", "null", 7, 2**70, "x" * 300, "$device:d1", ["f1"]])
times = st.sampled_from([
    "2024-03-01", "2024-03-01T10:00:00Z", "01/03/2024 10:11", 1709287200, 1709287200000.5, "soon",
    None,
])  # fmt: skip
_LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers(0, 3),
    "user": ids | st.none(),
    "device": ids | st.none(),
    "at": times,
    "name": st.sampled_from(["Played", "$identify", "", "n" * 300]),
    "props": objects | JSON,
    "traits": objects | JSON,
    "firm": ids,
    "team": ids,
    "token": values,
}
rows = st.builds(
    lambda likely, odd, unknown: {**unknown, **likely, **odd},
    st.fixed_dictionaries({}, optional=_LIKELY)
    | st.fixed_dictionaries(_LIKELY | {"user": st.just("u1"), "at": st.just("2024-03-01")}),
    st.dictionaries(column, values, max_size=2),
    st.dictionaries(texts, values, max_size=2),
)
"""Rows, most of which can be loaded."""
