"""One case per fact of the mapping: what the record says, what PostHog gets."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from singer_delivery.mapping.values import session_uuid, stable_uuid
from singer_delivery.model import Unmappable

from tests.pairs.walk import UUID, a_record, note_names
from tests.target_posthog.from_amplitude.remembering import Importing

MISSING = object()
HOUR_10 = 1_709_287_200_000  # 2024-03-01 10:00:00 UTC in milliseconds

WEB = {"platform": "Web"}
IOS = {"platform": "iOS"}


def cases(table: list[tuple]) -> list:
    return [pytest.param(*facts, id=name) for name, *facts in table]


def last_body(settings: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return Importing(**(settings or {})).reads(**fields).events[-1].body


ENVELOPE = [
    ("user first", {"user_id": "u1", "device_id": "d1"}, "distinct_id", "u1"),
    ("then the device", {"user_id": None, "device_id": "d1"}, "distinct_id", "d1"),
    ("then amplitude_id", {"user_id": None, "amplitude_id": 12}, "distinct_id", "amplitude:12"),
    ("blank is no id", {"user_id": "  ", "device_id": "d1"}, "distinct_id", "d1"),
    ("padding goes", {"user_id": " u1 "}, "distinct_id", "u1"),
    ("numbers are digits", {"user_id": 42}, "distinct_id", "42"),
    ("illegal device", {"user_id": None, "device_id": "null", "amplitude_id": 1}, "distinct_id",
     "amplitude:1"),
    ("quoted illegal id", {"user_id": "'null'", "device_id": "d1"}, "distinct_id", "d1"),
    ("own uuid", {}, "uuid", UUID),
    ("uuid in lower case", {"uuid": UUID.upper()}, "uuid", UUID),
    ("uuid of insert id", {"uuid": None, "$insert_id": "i1", "device_id": "d1"}, "uuid",
     stable_uuid("event", "100", "d1", "i1")),
    ("time in RFC 3339", {"event_time": "2024-03-01 10:00:00.123456"}, "timestamp",
     "2024-03-01T10:00:00.123456Z"),
    ("time with T", {"event_time": "2024-03-01T10:00:00"}, "timestamp",
     "2024-03-01T10:00:00.000000Z"),
    ("next time column", {"event_time": None, "client_event_time": "2024-03-01 09:00:00"},
     "timestamp", "2024-03-01T09:00:00.000000Z"),
    ("unreadable time", {"event_time": "soon", "server_received_time": "2024-03-01 10:00:02"},
     "timestamp", "2024-03-01T10:00:02.000000Z"),
    ("clock in the future", {"event_time": "2099-01-01 00:00:00"}, "timestamp",
     "2024-03-01T10:00:05.000000Z"),
    ("clock in the past", {"event_time": "1970-01-01 00:00:01"}, "timestamp",
     "2024-03-01T10:00:05.000000Z"),
    ("24 h ahead is believed", {"event_time": "2024-03-02 10:00:05.000000"}, "timestamp",
     "2024-03-02T10:00:05.000000Z"),
    ("a page view", {"event_type": "[Amplitude] Page Viewed"}, "event", "$pageview"),
    ("a screen view", {"event_type": "[Amplitude] Screen Viewed"}, "event", "$screen"),
    ("a click", {"event_type": "[Amplitude] Element Clicked"}, "event", "$autocapture"),
    ("a change", {"event_type": "[Amplitude] Element Changed"}, "event", "$autocapture"),
    ("session_start stays", {"event_type": "session_start"}, "event", "session_start"),
    ("any name stays", {"event_type": " Größe $ "}, "event", " Größe $ "),
    ("own dollar names stay", {"event_type": "$my_event"}, "event", "$my_event"),
    ("heatmaps are not triggered", {"event_type": "$$heatmap"}, "event", "amplitude_heatmap"),
    ("AI events are not triggered", {"event_type": "$ai_trace"}, "event", "amplitude_ai_trace"),
    ("200 characters are a name", {"event_type": "n" * 200}, "event", "n" * 200),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "key", "expected"), cases(ENVELOPE))
def test_the_event_itself(fields: dict, key: str, expected: object) -> None:
    assert last_body(**fields)[key] == expected


PROPERTIES = [
    ("user", {"user_id": " u1 "}, "$amplitude_user_id", "u1"),
    ("illegal user stays", {"user_id": "null", "device_id": "d"}, "$amplitude_user_id", "null"),
    ("device", {"device_id": "d1 "}, "$amplitude_device_id", "d1"),
    ("device id", {"device_id": "d1 "}, "$device_id", "d1"),
    ("illegal device", {"device_id": "null"}, "$device_id", MISSING),
    ("amplitude_id", {"amplitude_id": 12345678901}, "$amplitude_id", 12345678901),
    ("app", {}, "$amplitude_app", 100),
    ("event_id", {"event_id": 7}, "$amplitude_event_id", 7),
    ("event_id zero", {"event_id": 0}, "$amplitude_event_id", 0),
    ("$insert_id", {"$insert_id": "i1"}, "$amplitude_insert_id", "i1"),
    ("library", {"library": "amplitude-ts/2.1"}, "$amplitude_library", "amplitude-ts/2.1"),
    ("data_type", {"data_type": "event"}, "$amplitude_data_type", "event"),
    ("plan", {"plan": {"branch": "main"}}, "$amplitude_plan", {"branch": "main"}),
    ("empty plan", {"plan": {}}, "$amplitude_plan", MISSING),
    ("paying", {"paying": False}, "$amplitude_paying", False),
    ("created", {"user_creation_time": "2020"}, "$amplitude_user_creation_time", "2020"),
    ("amplitude_event_type", {"amplitude_event_type": "x"}, "$amplitude_event_type", "x"),
    ("global", {"global_user_properties": {"a": 1}}, "$amplitude_global_user_properties", {"a": 1}),
    ("attribution ids", {"amplitude_attribution_ids": ["a"]}, "$amplitude_attribution_ids", ["a"]),
    ("is attribution", {"is_attribution_event": False}, "$amplitude_is_attribution_event", False),
    ("partner", {"partner_id": "p"}, "$amplitude_partner_id", "p"),
    ("source", {"source_id": "s"}, "$amplitude_source_id", "s"),
    ("sample rate", {"sample_rate": 0.5}, "$amplitude_sample_rate", 0.5),
    ("upload time", {}, "$amplitude_server_upload_time", "2024-03-01 10:00:05.000000"),
    ("client time", {"client_event_time": "c"}, "$amplitude_client_event_time", "c"),
    ("received time", {"server_received_time": "r"}, "$amplitude_server_received_time", "r"),
    ("good time is not kept twice", {}, "$amplitude_event_time", MISSING),
    ("broken clock is kept", {"event_time": "2099-01-01"}, "$amplitude_event_time", "2099-01-01"),
    ("session number", {"session_id": HOUR_10}, "$amplitude_session_id", HOUR_10),
    ("session by device", {"session_id": HOUR_10, "device_id": "d1"}, "$session_id",
     session_uuid(HOUR_10, "d1")),
    ("session by user", {"session_id": HOUR_10}, "$session_id", session_uuid(HOUR_10, "u1")),
    ("session as text", {"session_id": str(HOUR_10)}, "$session_id", session_uuid(HOUR_10, "u1")),
    ("no session", {"session_id": -1}, "$session_id", MISSING),
    ("session number -1", {"session_id": -1}, "$amplitude_session_id", -1),
    ("session zero", {"session_id": 0}, "$session_id", MISSING),
    ("session a day before", {"session_id": HOUR_10 - 86_400_000}, "$session_id", MISSING),
    ("session a day after", {"session_id": HOUR_10 + 86_400_000}, "$session_id", MISSING),
    ("session just a day before", {"session_id": HOUR_10 - 86_399_999}, "$session_id",
     session_uuid(HOUR_10 - 86_399_999, "u1")),
    ("platform", WEB, "$amplitude_platform", "Web"),
    ("web browser", {**WEB, "os_name": "Chrome"}, "$browser", "Chrome"),
    ("web browser version", {**WEB, "os_version": "120"}, "$browser_version", "120"),
    ("web has no os version", {**WEB, "os_version": "120"}, "$os_version", MISSING),
    ("web Windows", {**WEB, "device_type": "Windows"}, "$os", "Windows"),
    ("web Mac", {**WEB, "device_type": "Apple Macintosh"}, "$os", "Mac OS X"),
    ("web iPhone", {**WEB, "device_type": "Apple iPhone"}, "$os", "iOS"),
    ("web family", {**WEB, "device_family": "Linux"}, "$os", "Linux"),
    ("web by the browser", {**WEB, "device_type": "X", "os_name": "Chrome iOS"}, "$os", "iOS"),
    ("web unknown", {**WEB, "device_type": "Fridge"}, "$os", MISSING),
    ("web desktop", {**WEB, "device_type": "Windows"}, "$device_type", "Desktop"),
    ("web tablet", {**WEB, "device_family": "Apple iPad"}, "$device_type", "Tablet"),
    ("web device type stays", {**WEB, "device_type": "X"}, "$amplitude_device_type", "X"),
    ("web family stays", {**WEB, "device_family": "Mac"}, "$amplitude_device_family", "Mac"),
    ("web has no device name", {**WEB, "device_family": "Mac"}, "$device_name", MISSING),
    ("app has no browser", {**IOS, "os_name": "ios"}, "$browser", MISSING),
    ("app os", {**IOS, "os_name": "ios"}, "$os", "iOS"),
    ("app macOS", {"os_name": "Mac OS X"}, "$os", "macOS"),
    ("app unknown os", {"os_name": "BeOS"}, "$os", "BeOS"),
    ("app os version", {**IOS, "os_version": "17.1"}, "$os_version", "17.1"),
    ("app mobile", {**IOS, "os_name": "ios"}, "$device_type", "Mobile"),
    ("app tablet", {**IOS, "device_family": "Apple iPad"}, "$device_type", "Tablet"),
    ("android", {"platform": "Android"}, "$device_type", "Mobile"),
    ("brand", {"device_brand": "Pear"}, "$device_brand", "Pear"),
    ("manufacturer", {"device_manufacturer": "Pear"}, "$device_manufacturer", "Pear"),
    ("model", {"device_model": "P1"}, "$device_model", "P1"),
    ("device name", {"device_family": "Pear Phone"}, "$device_name", "Pear Phone"),
    ("carrier", {"device_carrier": "Tin Can"}, "$network_carrier", "Tin Can"),
    ("no carrier", {"device_carrier": "--"}, "$network_carrier", MISSING),
    ("app version", {"version_name": "1.2"}, "$app_version", "1.2"),
    ("start version", {"start_version": "1.0"}, "$amplitude_start_version", "1.0"),
    ("language", {"language": "English"}, "$locale", "en"),
    ("language name", {"language": "English"}, "$amplitude_language", "English"),
    ("language code", {"language": "en-GB"}, "$locale", "en-GB"),
    ("language code has no name", {"language": "en-GB"}, "$amplitude_language", MISSING),
    ("language unknown", {"language": "Klingon"}, "$locale", MISSING),
    ("language unknown stays", {"language": "Klingon"}, "$amplitude_language", "Klingon"),
    ("country", {"country": "Germany"}, "$geoip_country_name", "Germany"),
    ("country code", {"country": "Germany"}, "$geoip_country_code", "DE"),
    ("region", {"region": "Bavaria"}, "$geoip_subdivision_1_name", "Bavaria"),
    ("city", {"city": "Munich"}, "$geoip_city_name", "Munich"),
    ("dma", {"dma": "Z"}, "$amplitude_dma", "Z"),
    ("latitude zero", {"location_lat": 0.0}, "$geoip_latitude", 0.0),
    ("longitude", {"location_lng": -1.5}, "$geoip_longitude", -1.5),
    ("ip", {"ip_address": "203.0.113.9"}, "$ip", "203.0.113.9"),
    ("idfa", {"idfa": "A"}, "$amplitude_idfa", "A"),
    ("adid", {"adid": "B"}, "$amplitude_adid", "B"),
    ("no geoip of the sender", {}, "$geoip_disable", True),
    ("lib", {}, "$lib", "target-posthog"),
    ("history", {}, "historical_migration", True),
    ("source of analytics", {}, "analytics_source", "amplitude"),
    ("changed name", {"event_type": "[Amplitude] Page Viewed"}, "$amplitude_event_name",
     "[Amplitude] Page Viewed"),
    ("unchanged name", {}, "$amplitude_event_name", MISSING),
    ("unknown column", {"new_column": [1]}, "amplitude_new_column", [1]),
    ("unknown dollar column", {"$new": 1}, "amplitude_new", 1),
    ("empty unknown column", {"new_column": ""}, "amplitude_new_column", MISSING),
    ("dead letter note", {"_dead_letter": {"reason": "x"}}, "amplitude__dead_letter", MISSING),
    ("SDK metadata", {"_sdc_extracted_at": "x"}, "amplitude__sdc_extracted_at", MISSING),
    ("storage version", {"$schema": 13}, "amplitude_schema", MISSING),
    ("odd event_properties", {"event_properties": [1]}, "$amplitude_event_properties", [1]),
    ("odd user_properties", {"user_properties": "x"}, "$amplitude_user_properties", "x"),
    ("odd group_properties", {"group_properties": "x"}, "$amplitude_group_properties", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "key", "expected"), cases(PROPERTIES))
def test_a_column_becomes_a_property(fields: dict, key: str, expected: object) -> None:
    assert last_body(**fields)["properties"].get(key, MISSING) == expected


PAGE = "[Amplitude] Page "
EVENT_PROPERTIES = [
    ("types and nesting stay", {"a": [1, {"b.c": None}], "n": 0, "f": False, "e": {}}, "a",
     [1, {"b.c": None}]),
    ("zero stays", {"n": 0}, "n", 0),
    ("false stays", {"f": False}, "f", False),
    ("an empty list stays", {"l": []}, "l", []),
    ("null says nothing", {"a": None}, "a", MISSING),
    ("empty text says nothing", {"a": ""}, "a", MISSING),
    ("a cart may be EMPTY", {"cart": "EMPTY"}, "cart", "EMPTY"),
    ("attribution may not", {"utm_source": "EMPTY"}, "utm_source", MISSING),
    ("utm stays", {"utm_source": "mail"}, "utm_source", "mail"),
    ("url", {PAGE + "URL": "https://example.com/a"}, "$current_url", "https://example.com/a"),
    ("location before url", {PAGE + "URL": "https://e/", PAGE + "Location": "https://e/?q"},
     "$current_url", "https://e/?q"),
    ("originals stay", {PAGE + "URL": "https://e/"}, PAGE + "URL", "https://e/"),
    ("domain", {PAGE + "Domain": "e"}, "$host", "e"),
    ("path", {PAGE + "Path": "/a"}, "$pathname", "/a"),
    ("title", {PAGE + "Title": "T"}, "title", "T"),
    ("referrer", {"referrer": "https://r/"}, "$referrer", "https://r/"),
    ("no referrer", {"referrer": "EMPTY"}, "$referrer", MISSING),
    ("referring domain", {"referring_domain": "r"}, "$referring_domain", "r"),
    ("screen", {"[Amplitude] Screen Name": "S"}, "$screen_name", "S"),
    ("viewport", {"[Amplitude] Viewport Height": 600}, "$viewport_height", 600),
    ("own title is kept", {PAGE + "Title": "T", "title": "mine"}, "amplitude_title", "mine"),
    ("revenue", {"$revenue": 5}, "revenue", 5),
    ("revenue before one's own", {"$revenue": 5, "revenue": "lots"}, "revenue", 5),
    ("own revenue is kept", {"$revenue": 5, "revenue": "lots"}, "amplitude_revenue", "lots"),
    ("revenue of one's own", {"revenue": "lots"}, "revenue", "lots"),
    ("colliding guarded key", {"$ip": 1, "amplitude_ip": 2}, "amplitude_ip", 2),
    ("colliding guarded key moves on", {"$ip": 1, "amplitude_ip": 2}, "amplitude_amplitude_ip", 1),
    ("colliding twice", {"$ip": 1, "amplitude_ip": 2, "amplitude_amplitude_ip": 3},
     "amplitude_amplitude_amplitude_ip", 1),
    ("replaced by a column", {"$amplitude_app": "mine"}, "$amplitude_app", 100),
    ("kept beside the column", {"$amplitude_app": "mine"}, "amplitude_amplitude_app", "mine"),
    ("same as the column is one", {"$amplitude_app": 100}, "amplitude_amplitude_app", MISSING),
    ("NUL is replaced", {"a": "x\0"}, "a", "x\ufffd"),
    ("NaN is absent", {"a": float("nan")}, "a", MISSING),
]  # fmt: skip


@pytest.mark.parametrize(("given", "key", "expected"), cases(EVENT_PROPERTIES))
def test_an_event_property_travels(given: dict, key: str, expected: object) -> None:
    properties = last_body(event_properties=given)["properties"]
    assert properties.get(key, MISSING) == expected


def test_a_click_brings_its_elements() -> None:
    given = {
        "[Amplitude] Element Tag": "a",
        "[Amplitude] Element Text": "Buy",
        "[Amplitude] Element Href": "https://example.com/buy",
        "[Amplitude] Element Attributes": {"data-x": 1},
        "[Amplitude] Element Hierarchy": [
            {"tag": "a", "id": "buy", "classes": ["b", "c"], "index": 0, "indexOfType": 2},
            {"tag": "body", "index": 1, "attrs": {"role": "main"}},
            None,
        ],
    }
    body = last_body(event_type="[Amplitude] Element Clicked", event_properties=given)
    assert body["properties"]["$event_type"] == "click"
    assert body["properties"]["$elements"] == [
        {
            "tag_name": "a",
            "$el_text": "Buy",
            "attr__href": "https://example.com/buy",
            "attr__id": "buy",
            "attr__class": "b c",
            "attr__data-x": "1",
            "nth_child": 1,
            "nth_of_type": 3,
        },
        {"tag_name": "body", "nth_child": 2, "attr__role": "main"},
    ]


def test_other_events_have_no_elements() -> None:
    body = last_body(event_properties={"[Amplitude] Element Tag": "a"})
    assert "$elements" not in body["properties"]
    assert "$event_type" not in body["properties"]


def test_the_person_of_the_plan_is_not_told_what_may_not_travel() -> None:
    settings = {"send_ip": False, "send_advertising_ids": False}
    given = {"ip_address": "203.0.113.9", "idfa": "SECRET-A", "adid": "SECRET-B"}
    text = str(last_body(settings, **given))
    assert not [value for value in given.values() if value in text]


def test_a_long_id_is_shortened_and_whole_beside_it() -> None:
    whole = "ü" * 150
    cut = "ü" * 75 + "-" + hashlib.sha256(whole.encode()).hexdigest()[:16]
    mapped = Importing().reads(user_id=whole, device_id="d1")
    link, event = mapped.events
    assert event.body["distinct_id"] == link.body["distinct_id"] == mapped.decision.person == cut
    assert event.body["properties"]["$amplitude_user_id"] == whole
    assert note_names(mapped) == ["long_id"]


def test_a_long_id_of_numbers_keeps_its_first_150_characters() -> None:
    assert last_body(user_id="7" * 201)["distinct_id"].startswith("7" * 150 + "-")


def test_without_any_id_of_its_own_an_event_gets_one_of_its_content() -> None:
    one, same = last_body(uuid=None), last_body(uuid=None, _dead_letter={"x": 1}, _sdc_seq=3)
    other = last_body(uuid=None, event_properties={"a": 1})
    assert one["uuid"] == same["uuid"] != other["uuid"]


@pytest.mark.parametrize("event_time", [None, "soon", "2099-01-01 00:00:00", "1999-12-31 23:59:59"])
def test_a_time_that_could_not_be_used_is_counted(event_time: str | None) -> None:
    assert note_names(Importing().reads(event_time=event_time)) == ["clock_fallback"]


UNMAPPABLE = [
    ("no id", {"user_id": None}, "no_identity"),
    ("no legal id", {"user_id": "null", "device_id": "None", "amplitude_id": 0}, "no_identity"),
    ("no name", {"event_type": None}, "no_event_name"),
    ("blank name", {"event_type": " "}, "no_event_name"),
    ("a number for a name", {"event_type": 5}, "no_event_name"),
    ("long name", {"event_type": "n" * 201}, "event_name_too_long"),
    ("no time", {"event_time": None, "server_upload_time": None}, "no_time"),
    ("no possible time", {"event_time": "1970-01-01", "server_upload_time": None},
     "time_out_of_range"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "reason"), cases(UNMAPPABLE))
def test_what_cannot_be_an_event_says_why(fields: dict, reason: str) -> None:
    with pytest.raises(Unmappable) as caught:
        Importing().reads(**fields)
    assert caught.value.reason == reason


def test_the_reason_quotes_no_value() -> None:
    with pytest.raises(Unmappable) as caught:
        Importing().reads(event_type="SECRET" * 50, user_id="SECRET")
    assert "SECRET" not in str(caught.value)


def test_an_event_goes_to_batch_with_what_the_report_needs() -> None:
    mapped = Importing().reads()
    (event,) = mapped.events
    assert (event.endpoint, event.kind, event.name, mapped.order_of(event)) == (
        "/batch/",
        "event",
        "Played",
        "u1",
    )
    assert event.at == HOUR_10 * 1000
    assert set(event.body) == {"event", "distinct_id", "uuid", "timestamp", "properties"}


def test_the_example_record_is_mapped_without_notes() -> None:
    mapped = Importing().reads(**a_record())
    assert (mapped.skipped, mapped.notes) == (None, ())
