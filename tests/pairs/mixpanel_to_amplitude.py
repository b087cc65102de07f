"""A Mixpanel project to Amplitude, for the suite over all pairs from Mixpanel."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from singer_delivery.model import Event
from target_amplitude import amplitude
from target_amplitude.from_mixpanel import (
    FromMixpanel,
    GroupProfilesFromMixpanel,
    ProfilesFromMixpanel,
    leaves,
    table,
)

from tests.pairs.any_row import RowsUnderTest
from tests.target_amplitude.from_mixpanel.importing import assert_amplitude_takes, settings
from tools import amplitude_from_mixpanel_page


def takes(event: Event, _chosen: Any) -> None:
    assert_amplitude_takes(event)


PAIR = RowsUnderTest(
    name="mixpanel to amplitude",
    settings=settings,
    choices=st.builds(
        settings,
        user_properties=st.sampled_from(["set", "set_once", "none"]),
        user_properties_on_events=st.booleans(),
        skip_user_properties_sync=st.booleans(),
        user_created_event=st.sampled_from([None, "", "Signed Up"]),
        transaction_event=st.sampled_from(["", "Paid"]),
        super_properties=st.sampled_from([(), ("a", "$os")]),
        exclude_properties=st.sampled_from([(), ("b*",)]),
        group_keys=st.sampled_from([{}, {"company": "firm", "a": "team"}]),
        revenue=st.sampled_from([{}, {"revenue": "a", "currency": "b"}]),
        groups=st.booleans(),
        bare_distinct_ids=st.sampled_from(["auto", "user", "device"]),
        events_without_id=st.sampled_from(["dead_letter", "skip", "own_device"]),
        exclude_events=st.sampled_from([(), ("Play*",)]),
    ),
    make=(FromMixpanel, ProfilesFromMixpanel, GroupProfilesFromMixpanel),
    table=table,
    page=amplitude_from_mixpanel_page,
    keys=sorted({
        *amplitude.GUARDED_KEYS, *table.MOVING, *table.STAY, "referrer", "mixpanel_price", "a", "b",
        "company", "[Amplitude] Page URL", "mixpanel_mixpanel_price", "mixpanel_user_id",
    }),
    leaves=leaves,
    takes=takes,
    remembers=frozenset({"owner"}),
)  # fmt: skip
