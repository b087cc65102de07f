"""One case per fact of the mapping: what the row says, what Amplitude gets."""

from __future__ import annotations

from typing import Any

import pytest
from analytics_records.mixpanel.columns import EVENT_PROPERTIES
from analytics_records.mixpanel.row import row_uuid
from singer_delivery.model import Unmappable
from target_amplitude.from_mixpanel import leaves, table

from tests.pairs.walk import UUID, note_names
from tests.target_amplitude.from_mixpanel.importing import (
    AT_MS,
    MISSING,
    Importing,
    a_row,
    body,
)

ANN = {"$user_id": "ann", "$device_id": "d1", "distinct_id": "ann"}
WEB = {"mp_lib": "web", "$os": "Mac OS X", "$browser": "Chrome", "$browser_version": 120}
IOS = {"mp_lib": "swift", "$os": "iOS", "$os_version": "17.4"}
ANDROID = {"mp_lib": "android", "$os": "Android", "$os_version": "14"}


def cases(rows: list[tuple]) -> list:
    return [pytest.param(*rest, id=first) for first, *rest in rows]


def test_an_event_carries_the_properties_of_its_row_and_nothing_of_the_row_itself() -> None:
    walked = Importing().reads("Played", **ANN, level=7)
    assert body(walked)["event_properties"] == {"level": 7, "mixpanel_insert_id": "i1"}
    assert "unknown_column" not in note_names(walked)


NAMES = [
    ("a page view", "$mp_web_page_view", "[Amplitude] Page Viewed"),
    ("first open", "$ae_first_open", "[Amplitude] Application Installed"),
    ("updated", "$ae_updated", "[Amplitude] Application Updated"),
    ("click", "$mp_click", "[Amplitude] Element Clicked"),
    ("change", "$mp_input_change", "[Amplitude] Element Changed"),
    ("submit", "$mp_submit", "[Amplitude] Form Submitted"),
    ("rage", "$mp_rage_click", "[Amplitude] Rage Click"),
    ("dead", "$mp_dead_click", "[Amplitude] Dead Click"),
    ("session of the SDK", "$ae_session", "$ae_session"),
    ("other of Amplitude's", "[Amplitude] Foo", "[Amplitude] Foo"),
    ("any name", " Größe $ ", " Größe $ "),
    ("1,024 characters", "n" * 1024, "n" * 1024),
    ("a session's start", "$session_start", "mixpanel_session_start"),
    ("a session's end", "session_end", "mixpanel_session_end"),
    ("a group's call", "$groupidentify", "mixpanel_groupidentify"),
    ("revenue", "revenue_amount", "mixpanel_revenue_amount"),
    ("verified", "verified_revenue", "mixpanel_verified_revenue"),
    ("of queries", "_active", "mixpanel__active"),
    ("custom events", "ce:Foo", "mixpanel_ce:Foo"),
    ("reserved", "[Amplitude] Start Session", "mixpanel_Start Session"),
    ("reserved revenue", "[Amplitude] Revenue (Verified)", "mixpanel_Revenue (Verified)"),
]


@pytest.mark.parametrize(("name", "expected"), cases(NAMES))
def test_an_event_has_a_name(name: str, expected: str) -> None:
    sent = body(Importing().reads(name, **ANN))
    assert sent["event_type"] == expected
    changed = name if name != expected else MISSING
    assert sent["event_properties"].get("mixpanel_event_name", MISSING) == changed


