"""Amplitude's export to Mixpanel, for the suite over all pairs."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from singer_delivery.model import Event
from target_mixpanel import mixpanel
from target_mixpanel.from_amplitude import FromAmplitude, table
from target_mixpanel.from_columns import from_columns

from tests.analytics_records.columns import COLUMNS
from tests.pairs.pair import PairUnderTest
from tests.target_mixpanel.importing import assert_mixpanel_takes, settings, years_later
from tools import mixpanel_page


def takes(event: Event, chosen: Any) -> None:
    assert_mixpanel_takes(event, chosen.identity_merge)


PAIR = PairUnderTest(
    name="amplitude to mixpanel",
    settings=settings,
    choices=st.builds(
        settings,
        identity_merge=st.sampled_from(["simplified", "original"]),
        user_properties_on_events=st.booleans(),
        profiles=st.booleans(),
        groups=st.booleans(),
        group_keys=st.sampled_from([{}, {"firm": "company", "a": "company"}]),
        geolocate_ip=st.booleans(),
        skip_expired=st.booleans(),
        now=st.sampled_from([years_later(1, 0), years_later(3, 0)]),
        exclude_events=st.sampled_from([(), ("Play*",)]),
    ),
    make=FromAmplitude,
    from_columns=lambda form: from_columns("orders", form, {}, ["uuid"], settings()),
    table=table,
    page=mixpanel_page,
    columns=COLUMNS,
    keys=sorted({
        *FromAmplitude(settings()).destination._events.taken, *mixpanel.GUARDED_PROFILE_KEYS,
        "amplitude_ip", "firm", "amplitude_time", "amplitude_amplitude_ip", "user.plan",
        "referrer", "amplitude_overflow", "[Amplitude] Page URL", "email", "initial_gclid",
    }),
    takes=takes,
    revealing={"geolocate_ip": True},
    hidden={"ip_address": "203.0.113.9"},
    kept=({"identity_merge": "simplified"}, {"identity_merge": "original"}),
)  # fmt: skip
