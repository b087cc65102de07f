"""Reading rows: the fast way and the complete one come to the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from analytics_records.mixpanel.observation import Seen
from analytics_records.mixpanel.row import row_uuid
from analytics_records.mixpanel.source import UUID as ROW_UUID
from analytics_records.mixpanel.source import Mixpanel
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.mapping.lines import read
from singer_delivery.model import Unmappable

from tests.analytics_records.mixpanel.rows import AT, T10, UUID, bare, own, tapped
from tests.examples import examples

KEYS = {"company_id": "company", "team": "team"}


def observed(record: dict[str, Any], keys: dict[str, str] = KEYS) -> Seen:
    """Observe a record in each way in which it can come, and hold them equal."""
    source = Mixpanel("Elsewhere", group_keys=keys)
    line = json.dumps(record).encode()
    message = b'{"type":"RECORD","stream":"events","record":%b}' % line
    seen = source.observe(line, is_message=False)
    completely = source._observed_of(read(line, is_message=False, service="Elsewhere"))
    assert seen == completely
    assert source.observe(message, is_message=True) == seen
    return seen


def test_a_row_of_the_tap() -> None:
    seen = observed(tapped(mode="simplified", distinct_id="$device:d", __device_id="d"))
    assert (seen.name, seen.user, seen.device, seen.distinct) == ("Played", None, "d", "$device:d")
    assert (seen.at, seen.received, seen.time_column) == (AT, AT, "row.time")
    assert (seen.is_simplified, seen.uuid, seen.content) == (True, UUID, "")
    assert seen.stored == (AT // 1000 + 900, 0)


def test_properties_that_are_json_text_are_read() -> None:
    row = tapped(distinct_id="d")
    assert observed({**row, "properties": orjson.dumps(row["properties"]).decode()}) == observed(
        row
    )


@pytest.mark.parametrize("properties", ["no", 3, ["a"], True])
def test_properties_that_are_none_refuse_the_row(properties: Any) -> None:
    source = Mixpanel("Elsewhere")
    line = orjson.dumps({**tapped(), "properties": properties})
    with pytest.raises(Unmappable, match="bad_properties"):
        source.observe(line, is_message=False)


def test_ids_that_are_numbers_keep_their_digits() -> None:
    seen = observed(tapped(distinct_id=12345678901234567890123, __user_id=7, __device_id="d"))
    assert (seen.distinct, seen.user) == ("12345678901234567890123", "7")


def test_of_a_changed_row_the_id_as_ingested_is_read() -> None:
    seen = observed(tapped(distinct_id="ann", __distinct_id_before_identity="$device:d"))
    assert (seen.distinct, seen.before) == ("ann", "$device:d")
    seen = observed(tapped(distinct_id="ann", __preshuffle_distinct_id="b"))
    assert (seen.distinct, seen.before) == ("ann", "b")


HOUR, DAY = 3_600_000_000, 86_400_000_000
LIVE = AT // 1000


@pytest.mark.parametrize(
    ("time", "fields", "expected"),
    [
        ("2024-03-01T09:00:00.000Z", {}, (AT - HOUR, "row.time")),
        ("2024-03-01T09:00:00Z", {}, (AT - HOUR, "row.time")),
        ("2024-03-01 09:00:00.000000", {}, (AT - HOUR, "row.time")),
        (None, {}, (AT, "time")),
        (None, {"time": LIVE // 1000}, (AT, "time")),
        (None, {"time": LIVE / 1000 + 0.25}, (AT + 250_000, "time")),
        (None, {"time": str(LIVE)}, (AT, "time")),
        (None, {"time": None}, (AT + 900_000, "$mp_api_timestamp_ms")),
        ("1971-01-01T00:00:00.000Z", {}, (AT + 900_000, "$mp_api_timestamp_ms")),
        ("2024-03-02T10:00:00.900Z", {}, (AT + 86_400_900_000, "row.time")),
        ("2024-03-02T10:00:00.901Z", {}, (AT + 900_000, "$mp_api_timestamp_ms")),
        ("2024-03-09T10:00:00.000Z", {"__import": True}, (AT + 8 * DAY, "row.time")),
        ("2024-03-09T10:00:00.000Z", {"__mp_api_timestamp_ms": None}, (AT + 8 * DAY, "row.time")),
    ],
)  # fmt: skip
def test_when_it_happened(time: Any, fields: dict[str, Any], expected: tuple[int, str]) -> None:
    seen = observed(tapped(at=time, distinct_id="d", **fields))
    assert (seen.at, seen.time_column) == expected
    counted = [note.name for note in seen.notes]
    assert counted == (["clock_fallback"] if expected[1].startswith("$") else [])


@pytest.mark.parametrize("time", [None, "1970-01-01T00:00:00Z", "soon"])
def test_without_any_time_it_is_refused(time: Any) -> None:
    seen = observed(tapped(at=time, time=None, __mp_api_timestamp_ms=None, distinct_id="d"))
    assert seen.refused is not None
    assert seen.refused[0] == "no_time"


def test_rows_without_a_uuid_get_the_one_that_the_tap_gives() -> None:
    row = bare(distinct_id="d")
    assert observed(row).uuid == row_uuid(row)
    assert observed({**row, "uuid": "no"}).uuid == row_uuid(row)
    shaped = Mixpanel("Elsewhere").shaped(row)
    assert shaped[ROW_UUID] == row_uuid(row)
    alike = bare(distinct_id="d", __insert_id=None)
    assert observed(alike).content
    assert not observed(tapped(__insert_id=None)).content, "its own uuid tells it apart"


def test_rows_of_a_hot_shard_get_back_their_name_and_id() -> None:
    row = bare(
        "$hotshard_events", distinct_id="", mp_original_event_name="Paid",
        mp_original_distinct_id="ann",
    )  # fmt: skip
    seen = observed(row)
    assert (seen.name, seen.distinct) == ("Paid", "ann")
    source = Mixpanel("Elsewhere")
    assert source.event_name(source.shaped(row)) == "Paid"


@pytest.mark.parametrize(
    ("row", "joins", "identified"),
    [
        (bare("$identify", __identified_id="u", __anon_id="a"), ("u", "a"), "u"),
        (bare("$create_alias", distinct_id="a", alias="u"), ("a", "u"), None),
        (bare("$merge", __distinct_ids=["a", "b", 7]), ("a", "b", "7"), None),
        (bare("$identify", __identified_id="u", __anon_id="a", __failure_reason="no"), (), None),
        (bare("$merge", __distinct_ids="a"), (), None),
    ],
)
def test_rows_that_join_ids(row: dict, joins: tuple, identified: str | None) -> None:
    seen = observed(row)
    assert (seen.is_verb, seen.joins, seen.identified) == (True, joins, identified)


def test_groups_are_named_by_group_keys() -> None:
    groups = observed(tapped(company_id=["a", 7, "a", ""], team="t")).groups
    assert groups.keys == {"company": ["a", "7"], "team": ["t"]}
    assert observed(tapped(company_id=12345678901234567890123)).groups.keys == {
        "company": ["12345678901234567890123"]
    }
    assert observed(tapped(company_id=None, team={"a": 1})).groups.keys == {}
    assert observed(tapped(company_id="a"), {"company_id": "company"}).groups.keys == {
        "company": ["a"]
    }


def test_the_columns_of_the_table_are_told_from_the_event_s_own() -> None:
    source = Mixpanel("Elsewhere", columns={"$os", "$city", "row.session_start"})
    record = {**tapped(__os="iOS", song="x", distinct_id="d"), "session_start": T10, "new": 1}
    shaped = source.shaped(record)
    assert (shaped["$os"], shaped["$city"], shaped["row.session_start"]) == ("iOS", None, T10)
    assert "song" in source.event_properties(shaped)
    assert "$os" not in source.event_properties(shaped)
    assert source.event_properties(shaped)["mixpanel_new"] == 1
    odd = {"row.session_start": 1, "event": 2, "properties": 3, "uuid": 4}
    found = source.event_properties(source.shaped({"event": "Played", "properties": odd}))
    assert found == odd
    assert record["properties"] == own(__os="iOS", song="x", distinct_id="d"), "not changed"


anything = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
names = st.sampled_from(
    ["time", "distinct_id", "$user_id", "$device_id", "$insert_id", "$import", "company_id",
     "$distinct_id_before_identity", "$mp_api_timestamp_ms", "mp_processing_time_ms",
     "$identified_id", "$anon_id", "$distinct_ids", "alias", "mp_original_event_name"]
)  # fmt: skip
beside = st.sampled_from(["uuid", "time", "identity_merge", "session_start"])
events = st.sampled_from(["Played", "$identify", "$merge", "$create_alias", "$hotshard_events"])


@settings(deadline=None, max_examples=examples(200))
@given(st.dictionaries(names, anything), st.dictionaries(beside, anything), events | anything)
def test_whatever_a_row_holds_both_ways_read_the_same(own: dict, columns: dict, event: Any) -> None:
    record = {**columns, "event": event, "properties": own}
    source, line = Mixpanel("Elsewhere", group_keys=KEYS), json.dumps(record).encode()
    fast = outcome(lambda: source.observe(line, is_message=False))
    complete = outcome(
        lambda: source._observed_of(read(line, is_message=False, service="Elsewhere"))
    )
    assert fast == complete


def outcome(observe: Callable[[], Seen]) -> Seen | str:
    try:
        return observe()
    except Unmappable as error:
        return error.reason
