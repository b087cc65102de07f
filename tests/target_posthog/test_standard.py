"""The Singer SDK's own tests for targets, against a PostHog that checks what it is sent."""

from __future__ import annotations

import pytest
from singer_sdk.testing import get_target_test_class
from target_posthog.target import TargetPostHog

from tests.fakes.posthog import FakePostHog
from tests.sdk_streams import STREAMS


@pytest.fixture(scope="module")
def posthog():
    with FakePostHog() as fake:
        yield fake


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch, posthog):
    monkeypatch.chdir(tmp_path)
    CONFIG["host"] = posthog.url


CONFIG: dict[str, object] = {"api_key": "phc_standard", "streams": STREAMS, "max_in_flight": 2}

Standard = get_target_test_class(TargetPostHog, config=CONFIG)


class TestTargetPostHog(Standard):
    """Every test of the SDK's suite."""
