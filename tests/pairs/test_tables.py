"""The table of each pair against its source's columns, and its printed page."""

from __future__ import annotations

from tests.pairs.pair import PairUnderTest
from tests.pairs.test_any_record import pairs


@pairs
def test_every_column_has_a_row_or_a_reason_and_none_has_both(pair: PairUnderTest) -> None:
    in_rows = {column for row in pair.table.ROWS for column in row.columns}
    assert in_rows | pair.table.DROPPED.keys() == pair.columns
    assert in_rows & pair.table.DROPPED.keys() == set()
    assert all(pair.table.DROPPED.values())


@pairs
def test_every_condition_is_explained(pair: PairUnderTest) -> None:
    rows = (*pair.table.ROWS, *pair.table.EVENT_PROPERTY_ROWS)
    used = {row.when for row in rows if row.when is not None}
    assert used == pair.table.CONDITIONS.keys()


@pairs
def test_the_page_is_the_table(pair: PairUnderTest) -> None:
    written = pair.page.PATH.read_text(encoding="utf-8")
    assert written == pair.page.render(), "run `make docs`"


@pairs
def test_the_page_names_every_row_every_column_and_every_outcome(pair: PairUnderTest) -> None:
    text, table = pair.page.render(), pair.table
    rows = (*table.ROWS, *table.EVENT_PROPERTY_ROWS)
    words = [row.to for row in rows] + [column for row in rows for column in row.columns]
    words += [*table.DROPPED, *table.COUNTED, *table.DEAD_LETTERS, *table.SKIPPED]
    assert [word for word in words if f"`{word}`" not in text] == []
