"""What holds for every row and profile of Mixpanel at every destination.

`tests.pairs.walk` holds more: each is mapped as a message and by itself, in another process's way,
and by tables that are not compiled, to the same events.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from singer_delivery.mapping.table import is_absent

from tests.pairs import mixpanel_to_amplitude, mixpanel_to_mixpanel, mixpanel_to_posthog
from tests.pairs.any_record import assert_is_json, fewer, mark, ordered, outcome
from tests.pairs.any_row import RowsUnderTest, a_row, groups, profiles
from tests.pairs.walk import Walk, Walked, note_names, the

PAIRS = [mixpanel_to_amplitude.PAIR, mixpanel_to_mixpanel.PAIR, mixpanel_to_posthog.PAIR]
pairs = pytest.mark.parametrize("pair", PAIRS, ids=repr)
data = st.data()


def assert_said(pair: RowsUnderTest, result: Any, chosen: Any) -> None:
    """Assert that everything that happened has a name on the page."""
    if not isinstance(result, Walked):
        assert result[0] in pair.table.DEAD_LETTERS
        return
    assert {note.name for note in result.notes} <= pair.table.COUNTED.keys()
    assert result.events or result.skipped
    if result.skipped is not None:
        rules = {each.partition(": ")[0] for each in pair.table.SKIPPED}
        assert result.skipped.partition(": ")[0] in rules
    for made in result.events:
        assert_is_json(made.body)
        pair.takes(made, chosen)


@pairs
@fewer
@given(data)
def test_any_rows_become_events_or_say_why_not(pair: RowsUnderTest, data: st.DataObject) -> None:
    chosen = data.draw(pair.choices)
    walk = pair.walk(chosen)
    for row in data.draw(st.lists(pair.rows, min_size=1, max_size=3)):
        result = outcome(walk, row)
        event("events" if isinstance(result, Walked) else result[0])
        assert_said(pair, result, chosen)
        if isinstance(result, Walked):
            walk.known.learn(result.effects)


@pairs
@fewer
@given(data, st.sampled_from([(1, profiles), (2, groups)]))
def test_any_profiles_become_updates_or_say_why_not(
    pair: RowsUnderTest, data: st.DataObject, kind: tuple[int, Any]
) -> None:
    of, strategy = kind
    chosen = data.draw(pair.choices)
    walk = pair.walk(chosen, of)
    for record in data.draw(st.lists(strategy, min_size=1, max_size=3)):
        result = outcome(walk, record)
        event("events" if isinstance(result, Walked) else result[0])
        assert_said(pair, result, chosen)
        if isinstance(result, Walked):
            walk.known.learn(result.effects)


@pairs
@fewer
@given(data)
def test_the_same_row_gives_the_same_events(pair: RowsUnderTest, data: st.DataObject) -> None:
    chosen, row = data.draw(pair.choices), data.draw(pair.rows)
    before = repr(row)
    first = outcome(pair.walk(chosen), row)
    assert repr(row) == before
    assert repr(first) == repr(outcome(pair.walk(chosen), row))
    turned = dict(reversed(list(row.items())))
    assert repr(ordered(first)) == repr(ordered(outcome(pair.walk(chosen), turned)))


@pairs
@fewer
@given(data)
def test_rows_that_are_read_again_are_the_same_events(
    pair: RowsUnderTest, data: st.DataObject
) -> None:
    """Whose a row is may be known better by then; which event it is may not change."""
    chosen = data.draw(pair.choices)
    walk, read = pair.walk(chosen), data.draw(st.lists(pair.rows, max_size=3))
    first = [keys_of(walk, row) for row in read]
    assert [keys_of(walk, row) for row in read] == first


def keys_of(walk: Walk, row: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return by what the destination tells the event of a row from others."""
    result = outcome(walk, row)
    if not isinstance(result, Walked):
        return []
    walk.known.learn(result.effects)
    bodies = [made.body for made in result.events if made.kind == "event"]
    of = [{**body.get("properties", {}), **body} for body in bodies]
    names = ("insert_id", "$insert_id", "time", "$user_id", "$device_id", "distinct_id")
    names += ("event", "uuid", "timestamp")
    return [tuple(each.get(name) for name in names) for each in of]


names = st.text("abc$_", min_size=1, max_size=6)


@pairs
@fewer
@given(
    data, st.sampled_from(["Played", "$mp_click", "$mp_web_page_view"]), st.sampled_from([0, 400])
)
def test_no_property_vanishes(
    pair: RowsUnderTest, data: st.DataObject, name: str, more: int
) -> None:
    drawn = st.lists(st.sampled_from(sorted(pair.keys)) | names, max_size=8, unique=True)
    named = [each for each in data.draw(drawn) if not pair.leaves(each)]
    named += [f"more{number}" for number in range(more)]
    markers: dict[str, Any] = {}
    of = {key: mark(markers, key) for key in named}
    walked = pair.walk().walks(a_row(name, **of))
    sent = orjson.dumps([made.body for made in walked.events]).decode()
    assert [key for marker, key in markers.items() if f'"{marker}"' not in sent] == []


@pairs
@pytest.mark.parametrize("name", ["deep", "$el_classes", "$os"])
def test_what_nests_deep_is_taken_or_refused_at_every_depth(pair: RowsUnderTest, name: str) -> None:
    results = set()
    for depth in (1, 2, 3, 4, 38, 39, 40, 41, 42, 190, 197, 198, 199, 200, 201, 250):
        deep = orjson.loads("[" * depth + "1" + "]" * depth)
        result = outcome(pair.walk(), a_row("$mp_click", **{name: deep}))
        results.add(isinstance(result, Walked))
        assert_said(pair, result, pair.settings())
    assert results == {True, False}


@pairs
def test_an_unknown_column_is_counted(pair: RowsUnderTest) -> None:
    walked = pair.walk().walks({**a_row(), "new": "NEW"})
    assert ("NEW" in repr(the("event", walked).body)) != pair.is_copy
    assert "unknown_column" in note_names(walked)


@pairs
def test_the_page_is_the_table(pair: RowsUnderTest) -> None:
    written = pair.page.PATH.read_text(encoding="utf-8")
    assert written == pair.page.render(), "run `make docs`"
    words = [row.to for row in pair.table.ROWS]
    words += [column for row in pair.table.ROWS for column in row.columns]
    words += [*pair.table.DROPPED, *pair.table.COUNTED, *pair.table.DEAD_LETTERS]
    words += [*pair.table.SKIPPED]
    assert [word for word in words if f"`{word}`" not in written] == []
    assert all(not is_absent(why) for why in pair.table.DROPPED.values())


@pairs
def test_every_condition_is_explained(pair: RowsUnderTest) -> None:
    used = {row.when for row in pair.table.ROWS if row.when is not None}
    assert used == pair.table.CONDITIONS.keys()
