"""The Singer SDK's own tests for targets, against services that check what they are sent."""

from __future__ import annotations

from typing import Any

import pytest
from singer_sdk.testing import get_target_test_class

from tests.destinations import DESTINATIONS, Destination
from tests.targets.sdk_streams import STREAMS


def standard_tests(destination: Destination) -> type[Any]:
    """Return every test of the SDK's suite for a target."""
    config: dict[str, Any] = {**destination.unkeyed, "streams": STREAMS, "max_in_flight": 2}

    class Tests(get_target_test_class(destination.plugin, config=config)):  # type: ignore[misc]
        @pytest.fixture(scope="class", autouse=True)
        @classmethod
        def service(cls):
            with destination.open() as fake:
                config.update(destination.settings(fake))
                yield fake

        test_target_record_missing_key_property = None
        """It wants the run to end there. Here one bad record is a dead letter, and ends none."""

        @pytest.fixture(autouse=True)
        def _in_a_folder_of_its_own(self, tmp_path, monkeypatch):
            monkeypatch.chdir(tmp_path)

    return Tests


for each in DESTINATIONS:
    globals()[f"Test{each.plugin.__name__}"] = standard_tests(each)
