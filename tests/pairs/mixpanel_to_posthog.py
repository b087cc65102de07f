"""A Mixpanel project to PostHog, for the suite over all pairs from Mixpanel."""

from __future__ import annotations

from hypothesis import strategies as st
from target_posthog import posthog
from target_posthog.from_mixpanel import (
    FromMixpanel,
    GroupProfilesFromMixpanel,
    ProfilesFromMixpanel,
    table,
)
from target_posthog.settings import MappingSettings

from tests.pairs.amplitude_to_posthog import takes
from tests.pairs.any_row import RowsUnderTest
from tools import posthog_from_mixpanel_page

ENVELOPE = {"time", "distinct_id", "$user_id", "$device_id", "$insert_id"}


def leaves(name: str) -> bool:
    """Tell whether a property does not travel, or is one of those that the rows have."""
    known = {*table.DROPPED, *ENVELOPE, "$distinct_id_before_identity", "$preshuffle_distinct_id"}
    return name in known or name.startswith(("$mp_api_", "$warehouse_"))


PAIR = RowsUnderTest(
    name="mixpanel to posthog",
    settings=MappingSettings,
    choices=st.builds(
        MappingSettings,
        link_identities=st.sampled_from(["alias", "identify", "none"]),
        person_properties=st.sampled_from(["set", "set_once", "none"]),
        person_profiles=st.sampled_from(["always", "identified_only"]),
        group_types=st.sampled_from([None, (), ("firm",)]),
        exclude_properties=st.sampled_from([(), ("b*",)]),
        group_keys=st.sampled_from([{}, {"company": "firm", "a": "team"}]),
        revenue=st.sampled_from([{}, {"revenue": "a", "currency": "b"}]),
        bare_distinct_ids=st.sampled_from(["auto", "user", "device"]),
        exclude_events=st.sampled_from([(), ("Play*",)]),
    ),
    make=(FromMixpanel, ProfilesFromMixpanel, GroupProfilesFromMixpanel),
    table=table,
    page=posthog_from_mixpanel_page,
    keys=sorted({
        *posthog.GUARDED_KEYS, *FromMixpanel(MappingSettings()).table.written, *table.SAME,
        *(name for name in table.COLUMNS if not name.startswith("row.")), "mixpanel_ip", "a", "b",
        "mixpanel_title", "mixpanel_mixpanel_ip", "company", "current_domain", "current_url_path",
        "initial_utm_source", "row.event", "row.uuid",
    }),
    leaves=leaves,
    takes=takes,
    remembers=frozenset({"cluster", "cluster_ids", "cluster_user"}),
)  # fmt: skip