TOP = [
    ("user", {}, "user_id", "ann"),
    ("device", {}, "device_id", "d1"),
    ("time", {}, "time", AT_MS),
    ("the tap's uuid", {}, "insert_id", UUID),
    ("no sync of people", {}, "$skip_user_properties_sync", True),
    ("session", {"session_start": "2024-03-01T09:59:30.500Z"}, "session_id", AT_MS - 29_500),
    ("no session", {}, "session_id", MISSING),
    ("web", WEB, "platform", "Web"),
    ("web by its library", {"mp_lib": "web"}, "platform", "Web"),
    ("web by a browser", {"$browser": "Firefox"}, "platform", "Web"),
    ("ios", IOS, "platform", "iOS"),
    ("android", ANDROID, "platform", "Android"),
    ("a server", {"mp_lib": "python"}, "platform", MISSING),
    ("the browser", WEB, "os_name", "Chrome"),
    ("its version as text", WEB, "os_version", "120"),
    ("the system of an app", IOS, "os_name", "iOS"),
    ("its version", IOS, "os_version", "17.4"),
    ("the system as the web's device", WEB, "device_model", "Mac OS X"),
    ("the web's device", {**WEB, "$device": "iPhone"}, "device_model", "iPhone"),
    ("model", {**IOS, "$model": "iPhone14,2", "$device": "x"}, "device_model", "iPhone14,2"),
    ("device of an app", {**ANDROID, "$device": "oriole"}, "device_model", "oriole"),
    ("an app's system is no model", IOS, "device_model", MISSING),
    ("manufacturer", {"$manufacturer": "Apple"}, "device_manufacturer", "Apple"),
    ("brand", {"$brand": "google"}, "device_brand", "google"),
    ("carrier", {"$carrier": "Telekom"}, "carrier", "Telekom"),
    ("no carrier", {"$carrier": "--"}, "carrier", MISSING),
    ("version", {**ANDROID, "$app_version_string": "1.2", "$app_version": 3}, "app_version", "1.2"),
    ("release on iOS", {**IOS, "$app_release": "2.0", "$app_version": "7"}, "app_version", "2.0"),
    ("version last", {**ANDROID, "$app_release": 9, "$app_version": "7"}, "app_version", "7"),
    ("country", {"mp_country_code": "US"}, "country", "United States"),
    ("country as GeoIP", {"mp_country_code": "KR"}, "country", "South Korea"),
    ("no country", {"mp_country_code": "XX"}, "country", MISSING),
    ("region", {"$region": "Berlin"}, "region", "Berlin"),
    ("city", {"$city": "Berlin"}, "city", "Berlin"),
    ("all four or none", {"$city": "Berlin"}, "dma", ""),
    ("all four", {"mp_country_code": "DE"}, "city", ""),
    ("none", {}, "country", MISSING),
    ("latitude", {"$latitude": 52.5, "$longitude": 13.4}, "location_lat", 52.5),
    ("longitude", {"$latitude": 52.5, "$longitude": 13.4}, "location_lng", 13.4),
    ("both or neither", {"$latitude": 52.5}, "location_lat", MISSING),
    ("no address", {"ip": "203.0.113.9"}, "ip", MISSING),
]  # fmt: skip


@pytest.mark.parametrize(("of", "name", "value"), cases(TOP))
def test_a_key_at_the_top(of: dict, name: str, value: Any) -> None:
    assert body(Importing().reads(**{**ANN, **of})).get(name, MISSING) == value


PAGE = {
    "$current_url": "https://a.example/p?q=1", "current_domain": "a.example",
    "current_url_path": "/p", "current_page_title": "P",
}  # fmt: skip
CLICK = {
    "$current_url": "https://a.example/p", "$host": "a.example", "$pathname": "/p",
    "$el_id": "buy", "$el_classes": ["a", "b"], "$el_tag_name": "button", "$el_text": "Buy",
    "$el_attr__href": "/buy", "$viewportHeight": 600, "$viewportWidth": 800,
}  # fmt: skip

