"""The Singer SDK's own tests for targets, against a Mixpanel that checks what it is sent."""

from __future__ import annotations

import pytest
from singer_sdk.testing import get_target_test_class
from target_mixpanel.target import TargetMixpanel

from tests.fakes.mixpanel import FakeMixpanel
from tests.sdk_streams import STREAMS


@pytest.fixture(scope="module")
def mixpanel():
    with FakeMixpanel() as fake:
        yield fake


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch, mixpanel):
    monkeypatch.chdir(tmp_path)
    CONFIG["base_url"] = mixpanel.url


CONFIG: dict[str, object] = {
    "project_token": "mixpanel-token",
    "streams": STREAMS,
    "max_in_flight": 2,
}

Standard = get_target_test_class(TargetMixpanel, config=CONFIG)


class TestTargetMixpanel(Standard):
    """Every test of the SDK's suite."""
