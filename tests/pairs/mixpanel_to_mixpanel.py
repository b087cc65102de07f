"""A Mixpanel project to another one, for the suite over all pairs from Mixpanel."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from singer_delivery.model import Event
from target_mixpanel import mixpanel
from target_mixpanel.from_mixpanel import (
    FromMixpanel,
    GroupProfilesFromMixpanel,
    ProfilesFromMixpanel,
    table,
)
from target_mixpanel.from_mixpanel.properties import ENVELOPE, is_dropped

from tests.fakes.mixpanel.events import Invalid, merged_ids
from tests.pairs.any_row import RowsUnderTest
from tests.target_mixpanel.importing import assert_mixpanel_takes, settings, years_later
from tools import mixpanel_copy_page

VERBS = ("$identify", "$create_alias", "$merge")


def takes(event: Event, chosen: Any) -> None:
    """Ask Mixpanel's rules; it may refuse an identity event that is sent as it is."""
    if event.name in VERBS and chosen.identity_merge == "original":
        try:
            merged_ids(event.body)
        except Invalid:
            return
    assert_mixpanel_takes(event, chosen.identity_merge)


PAIR = RowsUnderTest(
    name="mixpanel to mixpanel",
    settings=settings,
    choices=st.builds(
        settings,
        identity_merge=st.sampled_from(["simplified", "original"]),
        bare_distinct_ids=st.sampled_from(["auto", "user", "device"]),
        profiles=st.booleans(),
        groups=st.booleans(),
        group_keys=st.sampled_from([{}, {"company": "firm"}]),
        skip_expired=st.booleans(),
        now=st.sampled_from([years_later(1, 0), years_later(3, 0)]),
        exclude_events=st.sampled_from([(), ("Play*",)]),
    ),
    make=(FromMixpanel, ProfilesFromMixpanel, GroupProfilesFromMixpanel),
    table=table,
    page=mixpanel_copy_page,
    keys=sorted({
        *mixpanel.GUARDED_KEYS, *table.SET_ASIDE, "mixpanel_token", "mixpanel_user_id", "a",
        "mixpanel_overflow", "$lib_version",
    }),
    leaves=lambda name: is_dropped(name) or name in ENVELOPE,
    takes=takes,
    is_copy=True,
)  # fmt: skip