OWN = [
    ("a property", "Played", {"Plan": "pro"}, "Plan", "pro"),
    ("false", "Played", {"Paid": False}, "Paid", False),
    ("a cart", "Played", {"Cart": [{"sku": 1}]}, "Cart", [{"sku": 1}]),
    ("lists in lists", "Played", {"Grid": [[1]]}, "Grid", ["[1]"]),
    ("nothing", "Played", {"Plan": ""}, "Plan", MISSING),
    ("the library", "Played", WEB, "mp_lib", "web"),
    ("the web's system stays", "Played", WEB, "$os", "Mac OS X"),
    ("the browser moves", "Played", WEB, "$browser", MISSING),
    ("an app's system moves", "Played", IOS, "$os", MISSING),
    ("its version moves", "Played", IOS, "$os_version", MISSING),
    ("the web's system version stays", "Played", {**WEB, "$os_version": "14"}, "$os_version", "14"),
    ("what is not the model stays", "Played", {**IOS, "$model": "m", "$device": "d"}, "$device",
     "d"),
    ("no carrier stays", "Played", {"$carrier": "--"}, "$carrier", "--"),
    ("an unused version stays", "Played", {**IOS, "$app_release": "2", "$app_version": "7"},
     "$app_version", "7"),
    ("build number", "Played", {"$app_build_number": 7}, "$app_build_number", 7),
    ("the country's code", "Played", {"mp_country_code": "DE"}, "mp_country_code", "DE"),
    ("a lone latitude", "Played", {"$latitude": 1.5}, "$latitude", 1.5),
    ("referrer", "Played", {"$referrer": "https://b.example"}, "referrer", "https://b.example"),
    ("it moved", "Played", {"$referrer": "https://b.example"}, "$referrer", MISSING),
    ("a referrer of the customer's", "Played", {"$referrer": "r", "referrer": "own"},
     "mixpanel_referrer", "own"),
    ("referring domain", "Played", {"$referring_domain": "b"}, "referring_domain", "b"),
    ("campaign", "Played", {"utm_source": "x"}, "utm_source", "x"),
    ("a click's id", "Played", {"gclid": "x"}, "gclid", "x"),
    ("search", "Played", {"$search_engine": "google"}, "$search_engine", "google"),
    ("duration", "Played", {"$duration": 2.5}, "$duration", 2.5),
    ("no page elsewhere", "Played", PAGE, "[Amplitude] Page Title", MISSING),
    ("location", "$mp_web_page_view", PAGE, "[Amplitude] Page Location", "https://a.example/p?q=1"),
    ("url", "$mp_web_page_view", PAGE, "[Amplitude] Page URL", "https://a.example/p"),
    ("domain", "$mp_web_page_view", PAGE, "[Amplitude] Page Domain", "a.example"),
    ("path", "$mp_web_page_view", PAGE, "[Amplitude] Page Path", "/p"),
    ("title", "$mp_web_page_view", PAGE, "[Amplitude] Page Title", "P"),
    ("the original stays", "$mp_web_page_view", PAGE, "$current_url", "https://a.example/p?q=1"),
    ("host", "$mp_click", CLICK, "[Amplitude] Page Domain", "a.example"),
    ("pathname", "$mp_click", CLICK, "[Amplitude] Page Path", "/p"),
    ("element", "$mp_click", CLICK, "[Amplitude] Element ID", "buy"),
    ("classes", "$mp_click", CLICK, "[Amplitude] Element Class", "a b"),
    ("tag", "$mp_click", CLICK, "[Amplitude] Element Tag", "button"),
    ("text", "$mp_click", CLICK, "[Amplitude] Element Text", "Buy"),
    ("href", "$mp_click", CLICK, "[Amplitude] Element Href", "/buy"),
    ("height", "$mp_click", CLICK, "[Amplitude] Viewport Height", 600),
    ("width", "$mp_click", CLICK, "[Amplitude] Viewport Width", 800),
    ("no element elsewhere", "$mp_web_page_view", CLICK, "[Amplitude] Element ID", MISSING),
    ("what Amplitude acts on", "Played", {"$revenue": 3}, "mixpanel_revenue", 3),
    ("a price", "Played", {"$price": 3}, "mixpanel_price", 3),
    ("a receipt", "Played", {"$receipt": "r"}, "mixpanel_receipt", "r"),
    ("the insert id", "Played", {}, "mixpanel_insert_id", "i1"),
    ("an unknown column", "Played", {"new_column": "NEW"}, "mixpanel_new_column", "NEW"),
    ("nested lists", "Played", {"$elements": [[1]]}, "$elements", MISSING),
    ("a target", "Played", {"$target": {}}, "$target", MISSING),
    ("first attribution moves", "Played", {"$initial_referrer": "r"}, "$initial_referrer", MISSING),
]  # fmt: skip


@pytest.mark.parametrize(("event", "of", "name", "value"), cases(OWN))
def test_a_property(event: str, of: dict, name: str, value: Any) -> None:
    sent = body(Importing().reads(event, **{**ANN, **of}))
    assert sent["event_properties"].get(name, MISSING) == value


FIRST = ["$initial_referrer", "$initial_referring_domain", "initial_utm_source",
         "initial_utm_medium", "initial_utm_campaign", "initial_utm_content",
         "initial_utm_term"]  # fmt: skip


@pytest.mark.parametrize("name", FIRST)
def test_where_a_person_came_from_at_first_is_of_the_user(name: str) -> None:
    sent = body(Importing().reads(**ANN, **{name: "x"}))
    assert sent["user_properties"] == {name.lstrip("$"): "x"}


def test_super_properties_move_into_the_user_properties() -> None:
    walk = Importing(super_properties=("Plan",))
    sent = body(walk.reads(**ANN, Plan="pro", Song="x"))
    assert sent["user_properties"] == {"Plan": "pro"}
    assert "Plan" not in sent["event_properties"]
    assert sent["event_properties"]["Song"] == "x"


