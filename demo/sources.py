"""The sources of the demonstration: taps, the stand-ins they read, and the settings for it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from demo import bundle, mixpanel_bundle
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.mixpanel_export import FakeMixpanelExport
from tests.mixpanel_people.export import DATA_GROUPS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.http.server import FakeServer


class Source(Protocol):
    """A tap, and the stand-in that it reads a bundled export from.

    Attributes:
        service: whose stand-in it is.
        tap: the plugin's name in meltano.yml.
    """

    service: str
    tap: str

    @property
    def stand_in(self) -> FakeServer:
        """Listens while it is entered."""

    def settings(self, files: Path) -> dict[str, str]:
        """Return the tap's settings that ask the stand-in for all of the export and nothing else.

        They are environment variables; `files` is a folder for what the tap leaves.
        """


class AmplitudeExport:
    """A `Source`: Amplitude's Export API."""

    service = "Amplitude"
    tap = "tap-amplitude"

    def __init__(self) -> None:
        self._hours = bundle.read(bundle.BUNDLE)
        self.stand_in = FakeAmplitude(self._hours)

    def settings(self, files: Path) -> dict[str, str]:
        """Return where the stand-in is, its keys, and the hours of the bundle."""
        return {
            "TAP_AMPLITUDE_BASE_URL": self.stand_in.url,
            "TAP_AMPLITUDE_API_KEY": self.stand_in.api_key,
            "TAP_AMPLITUDE_SECRET_KEY": self.stand_in.secret_key,
            "TAP_AMPLITUDE_START_DATE": min(self._hours).isoformat(),
            "TAP_AMPLITUDE_END_DATE": (max(self._hours) + timedelta(hours=1)).isoformat(),
            "TAP_AMPLITUDE_SPOOL_DIR": str(files / "spool"),
        }


class MixpanelExport:
    """A `Source`: a Mixpanel project's raw export and its profiles."""

    service = "Mixpanel"
    tap = "tap-mixpanel"

    def __init__(self) -> None:
        sample = mixpanel_bundle.read(mixpanel_bundle.BUNDLE)
        self._days = sample.days
        self.stand_in = FakeMixpanelExport(profiles=sample.profiles, group_profiles=sample.groups)
        for day, lines in sample.days.items():
            self.stand_in.publish_lines(day, lines)

    def settings(self, files: Path) -> dict[str, str]:
        """Return where the stand-in is, its service account, and the days of the bundle."""
        access = self.stand_in.access
        return {
            "TAP_MIXPANEL_BASE_URL": self.stand_in.url,
            "TAP_MIXPANEL_QUERY_BASE_URL": self.stand_in.url,
            "TAP_MIXPANEL_PROJECT_ID": str(access.project_id),
            "TAP_MIXPANEL_SERVICE_ACCOUNT_USERNAME": access.username,
            "TAP_MIXPANEL_SERVICE_ACCOUNT_SECRET": access.secret,
            "TAP_MIXPANEL_START_DATE": f"{min(self._days)}",
            "TAP_MIXPANEL_END_DATE": f"{max(self._days) + timedelta(days=1)}",
            "TAP_MIXPANEL_DATA_GROUP_IDS": json.dumps(DATA_GROUPS),
            "TAP_MIXPANEL_SPOOL_DIR": str(files / "spool"),
        }
