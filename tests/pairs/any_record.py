"""Records of whatever Hypothesis thinks of, most of them events; and what mappings make of them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from singer_delivery.model import Event, Unmappable

from tests.analytics_records.columns import COLUMNS
from tests.examples import examples
from tests.pairs.walk import Walk, Walked

if TYPE_CHECKING:
    from collections.abc import Collection

thorough = settings(deadline=None, max_examples=examples(100))
fewer = settings(deadline=None, max_examples=examples(50))

short = st.text("abc$_", min_size=1, max_size=6)
"""Keys that often meet."""

texts = st.text(st.characters(codec=None), max_size=12)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), texts, st.sampled_from(["\0", "EMPTY"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "Played", "$identify", "$groupidentify", "revenue_amount", "[Amplitude] Element Clicked",
]  # fmt: skip
OPERATIONS = ["$set", "$setOnce", "$unset", "$add"]

FORMS = [
    {"event": "Ordered", "distinct_id": "user_id", "timestamp": "event_time", "uuid": "uuid"},
    {"person": "user_id", "timestamp": "event_time"},
    {"group": "firm", "key": "device_id"},
]
"""Ways to load records as a plain stream."""

MEANINGFUL = {
    "event_properties": {"a": 1},
    "user_properties": {"a": 1},
    "groups": {"firm": ["f1"]},
    "group_properties": {"firm": {"f1": {"a": 1}}},
    "event_time": "2024-03-01 11:00:00",
}
"""Values that say something, where any text would not."""


def records(keys: Collection[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Return records whose properties often have one of these keys."""
    objects = st.dictionaries(
        st.sampled_from([*sorted(keys), *OPERATIONS]) | texts, values, max_size=6
    )
    likely = {
        "event_type": st.sampled_from(NAMES),
        "event_time": st.sampled_from(["2024-03-01 10:00:00.000000", "2099-01-01", "soon"]),
        "user_id": st.sampled_from(["u1", " u1 ", "null", 7, "x" * 300]),
        "device_id": st.sampled_from(["d1", "u1", ""]),
        "event_properties": objects,
        "user_properties": objects,
        "groups": st.dictionaries(texts, values, max_size=7),
        "group_properties": st.dictionaries(
            texts, st.dictionaries(texts, objects, max_size=2), max_size=3
        ),
    }
    # Most records have what makes them events, or nothing but dead letters would be tried.
    needed = ("event_type", "event_time", "user_id", "event_properties", "user_properties")
    rest = {key: likely[key] for key in likely.keys() - needed}
    complete = st.fixed_dictionaries({key: likely[key] for key in needed}, optional=rest)
    partial = st.fixed_dictionaries({}, optional=likely)
    return st.builds(
        lambda some, others, unknown: {**unknown, **others, **some},
        st.integers(0, 3).flatmap(lambda of_four: partial if of_four == 0 else complete),
        st.dictionaries(st.sampled_from(sorted(COLUMNS)), values, max_size=8),
        st.dictionaries(texts, values, max_size=2),
    )


OF_TYPES = {"event_type", "event_types"}
"""Facts of `catalogue.EventTypes` of target-amplitude."""


def outcome(walk: Walk, record: dict) -> Walked | tuple[str, str]:
    """Return what becomes of a record that is not clean yet, or why nothing does.

    Without the types of events: a mapping remembers those of its run, and tests that share it come
    in any order.
    """
    try:
        walked = walk.walks(record)
    except Unmappable as error:
        return (error.reason, error.detail)
    walked.effects.claims = [each for each in walked.effects.claims if each.kind not in OF_TYPES]
    return walked


def made_twice(walk: Walk, record: dict) -> tuple[Event, ...]:
    """Return what becomes of a record, after seeing that it is the same twice and harms nothing."""
    before = copy.deepcopy(record)
    result, again = outcome(walk, record), outcome(walk, record)
    assert repr(record) == repr(before)
    assert repr(result) == repr(again)
    return result.events if isinstance(result, Walked) else ()


def ordered(result: Any) -> Any:
    """Forget the order of keys, which is that of the record."""
    if not isinstance(result, Walked):
        return result
    sent = [orjson.dumps(made.body, option=orjson.OPT_SORT_KEYS) for made in result.events]
    return sent, result.skipped, sorted(map(repr, result.notes))


def deeper(deep: Any, column: str) -> Any:
    """Return what the column held, one object and one list deeper."""
    if column == "group_properties":
        return {"firm": {"f1": {"a": [deep["firm"]["f1"]["a"]]}}}
    return {"a": [deep]} if column.endswith("properties") else [deep]


def mark(markers: dict, *what: str) -> str:
    """Return a text that is found again, and note what it stands for."""
    marker = f"marker-{len(markers)}"
    markers[marker] = what
    return marker


def assert_is_json(body: dict) -> None:
    sent = orjson.loads(orjson.dumps(body))
    assert sent == body, "not JSON as it stands: NaN, a tuple, a key that is no text"
    assert "\0" not in orjson.dumps(body).decode("unicode_escape", "replace")
