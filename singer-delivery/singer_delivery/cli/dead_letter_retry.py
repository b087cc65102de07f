"""Sends dead letters again, through the target itself, and loses none of them.

    the letters → the target's input, with a STATE message after some hundred of them
    STATE given back → everything before it is delivered, or dead in the file beside
    at the end → the file is replaced by what is left of it and what died again

Until it is replaced the file holds every letter. The file of those that died again is read by the
next retry, if this one is killed; sending a letter twice is harmless.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import click

from singer_delivery.cli.dead_letter_choice import Chosen
from singer_delivery.cli.dead_letter_lines import Letter, opened, read_lines
from singer_delivery.cli.dead_letter_merge import NOTHING, Decided, Merged, again_beside, merge
from singer_delivery.cli.dead_letter_sending import Sent
from singer_delivery.cli.plugins import ENV, command_of, plugin_of
from singer_delivery.errors import SettingsError, StorageError

PATIENCE = 1.0
"""Seconds between two looks at a file that another run writes to."""


@dataclass
class Retry:
    """One retry of the chosen letters of a file.

    Attributes:
        path: of the dead letter file.
        chosen: letters.
        command: that runs the target, without its options.
        config: files of settings, or ENV.
        prefix: of the target's settings in the environment.
    """

    path: Path
    chosen: Chosen
    command: Sequence[str]
    config: Sequence[str]
    prefix: str
    _child: subprocess.Popen[bytes] | None = None
    _signal: int = 0

    @classmethod
    def of(
        cls, target: str | None, config: Sequence[str], path: Path | None, chosen: Chosen
    ) -> Retry:
        """Return the retry of a target with these settings.

        Args:
            target: its name; None for the only one that is installed.
            config: files of settings, or ENV.
            path: of the dead letter file; None for the one of the settings.
            chosen: letters.

        Raises:
            SettingsError: a setting is missing or wrong, or asks for a dry run.
        """
        plugin = plugin_of("target", target, config)
        if plugin.config.get("dry_run"):
            msg = "`dry_run` is on, so nothing would be delivered: set it to false and retry."
            raise SettingsError(msg)
        file = Path(plugin.config["dead_letter_path"]) if path is None else path
        prefix = f"{plugin.name.upper().replace('-', '_')}_"
        return cls(file.resolve(), chosen, command_of(plugin.name), config, prefix)

    def run(self) -> int:
        """Send the letters, and return the exit code: 0 when the target took all it was given.

        Raises:
            SettingsError: there is no such file.
            StorageError: the files cannot be written.
        """
        if again_beside(self.path).exists():
            self._say("An earlier retry was cut off. What died again in it is put back first.")
            self.path.touch(mode=0o600)
            self._merge(NOTHING)
        if not self._has_letters():
            self._say(f"There are no letters to send in {self.path}.")
            return 0
        sent = Sent()
        with self._stopping(), tempfile.TemporaryDirectory() as folder:
            code = self._send(sent, Path(folder))
            merged = self._merge(self._decided(sent))
        if merged is None:
            self._say(
                f"{self.path} stays as it is: what was sent is still in it, and the next retry "
                "puts back what died again."
            )
            return 128 + self._signal
        for sentence in self.sentences(sent, merged, code):
            self._say(sentence)
        return 128 + self._signal if self._signal else int(code != 0)

    def sentences(self, sent: Sent, merged: Merged, code: int) -> Iterator[str]:
        """Yield what happened, for people."""
        died = merged.died.total()
        yield (
            f"Sent {_letters(sent.letters)}: {merged.removed:,} delivered, or left out by a rule "
            f"of the settings; {died:,} died again{_by_reason(merged.died)}."
        )
        open_ = sent.letters - merged.removed - died
        if open_ > 0:
            yield f"{_letters(open_)} were not decided, and stay: retry again."
        if merged.was_changed:
            yield f"{self.path} was changed meanwhile, so no letter was taken out of it."
        if merged.added:
            yield f"{_letters(merged.added)} came besides, of updates or events that had waited."
        if sent.left_out:
            yield f"{_letters(sent.left_out)} were not sent: not chosen, or no records at all."
        if merged.damaged:
            yield f"{merged.damaged:,} damaged lines stay as they are."
        if code and not self._signal:
            yield f"The target ended with exit code {code}: its own words stand above."
        left = f"{self.path} holds {_letters(merged.left)} now."
        yield left if self.path.exists() else f"No letter is left: {self.path} is removed."

    def _send(self, sent: Sent, folder: Path) -> int:
        """Let the target read the letters; return its exit code."""
        command = [*self.command, *self._options(folder)]
        environment = {**os.environ, **self._overrides("environment")}
        # In a session of its own: Ctrl-C reaches it once, through this process.
        child = self._child = subprocess.Popen(  # noqa: S603 - the plugin's own command
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        listener = threading.Thread(target=sent.listen, args=(child.stdout,), daemon=True)
        listener.start()
        # Without a reader the target has ended, and says why.
        with suppress(BrokenPipeError), opened(self.path) as file:
            sent.write(file, child.stdin, self._is_sent, lambda: bool(self._signal))
        with suppress(BrokenPipeError):
            child.stdin.close()
        code = child.wait()
        listener.join()
        return code

    def _has_letters(self) -> bool:
        with opened(self.path) as file:
            return any(
                isinstance(line, Letter) and self._is_sent(line) for line in read_lines(file)
            )

    def _is_sent(self, letter: Letter) -> bool:
        return self.chosen.has(letter) and letter.why.message is None

    def _decided(self, sent: Sent) -> Decided:
        if not sent.decided:
            return NOTHING
        return Decided(sent.decided, sent.digests[sent.decided], self._is_sent)

    def _merge(self, decided: Decided) -> Merged | None:
        """Return what merging did, None where a signal ended the waiting for another run."""
        merged = self._merged(decided)
        if merged is None:
            self._say(f"Another run writes to {self.path}: waiting until it ends.")
        while merged is None and not self._signal:
            time.sleep(PATIENCE)
            merged = self._merged(decided)
        return merged

    def _merged(self, decided: Decided) -> Merged | None:
        """Return what merging did, None while another run writes to the file."""
        try:
            return merge(self.path, decided)
        except BlockingIOError:
            return None
        except OSError as error:
            msg = (
                f"{self.path} could not be replaced ({error.strerror}). No letter is lost: those "
                f"that died again are in {again_beside(self.path)}. Make room, and retry."
            )
            raise StorageError(msg) from error

    def _options(self, folder: Path) -> list[str]:
        """Return the target's options: the user's settings, and the few that a retry changes."""
        changed = folder / "retry.json"
        changed.write_text(json.dumps(self._overrides("file")), encoding="utf-8")
        files = [*self.config, str(changed)]
        return [word for each in files for word in ("--config", each)]

    def _overrides(self, where: str) -> dict[str, str]:
        # However many die again: none of them is lost, and all the others should have their turn.
        changed = {
            "dead_letter_path": str(again_beside(self.path)),
            "max_dead_letters": "100%",
        }
        if where == "file":
            return changed
        if ENV not in self.config:
            return {}
        return {f"{self.prefix}{name.upper()}": value for name, value in changed.items()}

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Pass a signal on to the target, which finishes what is in flight, and merge then."""

        def stop(number: int, _frame: FrameType | None) -> None:
            self._signal = number
            if self._child is not None and self._child.poll() is None:
                self._child.send_signal(number)

        before: Mapping[int, Any] = {
            number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @staticmethod
    def _say(sentence: str) -> None:
        click.echo(sentence, err=True)


def _letters(count: int) -> str:
    return "1 letter" if count == 1 else f"{count:,} letters"


def _by_reason(reasons: Mapping[str, int]) -> str:
    named = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
    return f" ({named})" if named else ""
