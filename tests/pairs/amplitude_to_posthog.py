"""Amplitude's export to PostHog, for the suite over all pairs."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import strategies as st
from singer_delivery.model import Event
from target_posthog import posthog
from target_posthog.from_amplitude import FromAmplitude, table
from target_posthog.from_columns import from_columns
from target_posthog.settings import MappingSettings

from tests.analytics_records.columns import COLUMNS
from tests.pairs.pair import PairUnderTest
from tools import posthog_page


def takes(event: Event, _chosen: Any) -> None:
    body = event.body
    assert body["event"].strip()
    assert len(body["event"]) <= 200
    assert body["distinct_id"].strip()
    assert len(body["distinct_id"].encode()) <= 200
    assert str(uuid.UUID(body["uuid"])) == body["uuid"]
    assert body["properties"]["$geoip_disable"] is True


PAIR = PairUnderTest(
    name="amplitude to posthog",
    settings=MappingSettings,
    choices=st.builds(
        MappingSettings,
        link_identities=st.sampled_from(["alias", "identify", "none"]),
        person_properties=st.sampled_from(["set", "set_once", "none"]),
        person_profiles=st.sampled_from(["always", "identified_only"]),
        group_types=st.sampled_from([None, (), ("firm",)]),
        exclude_events=st.sampled_from([(), ("Play*",)]),
    ),
    make=FromAmplitude,
    from_columns=lambda form: from_columns("orders", form, {}, ["uuid"], MappingSettings()),
    table=table,
    page=posthog_page,
    columns=COLUMNS,
    keys=sorted({
        *posthog.GUARDED_KEYS, *FromAmplitude(MappingSettings()).table.written, "amplitude_ip",
        "amplitude_title", "amplitude_amplitude_ip", "[Amplitude] Element Hierarchy", "$revenue",
        "[Amplitude] Element Attributes", "$price", "$quantity", "$currency", "$set",
    }),
    takes=takes,
)  # fmt: skip
