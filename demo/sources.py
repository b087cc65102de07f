"""The sources of the demonstration: taps, the stand-ins they read, and the settings for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from demo import bundle
from tests.fakes.amplitude import FakeAmplitude

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
