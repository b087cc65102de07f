"""The table against the export's columns, Mixpanel's rules restated, and the printed page."""

from __future__ import annotations

import pytest
from target_mixpanel import mixpanel
from target_mixpanel.from_amplitude import table

from tests.analytics_records.columns import COLUMNS
from tests.fakes.mixpanel import events as mixpanel_events
from tests.pairs.walk import note_names, the
from tests.target_mixpanel.importing import (
    Importing,
    assert_mixpanel_takes,
    settings,
)
from tools import mixpanel_page


def test_the_columns_that_say_something_of_a_person_are_columns() -> None:
    assert {column for row in table.OF_THE_RECORD for column in row.columns} <= COLUMNS


# Restated on purpose: Mixpanel docs, Reserved properties and Import Events; what would change
# whose an event is, which, when and where, or would hide it.
ACTED_ON = [
    "token", "time", "distinct_id", "$distinct_id", "$user_id", "$device_id", "$insert_id", "ip",
    "bucket", "$bucket", "$ignore", "$source", "$import", "$identified_id", "$anon_id", "alias",
    "$distinct_ids", "$mp_api_endpoint", "$mp_api_timestamp_ms", "$mp_event_size",
    "mp_processing_time_ms", "$preshuffle_distinct_id", "$mp_is_forwarded", "$mp_experiment_name",
]  # fmt: skip


def test_whatever_mixpanel_acts_on_is_guarded() -> None:
    assert set(ACTED_ON) <= mixpanel.GUARDED_KEYS
    assert {"$hotshard_events", "$hotshard_record"} <= mixpanel.MEANINGFUL_NAMES
    assert {*mixpanel_events.CONTROL, *mixpanel_events.HIDING} <= mixpanel.GUARDED_KEYS


@pytest.mark.parametrize("key", sorted(mixpanel.GUARDED_KEYS))
def test_a_key_mixpanel_acts_on_travels_under_another_name(key: str) -> None:
    event = the("event", Importing().reads(event_properties={key: "steering"}))
    properties = event.body["properties"]
    assert properties.get(key) != "steering"
    assert properties["amplitude_" + key.lstrip("$")] == "steering"
    assert_mixpanel_takes(event)


CALLS = {"$identify", "$groupidentify"}


@pytest.mark.parametrize("name", sorted(mixpanel.MEANINGFUL_NAMES - CALLS))
def test_a_name_mixpanel_gives_a_meaning_travels_under_another(name: str) -> None:
    (event,) = Importing().reads(event_type=name).events
    assert event.name == event.body["event"] == "amplitude_" + name[1:]
    assert event.body["properties"]["amplitude_event_name"] == name


@pytest.mark.parametrize("name", ["$identify", "$create_alias", "$merge"])
def test_an_event_is_never_renamed_to_an_order(name: str) -> None:
    with pytest.raises(ValueError, match="no event for Mixpanel but an order") as caught:
        settings(rename_events={"Played": name})
    assert "`rename_events` calls `Played`" in str(caught.value)


def test_a_retention_is_a_number_of_years() -> None:
    with pytest.raises(ValueError, match="`retention_years` must be 1 or more"):
        settings(retention_years=0)


# Restated on purpose: the 17 ids of Mixpanel docs, Import Events.
NOBODY = [
    "00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a",
    "na", "undefined", "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}",
]  # fmt: skip


def test_there_are_17_ids_of_nobody() -> None:
    assert set(NOBODY) == mixpanel.ILLEGAL_IDS
    assert len(mixpanel.ILLEGAL_IDS) == 17


@pytest.mark.parametrize("name", NOBODY)
@pytest.mark.parametrize("identity_merge", ["simplified", "original"])
def test_an_id_of_nobody_is_no_id(name: str, identity_merge: str) -> None:
    importing = Importing(identity_merge=identity_merge)
    mapped = importing.reads(user_id=f" {name.upper()}", device_id="d1")
    (event,) = mapped.events
    assert_mixpanel_takes(event, identity_merge)
    assert mapped.order_of(event) == "d1"
    assert note_names(mapped) == ["illegal_user_id"]
    alone = importing.reads(user_id=None, device_id=name)
    assert note_names(alone) == ["illegal_device_id", "no_identity"]
    assert alone.events[0].body["properties"]["distinct_id"] == ""


def test_limits_stay() -> None:
    # Restated on purpose: Mixpanel docs, Import Events and Supported data types. Ids leave room for
    # the 8 bytes of `$device:`.
    assert mixpanel.MAX_NAME_CHARACTERS == 255
    assert (mixpanel.MAX_ID_BYTES, mixpanel.KEPT_ID_BYTES) == (255 - 8, 200)
    assert (mixpanel.MAX_PROPERTIES, mixpanel.MAX_ELEMENTS, mixpanel.MAX_DEPTH) == (254, 254, 3)
    assert mixpanel.MAX_TEXT_BYTES == 255
    assert mixpanel.EARLIEST == 365 * 24 * 60 * 60 * 1_000_000
    assert mixpanel.HOUR == 60 * 60 * 1_000_000


def test_the_page_names_what_profiles_have_and_what_mixpanel_acts_on() -> None:
    text = mixpanel_page.render()
    rows = (*table.OF_THE_PERSON, *table.OF_THE_RECORD)
    words = [row.to for row in rows] + [column for row in rows for column in row.columns]
    words += [*mixpanel.GUARDED_KEYS, *mixpanel.MEANINGFUL_NAMES]
    assert [word for word in words if f"`{word}`" not in text] == []
