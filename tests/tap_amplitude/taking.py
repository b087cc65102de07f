"""A stand-in for a target that takes whole files: reads their bytes, and deletes them."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from tests.tap_amplitude.running import Recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.tap_amplitude.running import Sandbox


def batch_config(root: Path, **encoding: str) -> dict[str, Any]:
    """The setting, for files that pass through `root`."""
    return {
        "encoding": {"format": "jsonl", "compression": "gzip", **encoding},
        "storage": {"root": root.as_uri()},
    }


def paths_of(message: dict[str, Any]) -> list[Path]:
    """The files that a BATCH message tells of."""
    assert all(url.startswith("file:///") for url in message["manifest"])
    return [Path(url2pathname(urlsplit(url).path)) for url in message["manifest"]]


@dataclass
class Taken:
    """What the tap wrote, and the files it handed over, in order."""

    lines: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)

    @property
    def output(self) -> Recorded:
        return Recorded("".join(self.lines))

    @property
    def compressions(self) -> list[str]:
        return [message["encoding"]["compression"] for message in self.output.of_type("BATCH")]

    @property
    def moves(self) -> list[tuple[int, dict[str, Any]]]:
        """Each new bookmark, and how many files came before it.

        A slow taker may be given a STATE that says nothing new; it is not among them.
        """
        files, found = 0, [(0, {})]
        for message in self.output.messages:
            files += len(message.get("manifest", ()))
            bookmark = message.get("value", {}).get("bookmarks", {}).get("events")
            if bookmark and bookmark != found[-1][1]:
                found.append((files, bookmark))
        return found[1:]

    def take(self, lines: Iterable[str], look: Callable[[Path], object] = lambda _: None) -> None:
        """Read messages to their end; let `look` see each file before it is deleted."""
        for line in lines:
            self.lines.append(line)
            message = json.loads(line)
            for path in paths_of(message) if message["type"] == "BATCH" else ():
                look(path)
                self.names.append(path.name)
                self.contents.append(path.read_bytes())
                path.unlink()


def run_and_take(
    sandbox: Sandbox, look: Callable[[Path], object] = lambda _: None, **options: Any
) -> tuple[Taken, Exception | None]:
    """Sync in this process into a pipe, with a thread that takes the files at its other end."""
    taken = Taken()
    reader, writer = os.pipe()
    with os.fdopen(reader) as messages, pytest.MonkeyPatch.context() as patch:
        thread = threading.Thread(target=taken.take, args=(messages, look))
        thread.start()
        failure = None
        with os.fdopen(writer, "w") as stdout:
            patch.setattr(sys, "stdout", stdout)
            try:
                sandbox.tap(**options).sync_all()
            except Exception as error:  # noqa: BLE001 - handed to the test
                failure = error
        thread.join()
    return taken, failure
