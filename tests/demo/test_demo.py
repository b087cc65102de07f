"""The demonstration reaches the stand-ins only, with its own settings, files and hours."""

from __future__ import annotations

import pytest

from demo import bundle, pipeline, posthog
from demo.sources import AmplitudeExport
from tests.destinations import DESTINATIONS
from tests.fakes.company import Company
from tools import definitions


def test_the_settings_of_somebody_else_never_reach_the_demonstration(monkeypatch, tmp_path):
    monkeypatch.setenv("TARGET_POSTHOG_API_KEY", "phc_of_a_real_project")
    monkeypatch.setenv("TARGET_POSTHOG_EXCLUDE_EVENTS", '["*"]')
    monkeypatch.setenv("TARGET_MIXPANEL_SKIP_EXPIRED", "true")
    ours = posthog.PostHog()
    with ours.stand_in:
        found = pipeline.environment(ours.settings(), tmp_path)
    assert found["TARGET_POSTHOG_HOST"] == ours.stand_in.url
    assert found["TARGET_POSTHOG_API_KEY"] == "phc_demo_stand_in"
    assert "TARGET_POSTHOG_EXCLUDE_EVENTS" not in found
    assert "TARGET_MIXPANEL_SKIP_EXPIRED" not in found


@pytest.mark.parametrize("target", [each.target for each in DESTINATIONS])
def test_the_files_of_a_run_lie_in_its_own_folder(target, tmp_path):
    found = pipeline.file_settings(target, tmp_path)
    assert all(str(tmp_path) in path for path in found.values())
    declared = definitions.properties(target).keys()
    prefix = target.replace("-", "_").upper()
    assert {name.removeprefix(f"{prefix}_").lower() for name in found} <= declared


def test_the_demonstration_asks_for_all_hours_of_the_bundle_and_no_other(tmp_path):
    source = AmplitudeExport()
    with source.stand_in as amplitude:
        found = source.settings(tmp_path)
        assert found["TAP_AMPLITUDE_BASE_URL"] == amplitude.url
    assert found["TAP_AMPLITUDE_START_DATE"] == "2024-03-01T00:00:00+00:00"
    assert found["TAP_AMPLITUDE_END_DATE"] == "2024-03-04T00:00:00+00:00"


@pytest.mark.parametrize(
    ("member", "hour"),
    [
        ("187520/187520_2024-03-01_9#1.json.gz", "2024-03-01T09"),
        ("187520/187520_2024-03-01_17#627.json.gz", "2024-03-01T17"),
    ],
)
def test_the_hour_is_read_from_the_name_of_a_member(member, hour):
    assert f"{bundle.hour_of(member):%Y-%m-%dT%H}" == hour


def test_a_member_of_another_name_is_no_export():
    with pytest.raises(ValueError, match=r"readme\.txt is not named as the members"):
        bundle.hour_of("readme.txt")


def test_a_bundle_is_read_as_it_was_written(tmp_path):
    hours = Company(events=700, hours=5).hours()
    bundle.write(tmp_path / "export.zip", hours)
    assert bundle.read(tmp_path / "export.zip") == hours
