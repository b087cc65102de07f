"""Records are cleaned on their way to the mapping, whichever way they come."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.target_mixpanel.running import record, report_in, run, schema

STREAMS = {"orders": {"event": "Ordered", "distinct_id": "customer", "timestamp": "at"}}
THE_SHORT_WAY: dict[str, Any] = {}
BY_STREAM_MAPS = {"stream_maps": {"orders": {"city": "'Munich'"}}}


def order(number: int, note: Any) -> dict[str, Any]:
    return record("orders", id=number, customer="ann", at="2026-01-01", note=note)


@pytest.mark.parametrize("way", [THE_SHORT_WAY, BY_STREAM_MAPS], ids=["short", "stream maps"])
def test_a_record_is_cleaned_or_buried_and_the_next_goes_on(tmp_path, way):
    deep: Any = "SECRET"
    for _ in range(250):
        deep = [deep]
    config = {"dry_run": True, "project_token": "t", "streams": STREAMS, **way}
    columns = schema("orders", "id", "customer", "at", "note")
    target = run(tmp_path, config, columns, order(1, "a\0b"), order(2, deep), order(3, "c"))

    counts = report_in(tmp_path)["streams"]["orders"]
    assert (counts["delivered"], counts["dead"]) == (2, {"nested_too_deep": 1})
    sent = [json.loads(line) for line in (tmp_path / "dry-run.jsonl").read_text().splitlines()]
    notes = [each["event"]["properties"]["note"] for each in sent]
    assert notes == ["a\ufffdb", "c"]
    (letter,) = [
        json.loads(line)["record"]
        for line in (tmp_path / "dry-run.jsonl.dead-letters.singer").read_text().splitlines()
        if '"RECORD"' in line
    ]
    assert letter["id"] == 2
    assert f"{target.name} cannot read it" in letter["_dead_letter"]["detail"]
