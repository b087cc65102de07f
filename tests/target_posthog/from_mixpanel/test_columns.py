"""Every property that Mixpanel documents has a place, and only one."""

from __future__ import annotations

from analytics_records.mixpanel import columns
from target_posthog.from_mixpanel import table

VERBS = {"alias"}
"""Of rows that join ids; PostHog acts on it: elsewhere it is put aside."""


def test_every_documented_property_has_a_row_a_reason_or_the_same_name() -> None:
    moves = {name for row in table.ENVELOPE + table.PROPERTIES for name in row.columns}
    stays = {name for row in table.EVENT_PROPERTY_ROWS for name in row.columns}
    places = [moves, {*table.DROPPED}, table.SAME | stays]
    for number, names in enumerate(places):
        assert names.isdisjoint(set().union(*places[:number]))
    known = moves | {*table.DROPPED} | table.SAME | stays | VERBS | {"$distinct_id"}
    assert columns.EVENT_PROPERTIES - known == set()
    beside = {name for name in moves if name.startswith("row.")}
    assert known - columns.EVENT_PROPERTIES == beside