def test_revenue_only_where_it_is_configured() -> None:
    of = {**ANN, "amount": 30.0, "sku": "s1", "cur": "EUR"}
    assert "revenue" not in body(Importing().reads(**of))
    walk = Importing(revenue={"revenue": "amount", "currency": "cur", "productId": "sku"})
    sent = body(walk.reads(**of))
    assert (sent["revenue"], sent["currency"], sent["productId"]) == (30.0, "EUR", "s1")
    assert sent["event_properties"]["amount"] == 30.0
    assert "currency" not in body(walk.reads(**{**of, "cur": "euro"}))
    assert "revenue" not in body(walk.reads(**{**of, "amount": "30"}))


def test_group_keys_name_groups_and_stay() -> None:
    walk = Importing(group_keys={"company_id": "company"})
    sent = body(walk.reads(**ANN, company_id=["acme", 7]))
    assert sent["groups"] == {"company": ["acme", "7"]}
    assert sent["event_properties"]["company_id"] == ["acme", 7]


def test_a_pattern_leaves_properties_out() -> None:
    sent = body(Importing(exclude_properties=("secret_*",)).reads(**ANN, secret_a=1, b=2))
    assert "secret_a" not in sent["event_properties"]
    assert sent["event_properties"]["b"] == 2


def test_a_pattern_leaves_properties_out_whatever_they_would_become() -> None:
    left_out = ("$city", "$os", "$user_id", "initial_utm_source", "plan")
    chosen = {"exclude_properties": left_out, "super_properties": ("plan",)}
    own = {"$city": "Oslo", "$os": "iOS", "initial_utm_source": "ad", "plan": "pro"}
    sent = body(Importing(**chosen).reads(**ANN, **own))
    assert sent.keys().isdisjoint({"city", "os_name", "platform", "user_properties"})
    assert sent["user_id"] == "ann"
    named = Importing(exclude_properties=("amount",), revenue={"revenue": "amount"})
    paid = body(named.reads(**ANN, amount=5))
    assert (paid["revenue"], "amount" in paid.get("event_properties", {})) == (5, False)


def test_a_time_that_cannot_be_gives_way_to_the_receipt() -> None:
    row = a_row(**ANN, time="1971-01-01T00:00:00.000Z", **{"$mp_api_timestamp_ms": AT_MS})
    row["properties"]["time"] = 31_536_000_000
    walked = Importing().reads_row(row)
    assert body(walked)["time"] == AT_MS
    assert body(walked)["event_properties"]["mixpanel_time"] == 31_536_000_000
    assert "clock_fallback" in note_names(walked)
    del row["properties"]["$mp_api_timestamp_ms"]
    with pytest.raises(Unmappable, match="no_time"):
        Importing().walks(row)


def test_a_row_without_a_uuid_has_the_one_that_the_tap_would_give_it() -> None:
    row = a_row(**ANN, uuid=None)
    uuid = row_uuid({"event": row["event"], "properties": row["properties"]})
    assert body(Importing().reads_row(row))["insert_id"] == uuid


def test_an_event_of_a_hot_shard_gets_its_name_and_id_back() -> None:
    sent = body(Importing().reads(
        "$hotshard_events", distinct_id="",
        mp_original_event_name="Ticked", mp_original_distinct_id="bot",
    ))  # fmt: skip
    assert (sent["event_type"], sent["user_id"]) == ("Ticked", "bot")
    assert Importing().reads("$hotshard_record", distinct_id="b").skipped == "hotshard_record"


def test_what_is_never_sent() -> None:
    sent = body(Importing().reads(**ANN))
    assert not {"client_upload_time", "event_id", "ip", "options"} & sent.keys()


def test_an_empty_or_too_long_name_is_a_dead_letter() -> None:
    for name, reason in ((" ", "no_event_name"), ("n" * 1025, "event_name_too_long")):
        with pytest.raises(Unmappable, match=reason):
            Importing().walks(a_row(name, **ANN))


@pytest.mark.parametrize("name", sorted(EVENT_PROPERTIES))
def test_each_documented_property_has_a_row_a_reason_or_stays(name: str) -> None:
    read = {column for row in table.ROWS for column in row.columns}
    assert name in read or leaves(name) or name in table.STAY
    assert not (leaves(name) and name in table.STAY)
    if name in table.STAY:
        walked = Importing().reads("$mp_click", **ANN, **{name: "a value"})
        assert body(walked)["event_properties"][name] == "a value"
    elif leaves(name):
        walked = Importing().reads(**ANN, **{f"{name}": "VALUE"}) if name not in ANN else None
        assert walked is None or name not in body(walked)["event_properties"]
