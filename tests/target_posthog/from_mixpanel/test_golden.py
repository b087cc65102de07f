"""Each fact of the mapping from Mixpanel to PostHog, by example."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

import orjson
import pytest
from analytics_records.mixpanel.row import row_uuid
from singer_delivery.model import Effects, Unmappable
from target_posthog import posthog
from target_posthog.from_mixpanel import table

from tests.analytics_records.mixpanel.rows import AT, T10, UUID, bare, named, tapped
from tests.pairs.walk import Remembering, note_names
from tests.target_posthog.from_mixpanel.importing import Importing, counting, event_of


def of_event(event: str = "Played", **given: Any) -> dict[str, Any]:
    """Return the properties that an event gets; settings are under `settings`."""
    settings = given.pop("settings", {})
    row = {"distinct_id": "$device:d", **given}
    return event_of(Importing(**settings).row(event, "simplified", **row))["properties"]


def test_a_whole_event() -> None:
    body = event_of(Importing().row("Played", "simplified", __user_id="ann", song="x", plays=3))
    assert body == {
        "event": "Played",
        "distinct_id": "ann",
        "uuid": UUID,
        "timestamp": T10,
        "properties": {
            "$geoip_disable": True,
            "$lib": "target-posthog",
            "$lib_version": "unknown",
            "historical_migration": True,
            "analytics_source": "mixpanel",
            "$mixpanel_user_id": "ann",
            "$mixpanel_insert_id": "i1",
            "song": "x",
            "plays": 3,
        },
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("$mp_web_page_view", "$pageview"), ("$mp_page_leave", "$pageleave"),
        ("$mp_click", "$autocapture"), ("$mp_input_change", "$autocapture"),
        ("$mp_submit", "$autocapture"), ("$mp_rage_click", "$rageclick"),
        ("$mp_dead_click", "$dead_click"), ("$ae_first_open", "Application Installed"),
        ("$ae_updated", "Application Updated"),
    ],
)  # fmt: skip
def test_names_of_events(ours: str, theirs: str) -> None:
    body = event_of(Importing().row(ours, distinct_id="d"))
    assert body["event"] == theirs
    assert body["properties"]["$mixpanel_event_name"] == ours


@pytest.mark.parametrize("name", ["$ae_session", "$mp_scroll", "$campaign_delivery", "Paid", "é"])
def test_other_names_stay(name: str) -> None:
    body = event_of(Importing().row(name, distinct_id="d"))
    assert body["event"] == name
    assert "$mixpanel_event_name" not in body["properties"]


VERBS = {"$identify", "$create_alias", "$merge"}


@pytest.mark.parametrize("name", sorted(posthog.MEANINGFUL_NAMES - VERBS))
def test_a_name_posthog_gives_a_meaning_travels_under_another(name: str) -> None:
    assert event_of(Importing().row(name, distinct_id="d"))["event"] == f"mixpanel_{name[1:]}"


def test_a_name_that_is_too_long_or_missing_is_a_dead_letter() -> None:
    with pytest.raises(Unmappable, match="event_name_too_long"):
        Importing().row("x" * 201, distinct_id="d")
    for name in ("", " ", None, 7):
        with pytest.raises(Unmappable, match="no_event_name"):
            Importing().reads_row({**tapped(), "event": name})


@pytest.mark.parametrize("key", sorted(posthog.GUARDED_KEYS - table.COLUMNS - {"$set_once"}))
def test_a_key_posthog_acts_on_travels_under_another_name(key: str) -> None:
    found = of_event(**{key.replace("$", "__"): "steering"})
    assert found.get(key) != "steering"
    assert found["mixpanel_" + key.lstrip("$")] == "steering"


@pytest.mark.parametrize(
    ("given", "to", "expected"),
    [
        ({"mp_lib": "web"}, "$mixpanel_lib", "web"),
        ({"__lib_version": "2.1"}, "$mixpanel_lib_version", "2.1"),
        ({"__app_build_number": "41"}, "$app_build", "41"),
        ({"__brand": "google"}, "$device_brand", "google"),
        ({"__manufacturer": "Apple"}, "$device_manufacturer", "Apple"),
        ({"__model": "iPhone14,2"}, "$device_model", "iPhone14,2"),
        ({"__carrier": "Vodafone"}, "$network_carrier", "Vodafone"),
        ({"__wifi": False}, "$network_wifi", False),
        ({"__viewportHeight": 800}, "$viewport_height", 800),
        ({"__viewportWidth": 600}, "$viewport_width", 600),
        ({"mp_country_code": "US"}, "$geoip_country_code", "US"),
        ({"mp_country_code": "US"}, "$geoip_country_name", "United States"),
        ({"mp_country_code": "KR"}, "$geoip_country_name", "South Korea"),
        ({"__region": "Bavaria"}, "$geoip_subdivision_1_name", "Bavaria"),
        ({"__city": "Munich"}, "$geoip_city_name", "Munich"),
        ({"__latitude": 48.1}, "$geoip_latitude", 48.1),
        ({"__longitude": 11.5}, "$geoip_longitude", 11.5),
        ({"__insert_id": "abc"}, "$mixpanel_insert_id", "abc"),
        ({"__device_id": " d "}, "$device_id", "d"),
        ({"__device_id": "d"}, "$mixpanel_device_id", "d"),
    ],
)  # fmt: skip
def test_properties_that_get_another_name(given: dict, to: str, expected: Any) -> None:
    found = of_event(**given)
    assert found[to] == expected
    (name,) = given
    assert named(name) not in found.keys() - {"$device_id", "$lib_version"}


@pytest.mark.parametrize(
    ("given", "to", "expected"),
    [
        ({"__app_version_string": "2.1", "__app_version": "7"}, "$app_version", "2.1"),
        ({"__app_release": "2.1", "__app_version": "7", "__os": "iOS"}, "$app_version", "2.1"),
        ({"__app_release": "2.1", "__app_version": "7", "__os": "Android"}, "$app_version", "7"),
        ({"__os": "iOS", "__model": "iPhone14,2"}, "$device_type", "Mobile"),
        ({"__os": "iOS", "__model": "iPad13,1"}, "$device_type", "Tablet"),
        ({"__os": "Mac OS X", "__browser": "Safari"}, "$device_type", "Desktop"),
        ({"__os": "Toaster"}, "$device_type", None),
        ({"current_domain": "a.com", "__host": "b.com"}, "$host", "a.com"),
        ({"__host": "b.com"}, "$host", "b.com"),
        ({"current_url_path": "/a"}, "$pathname", "/a"),
        ({"__pathname": "/b"}, "$pathname", "/b"),
        ({"current_page_title": "Home"}, "title", "Home"),
    ],
)  # fmt: skip
def test_properties_that_stay_and_get_another_name_as_well(
    given: dict, to: str, expected: Any
) -> None:
    found = of_event(**given)
    assert found.get(to) == expected
    for key, value in given.items():
        name = named(key)
        renamed = name in table.COLUMNS or name in {"$app_version", "$host"}
        assert renamed or found[name] == value


@pytest.mark.parametrize("carrier", ["--", "", None])
def test_no_carrier(carrier: Any) -> None:
    assert "$network_carrier" not in of_event(__carrier=carrier)


@pytest.mark.parametrize("name", sorted(table.DROPPED))
def test_bookkeeping_does_not_travel(name: str) -> None:
    found = of_event(**{name.replace("$", "__"): "gone"})
    assert "gone" not in found.values()


@pytest.mark.parametrize("name", ["$mp_api_new", "$warehouse_new"])
def test_nor_does_bookkeeping_of_tomorrow(name: str) -> None:
    assert "gone" not in of_event(**{name.replace("$", "__"): "gone"}).values()


@pytest.mark.parametrize("name", sorted(table.SAME - posthog.GUARDED_KEYS))
def test_names_that_are_the_same_stay(name: str) -> None:
    assert of_event(**{name.replace("$", "__"): "v"})[name] == "v"


@pytest.mark.parametrize("value", [0, False, 1.5, [1, {"a": [2]}], {"a": {"b": 1}}, "é", []])
def test_values_keep_their_types(value: Any) -> None:
    assert of_event(thing=value)["thing"] == value


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_is_no_value(value: Any) -> None:
    row = tapped("Played", distinct_id="d")
    row["properties"]["thing"] = value
    assert "thing" not in event_of(Importing().reads_row(row))["properties"]


def test_first_touch_is_set_once_and_stays_on_the_event() -> None:
    given = {"__initial_referrer": "$direct", "initial_utm_source": "ad"}
    found = of_event(**given)
    assert found["$set_once"] == {"$initial_referrer": "$direct", "$initial_utm_source": "ad"}
    assert (found["$initial_referrer"], found["initial_utm_source"]) == ("$direct", "ad")
    assert "$set_once" not in of_event(settings={"person_properties": "none"}, **given)


def test_no_event_sets_properties_of_people() -> None:
    found = of_event(__set={"a": 1}, __email="a@x", __name="Ann")
    assert "$set" not in found
    assert (found["mixpanel_set"], found["$email"]) == ({"a": 1}, "a@x")


def test_group_keys_name_groups() -> None:
    settings = {"group_keys": {"company_id": "company", "team": "team"}}
    walked = Importing(**settings).row(distinct_id="d", company_id=["c1", 7], team=8)
    properties = event_of(walked)["properties"]
    assert properties["$groups"] == {"company": "c1", "team": "8"}
    assert (properties["company_id"], properties["team"]) == (["c1", 7], 8)
    assert "$groups" not in of_event(company_id="c1")


def test_revenue_is_read_where_the_settings_say() -> None:
    settings = {"revenue": {"revenue": "amount", "currency": "in"}}
    found = of_event(settings=settings, amount=9.5, **{"in": "EUR"})
    assert (found["revenue"], found["currency"], found["amount"]) == (9.5, "EUR", 9.5)
    assert "revenue" not in of_event(amount=9.5)


def test_properties_that_the_user_leaves_out() -> None:
    settings = {"exclude_properties": ("secret*", "$city", "$os")}
    found = of_event(settings=settings, secret_a=1, open=2, __city="X", __os="iOS")
    assert found["open"] == 2
    assert not {"secret_a", "$geoip_city_name", "$os", "$device_type"} & found.keys()


@pytest.mark.parametrize("system", [["iOS"], [], {"name": "iOS"}, 5])
def test_a_system_that_is_no_text_ends_no_run(system: Any) -> None:
    found = of_event(**{"$os": system, "$app_version": "7"})
    assert found["$app_version"] == "7"


def test_mixpanel_s_count_of_a_hot_shard_is_no_event() -> None:
    walked = Importing().reads_row(tapped("$hotshard_record", distinct_id="bot"))
    assert (walked.skipped, walked.events) == ("hotshard_record", ())


def test_an_unknown_column_travels_behind_the_prefix() -> None:
    row = {**tapped(distinct_id="d"), "shard": 7, "_sdc_batched_at": "now"}
    found = event_of(Importing().reads_row(row))["properties"]
    assert found["mixpanel_shard"] == 7
    assert "now" not in found.values()


ELEMENT = {
    "__el_tag_name": "a", "__el_text": "Buy", "__el_id": "buy", "__el_attr__href": "/buy",
    "__el_classes": ["big", "red"],
}  # fmt: skip
NODES = [
    {"$tag_name": "span", "$classes": ["x"], "$nth_child": 2, "$nth_of_type": 1},
    {"$tag_name": "a", "$id": "buy", "$attr-href": "/buy", "$classes": [""]},
]


@pytest.mark.parametrize(
    ("name", "action"),
    [("$mp_click", "click"), ("$mp_input_change", "change"), ("$mp_submit", "submit")],
)
def test_elements_of_autocapture(name: str, action: str) -> None:
    own = {
        "tag_name": "a", "$el_text": "Buy", "attr__id": "buy", "attr__href": "/buy",
        "attr__class": "big red",
    }  # fmt: skip
    found = of_event(name, **ELEMENT)
    assert (found["$event_type"], found["$elements"]) == (action, [own])
    assert found["$el_text"] == "Buy"
    found = of_event(name, __elements=NODES)
    assert found["$elements"] == [
        {"tag_name": "span", "nth_child": 2, "nth_of_type": 1, "attr__class": "x"},
        {"attr__href": "/buy", "tag_name": "a", "attr__id": "buy"},
    ]
    assert "mixpanel_elements" not in found


def test_elements_of_another_event_stay_readable() -> None:
    found = of_event("$mp_rage_click", __elements=NODES)
    assert found["$mixpanel_elements"] == NODES
    assert not {"$elements", "$event_type"} & found.keys()


def test_sessions_are_those_that_the_tap_worked_out() -> None:
    def session(start: Any, device: str = "d") -> str | None:
        row = {**tapped(distinct_id=f"$device:{device}"), "session_start": start}
        found = event_of(Importing().reads_row(row))["properties"].get("$session_id")
        return None if found is None else str(found)

    first = session("2024-03-01T09:45:00.250Z")
    assert first is not None
    made = uuid.UUID(first)
    started = datetime(2024, 3, 1, 9, 45, 0, 250_000, tzinfo=timezone.utc)
    assert (made.version, made.int >> 80) == (7, round(started.timestamp() * 1000))
    assert first != session("2024-03-01T09:45:00.250Z", "other")
    assert first != session("2024-03-01T09:45:00.251Z")
    for none in (None, "soon", "2024-03-01T10:00:00.001Z", "2024-02-28T10:00:00Z"):
        assert session(none) is None


def test_a_time_that_cannot_be_stays_readable() -> None:
    walked = Importing().row(at="1971-01-01T00:00:00Z", time=31_536_000, distinct_id="d")
    body = event_of(walked)
    assert body["timestamp"] == "2024-03-01T10:00:00.900000Z"
    assert body["properties"]["$mixpanel_time"] == 31_536_000
    assert note_names(walked).count("clock_fallback") == 1


def test_a_row_without_the_tap_s_columns_is_the_same_event() -> None:
    row = bare(distinct_id="$device:d", song="x")
    of_the_tap = {**tapped(distinct_id="$device:d", song="x"), "uuid": row_uuid(row)}
    first, second = (event_of(Importing().reads_row(one)) for one in (row, of_the_tap))
    assert (first["uuid"], first["distinct_id"]) == (second["uuid"], second["distinct_id"])
    assert first["timestamp"] == "2024-03-01T10:00:00.000000Z"
    assert first["properties"] == second["properties"]


def test_equal_rows_without_an_id_are_numbered() -> None:
    mapping, row = counting(), bare(distinct_id="d", __insert_id=None)
    uuids = []
    for _ in range(3):
        seen, effects = mapping.observe(orjson.dumps(row), is_message=False), Effects()
        it = mapping.decide(seen, Remembering(), effects)
        uuids.append(mapping.map(row, it).events[0].body["uuid"])
        assert [note.name for note in effects.notes][-1] == "without_insert_id"
        assert seen.event_ids == (uuids[-1],), "decisions ask for the same id"
    assert uuids == [row_uuid(row, number) for number in range(3)]


def test_an_event_of_nobody_makes_no_person() -> None:
    walked = Importing().row("Paid")
    body = event_of(walked)
    assert body["distinct_id"] == f"mixpanel:{UUID}"
    assert body["properties"]["$process_person_profile"] is False
    assert note_names(walked) == ["no_identity"]
    assert "$process_person_profile" not in of_event()


def test_young_events_are_counted() -> None:
    old, young = (Importing(live_from=AT + offset) for offset in (1, 0))
    assert "younger_than_48_hours" not in note_names(old.row(distinct_id="d"))
    assert "younger_than_48_hours" in note_names(young.row(distinct_id="d"))


def test_what_is_left_out_by_name_sends_its_link() -> None:
    importing = Importing(exclude_events=("Heart*",))
    walked = importing.row("Heartbeat", __user_id="ann", __device_id="d")
    assert walked.skipped == "excluded: Heartbeat"
    assert [event.kind for event in walked.events] == ["link"]
