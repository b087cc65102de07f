"""Amplitude's export to another project of Amplitude, for the suite over all pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from singer_delivery.model import Event
from target_amplitude import amplitude
from target_amplitude.from_amplitude import FromAmplitude, table
from target_amplitude.from_columns import from_columns

from tests.analytics_records.columns import COLUMNS
from tests.pairs.pair import PairUnderTest
from tests.target_amplitude.loading import assert_amplitude_takes, settings
from tools import amplitude_page


def takes(event: Event, _chosen: Any) -> None:
    assert_amplitude_takes(event)


def properties_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = body.get("event_properties", {})
    return found


def person_of(body: Mapping[str, Any]) -> str:
    found: str = body.get("user_id") or body["device_id"]
    return found


PAIR = PairUnderTest(
    name="amplitude to amplitude",
    settings=settings,
    choices=st.builds(
        settings,
        user_properties=st.sampled_from(["set", "set_once", "none"]),
        user_properties_on_events=st.booleans(),
        skip_user_properties_sync=st.booleans(),
        user_created_event=st.sampled_from([None, "", "User Created"]),
        super_properties=st.sampled_from([(), ("a", "abc")]),
        exclude_properties=st.sampled_from([(), ("b*",)]),
        group_keys=st.sampled_from([{}, {"firm": "company", "a": "company"}]),
        revenue=st.sampled_from([{}, {"revenue": "a", "currency": "b"}]),
        groups=st.booleans(),
        send_ip=st.booleans(),
        send_advertising_ids=st.booleans(),
        events_without_id=st.sampled_from(["dead_letter", "skip", "own_device"]),
        reused_insert_ids=st.sampled_from(["keep", "skip"]),
        exclude_events=st.sampled_from([(), ("Play*",)]),
    ),
    make=FromAmplitude,
    from_columns=lambda form: from_columns("orders", form, {}, ["uuid"], settings()),
    table=table,
    page=amplitude_page,
    columns=COLUMNS,
    keys=sorted({
        *amplitude.GUARDED_KEYS - table.RECEIPTS, "amplitude_price", "amplitude_event_name",
        "amplitude_amplitude_price", "referrer", "firm", "[Amplitude] Page URL", "initial_gclid",
    }),
    takes=takes,
    revealing={},
    hidden={"ip_address": "203.0.113.9"},
    kept=({"send_ip": False}, {"send_ip": False, "skip_user_properties_sync": False}),
    properties_of=properties_of,
    silent=frozenset({
        "amplitude_id", "client_event_time", "server_received_time", "server_upload_time",
        "ip_address", "location_lat", "location_lng", "uuid", "group_properties",
    }),
    is_copy=True,
    person_of=person_of,
)  # fmt: skip
