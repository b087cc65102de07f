"""One case per fact of a copy: what the row says, what the other project gets."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from analytics_records.mixpanel.columns import EVENT_PROPERTIES
from analytics_records.mixpanel.row import row_uuid
from singer_delivery.model import Unmappable
from target_mixpanel.from_mixpanel import table
from target_mixpanel.from_mixpanel.properties import is_dropped

from tests.pairs.walk import UUID, note_names, the
from tests.target_mixpanel.from_mixpanel.copying import (
    AT_MS,
    MISSING,
    Copying,
    a_row,
    sent,
)
from tests.target_mixpanel.importing import assert_mixpanel_takes, years_later

ANN = {"$user_id": "ann", "$device_id": "d1", "distinct_id": "ann"}
DAY_MS = 86_400_000

PROPERTIES = [
    ("a property", {"Plan": "pro"}, "Plan", "pro"),
    ("EMPTY is a text like others", {"Plan": "EMPTY"}, "Plan", "EMPTY"),
    ("an empty text", {"Plan": ""}, "Plan", ""),
    ("false", {"Paid": False}, "Paid", False),
    ("a list of objects", {"Cart": [{"sku": 1}]}, "Cart", [{"sku": 1}]),
    ("a dollar name", {"$browser": "Chrome"}, "$browser", "Chrome"),
    ("the name without it", {"browser": "x"}, "browser", "x"),
    ("the SDK's own", {"mp_lib": "web"}, "mp_lib", "web"),
    ("its version", {"$lib_version": "2.1"}, "$lib_version", "2.1"),
    ("what sent it", {"mp_sent_by_lib_version": "2"}, "mp_sent_by_lib_version", "2"),
    ("persisted", {"$had_persisted_distinct_id": True}, "$had_persisted_distinct_id", True),
    ("country", {"mp_country_code": "DE"}, "mp_country_code", "DE"),
    ("region", {"$region": "Berlin"}, "$region", "Berlin"),
    ("city", {"$city": "Berlin"}, "$city", "Berlin"),
    ("campaign", {"utm_source": "x"}, "utm_source", "x"),
    ("the machine is not located", {}, "ip", 0),
    ("processed", {"mp_processing_time_ms": 5}, "mp_processing_time_ms", MISSING),
    ("received", {"$mp_api_timestamp_ms": AT_MS}, "$mp_api_timestamp_ms", MISSING),
    ("endpoint", {"$mp_api_endpoint": "api.mixpanel.com"}, "$mp_api_endpoint", MISSING),
    ("size", {"$mp_event_size": 9}, "$mp_event_size", MISSING),
    ("forwarded", {"$mp_is_forwarded": True}, "$mp_is_forwarded", MISSING),
    ("imported", {"$import": True}, "$import", MISSING),
    ("geo source", {"$geo_source": "x"}, "$geo_source", MISSING),
    ("source", {"$source": "x"}, "$source", MISSING),
    ("warehouse", {"$warehouse_table": "x"}, "$warehouse_table", MISSING),
    ("reshuffled", {"$is_reshuffled": True}, "$is_reshuffled", MISSING),
    ("a failure", {"$failure_reason": "x"}, "$failure_reason", MISSING),
    ("a failure of identity", {"$identity_failure_reason": "x"}, "$identity_failure_reason",
     MISSING),
    ("token", {"token": "t"}, "token", MISSING),
    ("token aside", {"token": "t"}, "mixpanel_token", "t"),
    ("ip aside", {"ip": "203.0.113.9"}, "mixpanel_ip", "203.0.113.9"),
    ("hidden", {"$ignore": True}, "mixpanel_ignore", True),
    ("bucket", {"bucket": "b"}, "mixpanel_bucket", "b"),
    ("insert id", {}, "$insert_id", "i1"),
    ("a long insert id", {"$insert_id": "i" * 37}, "$insert_id", UUID),
    ("an insert id of other letters", {"$insert_id": "a_b"}, "$insert_id", UUID),
    ("an insert id of nobody", {"$insert_id": "null"}, "$insert_id", UUID),
    ("no insert id", {"$insert_id": None}, "$insert_id", UUID),
    ("a number", {"$insert_id": 12}, "$insert_id", UUID),
    ("true UTC, not the exported time", {"time": AT_MS - 7 * 3_600_000}, "time", AT_MS),
    ("no session", {"session_start": "2024-03-01T09:59:00Z"}, "session_start", MISSING),
    ("no mode", {}, "identity_merge", MISSING),
]  # fmt: skip


@pytest.mark.parametrize(
    ("of", "name", "value"), [pytest.param(*rest, id=first) for first, *rest in PROPERTIES]
)
@pytest.mark.parametrize("merge", ["simplified", "original"])
def test_a_property(of: dict, name: str, value: Any, merge: str) -> None:
    columns = dict(of)
    if "time" in columns:  # a column of the tap, and a property: here it is the latter
        row = a_row(**ANN)
        row["properties"]["time"] = columns.pop("time")
    else:
        row = a_row(**{**ANN, **columns})
    walked = Copying(identity_merge=merge).reads_row(row)
    assert sent(walked).get(name, MISSING) == value
    assert_mixpanel_takes(the("event", walked), merge)


NAMES = ["Played", " x ", "$mp_web_page_view", "$ae_first_open", "$campaign_delivery",
         "[Amplitude] Page Viewed", "session_start"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_name_stays(name: str) -> None:
    assert the("event", Copying().reads(name, **ANN)).body["event"] == name


def test_a_user_may_rename_and_leave_out() -> None:
    walk = Copying(rename_events={"Played": "Heard"}, exclude_events=("Secret*",))
    assert the("event", walk.reads(**ANN)).body["event"] == "Heard"
    assert walk.reads("Secret 1", **ANN).skipped == "excluded: Secret 1"


def test_the_time_of_the_tap_is_the_one_that_counts() -> None:
    row = a_row(**ANN, time="2024-03-01T17:00:00.123Z")
    assert sent(Copying().reads_row(row))["time"] == AT_MS + 7 * 3_600_000 + 123


@pytest.mark.parametrize(
    "exported", [AT_MS, AT_MS // 1000, str(AT_MS), float(AT_MS // 1000)], ids=repr
)
def test_without_it_the_exported_time_is_read_by_its_magnitude(exported: object) -> None:
    row = a_row(**ANN)
    row["time"], row["properties"]["time"] = None, exported
    assert sent(Copying().reads_row(row))["time"] == AT_MS


def test_a_row_without_a_time_has_the_one_of_its_receipt() -> None:
    row = a_row(**ANN, **{"$mp_api_timestamp_ms": AT_MS + 5})
    row["time"], row["properties"]["time"] = None, None
    walked = Copying().reads_row(row)
    assert sent(walked)["time"] == AT_MS + 5
    assert "clock_fallback" in note_names(walked)
    del row["properties"]["$mp_api_timestamp_ms"]
    with pytest.raises(Unmappable, match="no_time"):
        Copying().walks(row)


def test_what_mixpanel_refuses_is_a_dead_letter() -> None:
    with pytest.raises(Unmappable, match="time_out_of_range"):
        Copying().walks(a_row(**ANN, time="1970-05-01T00:00:00Z"))
    with pytest.raises(Unmappable, match="no_event_name"):
        Copying().walks(a_row(" ", **ANN))


def test_rows_beyond_the_retention_are_counted_or_left_out() -> None:
    later = years_later(3, 0)
    walked = Copying(now=later).reads(**ANN)
    assert "older_than_retention" in note_names(walked)
    left = Copying(now=later, skip_expired=True).reads(**ANN)
    assert (left.skipped, left.events) == ("expired", ())


def test_an_event_of_a_hot_shard_gets_its_name_and_id_back() -> None:
    walked = Copying().reads(
        "$hotshard_events",
        distinct_id="",
        mp_original_event_name="Ticked",
        mp_original_distinct_id="bot",
    )
    event = the("event", walked)
    assert event.body["event"] == "Ticked"
    assert event.body["properties"]["$user_id"] == "bot"
    assert not [name for name in event.body["properties"] if name.startswith("mp_original")]


def test_the_count_of_a_hot_shard_is_left_out() -> None:
    assert Copying().reads("$hotshard_record", distinct_id="bot").skipped == "hotshard_record"


def test_a_row_of_nobody_is_kept() -> None:
    for merge in ("simplified", "original"):
        walked = Copying(identity_merge=merge).reads(distinct_id="")
        assert sent(walked)["distinct_id"] == ""
        assert note_names(walked) == ["no_identity"]


def test_a_column_nobody_knows_is_counted_and_not_sent() -> None:
    walked = Copying().reads(**ANN, new_column="NEW")
    assert "NEW" not in repr(sent(walked))
    assert [note.example for note in walked.notes if note.name == "unknown_column"] == [
        "new_column"
    ]
    row = a_row(**ANN) | {"_sdc_batched_at": "x"}
    assert "unknown_column" not in note_names(Copying().reads_row(row))


def test_a_row_without_a_uuid_has_the_one_that_the_tap_would_give_it() -> None:
    row = a_row(**ANN, uuid=None, **{"$insert_id": None})
    uuid = row_uuid({"event": row["event"], "properties": row["properties"]})
    assert sent(Copying().reads_row(row))["$insert_id"] == uuid


SERVER_MADE = {
    "mp_processing_time_ms", "$mp_api_endpoint", "$mp_api_timestamp_ms", "$mp_event_size",
    "$mp_is_forwarded", "$import", "$geo_source", "$source", "$warehouse_type",
    "$warehouse_import_id", "$warehouse_import_job_id", "$warehouse_import_run_id",
    "$warehouse_table", "$distinct_id_before_identity", "$is_reshuffled",
    "$preshuffle_distinct_id", "$failure_description", "$failure_reason",
    "$identity_failure_reason", "mp_original_distinct_id", "mp_original_event_name",
    "$distinct_id", "$time", "$event_name",
}  # fmt: skip
"""Restated on purpose: Mixpanel docs, Default and Reserved Properties."""


@pytest.mark.parametrize("name", sorted(EVENT_PROPERTIES))
def test_each_documented_property_travels_or_has_its_reason(name: str) -> None:
    read = {column for row in table.ROWS for column in row.columns}
    assert is_dropped(name) == (name in SERVER_MADE)
    if is_dropped(name) or name in read:
        return
    walked = Copying().reads(**ANN, **{name: "a value"})
    assert sent(walked)[name] == "a value"


def test_too_much_of_a_row_stays_readable() -> None:
    many = {f"p{number}": number for number in range(300)}
    walked = Copying().reads(**ANN, **many, deep={"a": {"b": {"c": {"d": 1}}}})
    assert_mixpanel_takes(the("event", walked))
    assert {"over_254_properties", "nested_over_3_deep"} <= {*note_names(walked)}
    assert sent(walked)["$user_id"] == "ann"


def test_properties_that_a_table_holds_as_json_text() -> None:
    row = a_row(**ANN, Plan="pro")
    told = orjson.dumps(row["properties"]).decode()
    assert sent(Copying().reads_row({**row, "properties": told})) == sent(Copying().reads_row(row))
    for properties in ("[1]", "half {", 7):
        with pytest.raises(Unmappable, match="bad_properties"):
            Copying().reads_row({**row, "properties": properties})
