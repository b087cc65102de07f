"""The tap: its settings and its stream."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar

from singer_delivery.sdk.tap import CheckedTap

from tap_amplitude.questions import questions
from tap_amplitude.settings import CONFIG_SCHEMA, Settings, problems
from tap_amplitude.streams import EventsStream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_delivery.io.retry import Clock
    from singer_delivery.proof.counting import SourceCounter
    from singer_delivery.proof.questions import Question
    from singer_sdk import Stream


class TapAmplitude(CheckedTap):
    """Reads the event history of an Amplitude project, from the Export API or exported files.

    Rows pass exactly as Amplitude wrote them, in constant memory. The bookmark moves with each
    finished window of hours: a run that stops at any moment is simply started again.
    """

    name = "tap-amplitude"
    package_name = "tap-amplitude-export"
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG_SCHEMA

    def discover_streams(self) -> Sequence[Stream]:
        """Return the one stream."""
        return [EventsStream(self)]

    def source_counter(
        self, clock: Clock, tell: Callable[[str], None], zone: str | None
    ) -> SourceCounter:
        """Return what asks the project's charts; `zone` is the project's time zone.

        Raises:
            CannotAsk: the settings hold no keys, or the zone is none.
        """
        from tap_amplitude.counting import counter_of  # noqa: PLC0415 - no run needs it

        return counter_of(self.config, self.user_agent, clock, tell, zone)

    def questions(self) -> Sequence[Question]:
        """Return what can be asked of Amplitude before a run; nothing where files are read."""
        settings = Settings.of_config(self.config)
        return [] if settings.archive_path else questions(settings.account)

    def config_errors(self) -> list[str]:
        """Return a sentence for each problem that a JSON schema cannot express."""
        return problems(self._config, datetime.fromtimestamp(self.clock.now(), timezone.utc))


if __name__ == "__main__":
    TapAmplitude.cli()
