"""What the Singer SDK asks of a tap, done once: its exit codes, and its writer of messages."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.tap_base import CliTestOptionValue

from singer_delivery.io.retry import Clock
from singer_delivery.progress.status import Process
from singer_delivery.sdk.checking import check_before_run, tell_answers
from singer_delivery.sdk.messages import LineWriter
from singer_delivery.sdk.plugin import CheckedPlugin, ending_in_a_sentence
from singer_delivery.sdk.progress_settings import rhythm_of
from singer_delivery.tap.coverage import DONE
from singer_delivery.tap.errors import AccessRefused, StateUnreadable, TapError
from singer_delivery.tap.progress import TapProgress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    import click
    from singer_sdk.helpers.capabilities import CapabilitiesEnum


class CheckedTap(CheckedPlugin, Tap):
    """Base of a tap that never exits with 0 when it is cut short, and then never cuts a line.

    Attributes:
        clock: the clock of every wait.
        progress: what the run has done by now.
    """

    message_writer_class = LineWriter
    # Not ACTIVATE_VERSION: rows are only ever added.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, *, clock: Clock | None = None, **options: Any) -> None:
        """Read the settings, as `singer_sdk.Tap` does.

        Args:
            clock: the clock of every wait; the machine's by default.
            options: those of `singer_sdk.Tap`.

        Raises:
            ConfigValidationError: Settings are missing or wrong; it has a sentence for each.
        """
        self.clock = clock or Clock()
        self.progress = TapProgress()
        super().__init__(**options)

    @property
    def user_agent(self) -> str:
        """What requests say of themselves."""
        return f"{self.package_name}/{self.plugin_version}"

    def say_progress(self) -> None:
        """Log how far the run is, if there is one. Safe in a signal handler."""
        self.progress.ask()

    def load_state(self, state: dict[str, Any]) -> None:
        """Read the state that the tap goes on from.

        Raises:
            StateUnreadable: it is none of a tap.
        """
        bookmarks = state.get("bookmarks", {}) if isinstance(state, dict) else None
        of_streams = bookmarks.values() if isinstance(bookmarks, dict) else [None]
        if not all(isinstance(each, dict) for each in of_streams):
            msg = (
                "The state cannot be read: `bookmarks` must hold an object for each stream. Give "
                "the last STATE that the target gave back, or none to begin anew."
            )
            raise StateUnreadable(msg)
        super().load_state(state)

    def sync_all(self) -> None:  # type: ignore[misc] # nothing else ends with the run
        """Ask what must be known, read all streams, and say meanwhile how far the run is.

        Raises:
            AccessRefused: an answer is no.
        """
        writer = self.message_writer
        if isinstance(writer, LineWriter):
            self.progress.is_writing = lambda: writer.is_writing
        for bookmark in (self.state.get("bookmarks") or {}).values():
            bookmark.pop(DONE, None)  # of an earlier run: the target would show it as this one's
        process = Process.this(self.name, self.clock.now())
        with self.progress.shown(process, rhythm_of(self.config)):
            check_before_run(self, AccessRefused)
            super().sync_all()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End with 128 + `signum`: after the write under way, at a second signal at once.

        The SDK would exit with 0, and a run that was cut short would look complete.
        """
        del frame
        writer = self.message_writer
        if not isinstance(writer, LineWriter) or writer.signum is not None:
            os._exit(128 + signum)
        writer.stop(signum)

    @classmethod
    def invoke(cls, **options: Any) -> None:
        """Run the command."""
        with _ending_in_a_sentence(cls):
            super().invoke(**options)

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Run `--test`: say what the service answers, then write one record of each stream.

        The answers are on stderr, as stdout is for messages. `--test=schema` is the SDK's.
        """
        with _ending_in_a_sentence(cls):
            if value == CliTestOptionValue.All.value and cls._is_refused(ctx):
                ctx.exit(1)
            super().cb_test(ctx, param, value)

    @classmethod
    def _is_refused(cls, ctx: click.Context) -> bool:
        """Ask, and tell whether an answer is no."""
        given = ctx.params.get("config", _ConfigInput())
        tap = cls(config=given.config, parse_env_config=given.parse_env, validate_config=True)
        return tell_answers(tap, of_runs=True, on_stderr=True) == 1


@contextmanager
def _ending_in_a_sentence(tap: type[CheckedTap]) -> Iterator[None]:
    """Log the error that stops the run as a sentence, without a traceback, and exit with 1."""
    try:
        with ending_in_a_sentence(tap, TapError):
            yield
    except BrokenPipeError:
        tap.logger.error("The reader of this tap's output is gone; its log says why.")  # noqa: TRY400
        raise SystemExit(1) from None
