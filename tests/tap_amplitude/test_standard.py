"""The SDK's own tests of a tap."""

from __future__ import annotations

import tempfile

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class
from tap_amplitude.tap import TapAmplitude

from tests.fakes.amplitude import FakeAmplitude
from tests.tap_amplitude.running import HOUR, MONDAY, row

# A value in every column of a kind that the SDK has a test for.
FULL = {
    "$schema": 13,
    "amplitude_id": 12345678901,
    "app": 187520,
    "groups": {"organisation": ["acme"]},
    "is_attribution_event": False,
    "location_lat": 52.5,
    "location_lng": 13.4,
    "paying": True,
    "sample_rate": 1.0,
    "session_id": 1704067200000,
    "user_properties": {"plan": "free"},
} | dict.fromkeys(
    (
        "client_event_time",
        "client_upload_time",
        "event_time",
        "processed_time",
        "server_received_time",
        "user_creation_time",
    ),
    "2024-01-01 10:00:00.000000",
)
COUNTS = {MONDAY: 20, MONDAY + HOUR: 30, MONDAY + 2 * HOUR: 40}
AMPLITUDE = FakeAmplitude(
    {hour: [row(hour, n, **FULL) for n in range(count)] for hour, count in COUNTS.items()}
)
with AMPLITUDE:
    URL = AMPLITUDE.url  # the port stays the same when the server starts again
SPOOL = tempfile.TemporaryDirectory()  # the suite wants its settings before any fixture
CONFIG = {
    "api_key": AMPLITUDE.api_key,
    "secret_key": AMPLITUDE.secret_key,
    "base_url": URL,
    "start_date": "2024-01-01",
    "end_date": "2024-01-02",
    "spool_dir": SPOOL.name,
}


@pytest.fixture(scope="module", autouse=True)
def amplitude():
    with AMPLITUDE, SPOOL:
        yield


class TestTapAmplitude(
    get_tap_test_class(TapAmplitude, config=CONFIG, suite_config=SuiteConfig(max_records_limit=50))
):
    """Stops within the second hour."""


class TestTapAmplitudeToTheEnd(
    get_tap_test_class(TapAmplitude, config=CONFIG, suite_config=SuiteConfig(max_records_limit=500))
):
    """Reads everything."""
