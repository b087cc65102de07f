"""The SDK's own tests of a tap."""

from __future__ import annotations

import tempfile
from datetime import datetime, timezone

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class
from tap_mixpanel.tap import TapMixpanel

from tests.fakes.mixpanel_export import Profile
from tests.tap_mixpanel.running import SECRET, USERNAME, at, fake, row

VERBS = [
    row(
        at(1, hour), hour, "$identify", **{"$identified_id": f"user-{hour}", "$anon_id": f"a{hour}"}
    )
    for hour in range(3)
]
LIVE = [row(at(1) + n * 60_000, n, **{"$device_id": f"phone-{n % 5}"}) for n in range(300)]
PEOPLE = [Profile(f"person-{n}", {"$name": f"P {n}"}) for n in range(20)]
GROUPS = {"42": [Profile("acme", {"plan": "pro"})]}
MIXPANEL = fake(
    [*VERBS, *LIVE],
    now=datetime.now(timezone.utc),
    profiles=PEOPLE,
    group_profiles=GROUPS,
)
with MIXPANEL:
    URL = MIXPANEL.url  # the port stays the same when the server starts again
SPOOL = tempfile.TemporaryDirectory()  # the suite wants its settings before any fixture
CONFIG = {
    "service_account_username": USERNAME,
    "service_account_secret": SECRET,
    "project_id": "2195193",
    "base_url": URL,
    "query_base_url": URL,
    "start_date": "2024-01-01",
    "end_date": "2024-01-03",
    "identities_start_date": "2024-01-01",
    "data_group_ids": {"company": "42"},
    "identity_merge": "original",
    "time_frame": "utc",
    "spool_dir": SPOOL.name,
    "max_requests_per_hour": 60,
}


@pytest.fixture(scope="module", autouse=True)
def mixpanel():
    with MIXPANEL, SPOOL:
        yield


class TestTapMixpanel(
    get_tap_test_class(TapMixpanel, config=CONFIG, suite_config=SuiteConfig(max_records_limit=100))
):
    """Stops within a day."""


class TestTapMixpanelToTheEnd(
    get_tap_test_class(
        TapMixpanel, config=CONFIG, suite_config=SuiteConfig(max_records_limit=1_000)
    )
):
    """Reads everything."""
