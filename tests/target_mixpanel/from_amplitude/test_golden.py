"""One case per fact of the mapping: what the record says, what Mixpanel gets."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Unmappable

from tests.pairs.walk import AT_10, UUID, a_record, note_names, the
from tests.target_mixpanel.importing import (
    DAY,
    HOUR,
    NOW,
    Importing,
    assert_mixpanel_takes,
    years_later,
)

MISSING = object()
DEEP = orjson.loads("[" * 250 + "]" * 250)
WEB, IOS = {"platform": "Web"}, {"platform": "iOS"}


def cases(table: list[tuple]) -> list:
    return [pytest.param(*facts, id=name) for name, *facts in table]


def event_body(settings: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    event = the("event", Importing(**(settings or {})).reads(**fields))
    assert_mixpanel_takes(event, (settings or {}).get("identity_merge", "simplified"))
    return event.body


NAMES = [
    ("a page view", "[Amplitude] Page Viewed", "$mp_web_page_view"),
    ("session_start stays", "session_start", "session_start"),
    ("any name stays", " Größe $ ", " Größe $ "),
    ("own dollar names stay", "$my_event", "$my_event"),
    ("a merge is not triggered", "$merge", "amplitude_merge"),
    ("an alias is not triggered", "$create_alias", "amplitude_create_alias"),
    ("control names", "$mp_session_record", "amplitude_mp_session_record"),
    ("automatic events", "$ae_first_open", "amplitude_ae_first_open"),
    ("255 characters are a name", "n" * 255, "n" * 255),
]


@pytest.mark.parametrize(("name", "expected"), cases(NAMES))
def test_an_event_has_a_name(name: str, expected: str) -> None:
    body = event_body(event_type=name)
    assert body["event"] == expected
    changed = name if name != expected else MISSING
    assert body["properties"].get("amplitude_event_name", MISSING) == changed


PROPERTIES = [
    ("own uuid", {"uuid": UUID.upper()}, "$insert_id", UUID),
    ("insert id without a uuid", {"uuid": None, "$insert_id": "i-1"}, "$insert_id", "i-1"),
    ("an insert id of 36", {"uuid": None, "$insert_id": "i" * 36}, "$insert_id", "i" * 36),
    ("an insert id too long", {"uuid": None, "$insert_id": "i" * 37, "device_id": "d1"},
     "$insert_id", stable_uuid("event", "100", "d1", "i" * 37)),
    ("an insert id of other letters", {"uuid": None, "$insert_id": "ajs_1", "device_id": "d1"},
     "$insert_id", stable_uuid("event", "100", "d1", "ajs_1")),
    ("an insert id for nobody", {"uuid": "x", "$insert_id": "NULL", "device_id": "d1"},
     "$insert_id", stable_uuid("event", "100", "d1", "NULL")),
    ("a number for an insert id", {"uuid": None, "$insert_id": 12, "device_id": "d1"},
     "$insert_id", stable_uuid("event", "100", "d1", "12")),
    ("the original insert id", {"$insert_id": "i1"}, "amplitude_insert_id", "i1"),
    ("milliseconds", {"event_time": "2024-03-01 10:00:00.123987"}, "time", 1_709_287_200_123),
    ("next time column", {"event_time": None, "client_event_time": "2024-03-01 09:00:00"}, "time",
     1_709_283_600_000),
    ("clock in the future", {"event_time": "2099-01-01 00:00:00"}, "time", 1_709_287_205_000),
    ("broken clock is kept", {"event_time": "2099-01-01"}, "amplitude_event_time", "2099-01-01"),
    ("good time is not kept twice", {}, "amplitude_event_time", MISSING),
    ("user", {"user_id": " u1 "}, "$user_id", "u1"),
    ("user as a number", {"user_id": 42}, "$user_id", "42"),
    ("a good user stands once", {"user_id": " u1 "}, "amplitude_user_id", MISSING),
    ("illegal user", {"user_id": "anonymous", "device_id": "d"}, "$user_id", MISSING),
    ("illegal user stays", {"user_id": "n/a", "device_id": "d"}, "amplitude_user_id", "n/a"),
    ("an object for a user stays", {"user_id": [1], "device_id": "d"}, "amplitude_user_id", [1]),
    ("device", {"user_id": None, "device_id": " d1"}, "$device_id", "d1"),
    ("a good device stands once", {"device_id": "d1"}, "amplitude_device_id", MISSING),
    ("illegal device", {"device_id": "unknown"}, "$device_id", MISSING),
    ("illegal device stays", {"device_id": "unknown"}, "amplitude_device_id", "unknown"),
    ("no distinct_id of ours", {"device_id": "d1"}, "distinct_id", MISSING),
    ("nobody", {"user_id": None, "amplitude_id": 12}, "distinct_id", ""),
    ("amplitude_id", {"amplitude_id": 12345678901}, "amplitude_id", 12345678901),
    ("app", {}, "amplitude_app", 100),
    ("event_id zero", {"event_id": 0}, "amplitude_event_id", 0),
    ("library", {"library": "amplitude-ts/2.1"}, "amplitude_library", "amplitude-ts/2.1"),
    ("data_type", {"data_type": "event"}, "amplitude_data_type", "event"),
    ("plan", {"plan": {"branch": "main"}}, "amplitude_plan", {"branch": "main"}),
    ("empty plan", {"plan": {}}, "amplitude_plan", MISSING),
    ("paying", {"paying": False}, "amplitude_paying", False),
    ("created", {"user_creation_time": "2020"}, "amplitude_user_creation_time", "2020"),
    ("amplitude_event_type", {"amplitude_event_type": "x"}, "amplitude_event_type", "x"),
    ("global", {"global_user_properties": {"a": 1}}, "amplitude_global_user_properties", {"a": 1}),
    ("attribution ids", {"amplitude_attribution_ids": ["a"]}, "amplitude_attribution_ids", ["a"]),
    ("is attribution", {"is_attribution_event": False}, "amplitude_is_attribution_event", False),
    ("partner", {"partner_id": "p"}, "amplitude_partner_id", "p"),
    ("source", {"source_id": "s"}, "amplitude_source_id", "s"),
    ("sample rate", {"sample_rate": 0.5}, "amplitude_sample_rate", 0.5),
    ("idfa", {"idfa": "A"}, "amplitude_idfa", "A"),
    ("adid", {"adid": "B"}, "amplitude_adid", "B"),
    ("upload time", {}, "amplitude_server_upload_time", "2024-03-01 10:00:05.000000"),
    ("client time", {"client_event_time": "c"}, "amplitude_client_event_time", "c"),
    ("received time", {"server_received_time": "r"}, "amplitude_server_received_time", "r"),
    ("session", {"session_id": -1}, "amplitude_session_id", -1),
    ("platform", WEB, "amplitude_platform", "Web"),
    ("web browser", {**WEB, "os_name": "Chrome"}, "$browser", "Chrome"),
    ("web browser version", {**WEB, "os_version": "120"}, "$browser_version", "120"),
    ("web has no os version", {**WEB, "os_version": "120"}, "$os_version", MISSING),
    ("web system", {**WEB, "device_type": "Apple Macintosh"}, "$os", "Mac OS X"),
    ("web system by the browser", {**WEB, "os_name": "Chrome iOS"}, "$os", "iOS"),
    ("web family", {**WEB, "device_family": "Mac"}, "amplitude_device_family", "Mac"),
    ("web has no device", {**WEB, "device_family": "Mac"}, "$device", MISSING),
    ("app has no browser", {**IOS, "os_name": "ios"}, "$browser", MISSING),
    ("app os", {**IOS, "os_name": "ios"}, "$os", "iOS"),
    ("app os version", {**IOS, "os_version": "17.1"}, "$os_version", "17.1"),
    ("app device", {**IOS, "device_family": "Pear", "device_type": "P1"}, "$device", "Pear"),
    ("app device by type", {**IOS, "device_type": "P1"}, "$device", "P1"),
    ("device type", {"device_type": "P1"}, "amplitude_device_type", "P1"),
    ("brand", {"device_brand": "Pear"}, "$brand", "Pear"),
    ("manufacturer", {"device_manufacturer": "Pear"}, "$manufacturer", "Pear"),
    ("model", {"device_model": "P1"}, "$model", "P1"),
    ("carrier", {"device_carrier": "Tin Can"}, "$carrier", "Tin Can"),
    ("no carrier", {"device_carrier": "--"}, "$carrier", MISSING),
    ("app version", {"version_name": "1.2"}, "$app_version_string", "1.2"),
    ("start version", {"start_version": "1.0"}, "amplitude_start_version", "1.0"),
    ("language", {"language": "English"}, "amplitude_language", "English"),
    ("city", {"city": "Munich"}, "$city", "Munich"),
    ("region", {"region": "Bavaria"}, "$region", "Bavaria"),
    ("country code", {"country": "Germany"}, "mp_country_code", "DE"),
    ("country with a code stands once", {"country": "Germany"}, "amplitude_country", MISSING),
    ("country without a code", {"country": "Atlantis"}, "amplitude_country", "Atlantis"),
    ("no code", {"country": "Atlantis"}, "mp_country_code", MISSING),
    ("dma", {"dma": "Z"}, "amplitude_dma", "Z"),
    ("latitude zero", {"location_lat": 0.0}, "$latitude", 0.0),
    ("longitude", {"location_lng": -1.5}, "$longitude", -1.5),
    ("the importing machine is not located", {"ip_address": "203.0.113.9"}, "ip", 0),
    ("lib", {}, "mp_lib", "target-mixpanel"),
    ("source of analytics", {}, "analytics_source", "amplitude"),
    ("unknown column", {"new_column": [1]}, "amplitude_new_column", [1]),
    ("unknown dollar column", {"$new": 1}, "amplitude_new", 1),
    ("dead letter note", {"_dead_letter": {"reason": "x"}}, "amplitude__dead_letter", MISSING),
    ("SDK metadata", {"_sdc_extracted_at": "x"}, "amplitude__sdc_extracted_at", MISSING),
    ("storage version", {"$schema": 13}, "amplitude_schema", MISSING),
    ("odd event_properties", {"event_properties": [1]}, "amplitude_event_properties", [1]),
    ("odd user_properties", {"user_properties": "x"}, "amplitude_user_properties", "x"),
    ("odd group_properties", {"group_properties": "x"}, "amplitude_group_properties", "x"),
    ("odd groups", {"groups": "x"}, "amplitude_groups", "x"),
    ("what was true of the person", {"user_properties": {"plan": "pro"}}, "user.plan", "pro"),
    ("what says nothing of the person", {"user_properties": {"initial_gclid": "EMPTY"}},
     "user.initial_gclid", MISSING),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "key", "expected"), cases(PROPERTIES))
def test_a_column_becomes_a_property(fields: dict, key: str, expected: object) -> None:
    assert event_body(**fields)["properties"].get(key, MISSING) == expected


PAGE = "[Amplitude] Page "
EVENT_PROPERTIES = [
    ("types and nesting stay", {"a": [1, {"b.c": None}]}, "a", [1, {"b.c": None}]),
    ("zero stays", {"n": 0}, "n", 0),
    ("null says nothing", {"a": None}, "a", MISSING),
    ("attribution may not be EMPTY", {"utm_source": "EMPTY"}, "utm_source", MISSING),
    ("utm stays", {"utm_source": "mail"}, "utm_source", "mail"),
    ("location before url", {PAGE + "URL": "https://e/", PAGE + "Location": "https://e/?q"},
     "$current_url", "https://e/?q"),
    ("originals stay", {PAGE + "URL": "https://e/"}, PAGE + "URL", "https://e/"),
    ("domain", {PAGE + "Domain": "e"}, "current_domain", "e"),
    ("path", {PAGE + "Path": "/a"}, "current_url_path", "/a"),
    ("title", {PAGE + "Title": "T"}, "current_page_title", "T"),
    ("referrer", {"referrer": "https://r/"}, "$referrer", "https://r/"),
    ("no referrer", {"referrer": "EMPTY"}, "$referrer", MISSING),
    ("referring domain", {"referring_domain": "r"}, "$referring_domain", "r"),
    ("colliding guarded key", {"$ip": 1, "ip": 3, "amplitude_ip": 2}, "amplitude_amplitude_ip", 3),
    ("replaced by a column", {"amplitude_app": "mine"}, "amplitude_app", 100),
    ("kept beside the column", {"amplitude_app": "mine"}, "amplitude_amplitude_app", "mine"),
    ("beside a user property", {"user.plan": "mine"}, "amplitude_user.plan", "mine"),
    ("under a user property", {"user.plan": "mine"}, "user.plan", "pro"),
    ("NUL is replaced", {"a": "x\0"}, "a", "x\ufffd"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "key", "expected"), cases(EVENT_PROPERTIES))
def test_an_event_property_travels(given: dict, key: str, expected: object) -> None:
    body = event_body(event_properties=given, user_properties={"plan": "pro"})
    assert body["properties"].get(key, MISSING) == expected


def test_user_properties_stay_off_the_event_on_request() -> None:
    settings = {"user_properties_on_events": False}
    body = event_body(settings, user_properties={"plan": "pro"})
    assert "user.plan" not in body["properties"]


@pytest.mark.parametrize(
    ("settings", "fields", "expected"),
    [
        ({"geolocate_ip": True}, {}, "203.0.113.9"),
        ({"geolocate_ip": True}, {"city": ""}, "203.0.113.9"),
        ({"geolocate_ip": True}, {"city": "Munich"}, 0),
        ({"geolocate_ip": True}, {"ip_address": None}, 0),
        ({}, {}, 0),
    ],
)
def test_an_address_is_located_on_request_where_the_city_is_missing(
    settings: dict, fields: dict, expected: object
) -> None:
    given = {"ip_address": "203.0.113.9", **fields}
    assert event_body(settings, **given)["properties"]["ip"] == expected


def test_an_address_is_never_stored() -> None:
    body = event_body(ip_address="203.0.113.9", event_properties={"ip": 1})
    assert "203.0.113.9" not in str(body)


def test_a_long_id_is_shortened_and_whole_beside_it() -> None:
    whole = "ü" * 150
    cut = "ü" * 100 + "-" + hashlib.sha256(whole.encode()).hexdigest()[:16]
    mapped = Importing().reads(user_id=whole, device_id="d1")
    event = the("event", mapped)
    assert event.body["properties"]["$user_id"] == mapped.order_of(event) == cut
    assert event.body["properties"]["amplitude_user_id"] == whole


def test_a_long_device_id_leaves_room_for_its_prefix() -> None:
    body = event_body(user_id=None, device_id="d" * 400)
    assert len("$device:" + body["properties"]["$device_id"]) <= 255


@pytest.mark.parametrize(
    ("late", "notes"),
    [(0, []), (1, ["ahead_of_now"]), (HOUR, ["ahead_of_now"])],
)
def test_a_time_up_to_an_hour_ahead_is_counted(late: int, notes: list[str]) -> None:
    mapped = Importing(now=AT_10 - late).reads()
    assert note_names(mapped) == notes


@pytest.mark.parametrize(
    ("retention", "days", "older"),
    [({}, -1, []), ({}, 1, ["expired"]), ({"retention_years": 5}, 1, ["expired"])],
)
def test_what_is_older_than_the_retention_is_counted_or_left_out(
    retention: dict, days: int, older: list[str]
) -> None:
    now = years_later(retention.get("retention_years", 2), days)
    mapped = Importing(now=now, **retention).reads()
    assert len(mapped.events) == 1
    assert note_names(mapped) == ["older_than_retention"] * len(older)
    left_out = Importing(now=now, skip_expired=True, **retention).reads()
    assert [left_out.skipped] == (older or [None])
    assert len(left_out.events) == 1 - len(older)


UNMAPPABLE = [
    ("no name", {"event_type": None}, "no_event_name"),
    ("blank name", {"event_type": " "}, "no_event_name"),
    ("long name", {"event_type": "n" * 256}, "event_name_too_long"),
    ("no time", {"event_time": None, "server_upload_time": None}, "no_time"),
    ("no possible time", {"event_time": "1970-01-01", "server_upload_time": None},
     "time_out_of_range"),
    ("over an hour ahead of now", {"event_time": "2024-03-31 11:00:00.000001",
     "server_upload_time": "2024-03-31 10:00:00"}, "time_out_of_range"),
    ("an update from the future", {"event_type": "$identify", "user_properties": {"a": 1},
     "event_time": "2030-01-01", "server_upload_time": None}, "time_out_of_range"),
    ("too deep", {"event_properties": {"a": DEEP}}, "nested_too_deep"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "reason"), cases(UNMAPPABLE))
def test_what_cannot_be_an_event_says_why(fields: dict, reason: str) -> None:
    assert NOW // DAY == 19_813  # 2024-03-31
    with pytest.raises(Unmappable) as caught:
        Importing().reads(**fields)
    assert caught.value.reason == reason


def test_the_reason_quotes_no_value_and_names_the_service() -> None:
    with pytest.raises(Unmappable, match="Mixpanel takes 255") as caught:
        Importing().reads(event_type="SECRET" * 50, user_id="SECRET")
    assert "SECRET" not in str(caught.value)


def test_an_event_goes_to_import_with_what_the_report_needs() -> None:
    mapped = Importing().reads()
    (event,) = mapped.events
    assert (event.endpoint, event.kind, event.name) == ("/import", "event", "Played")
    assert (mapped.order_of(event), event.at, event.deferred) == ("u1", AT_10, False)
    assert set(event.body) == {"event", "properties"}


def test_the_example_record_is_mapped_without_notes() -> None:
    mapped = Importing().reads(**a_record())
    assert (mapped.skipped, mapped.notes) == (None, ())


@pytest.mark.parametrize(
    ("settings", "name", "skipped"),
    [
        ({"include_events": ("Play*",)}, "Paused", "not included: Paused"),
        ({"exclude_events": ("P?used",)}, "Paused", "excluded: Paused"),
        ({"rename_events": {"Paused": "Rested"}}, "Paused", None),
    ],
)
def test_events_are_chosen_by_amplitudes_names(
    settings: dict, name: str, skipped: str | None
) -> None:
    mapped = Importing(**settings).reads(
        event_type=name, device_id="d1", user_properties={"a": 1}, groups={"firm": ["f1"]}
    )
    assert mapped.skipped == skipped
    assert (mapped.events == ()) == (skipped is not None)


@pytest.mark.parametrize(("old", "new"), [("[Amplitude] Page Viewed", "Page"), ("n" * 300, "n")])
def test_an_event_is_renamed(old: str, new: str) -> None:
    body = event_body({"rename_events": {old: new}}, event_type=old)
    assert body["event"] == new
    assert body["properties"]["amplitude_event_name"] == old
