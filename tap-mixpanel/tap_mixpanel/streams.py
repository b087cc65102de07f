"""What the streams of a Mixpanel project have in common, and how they hand files over."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterable
from contextlib import closing
from itertools import chain
from typing import NamedTuple, cast

from analytics_records.mixpanel import columns
from singer_delivery.sdk.messages import reader_is_gone
from singer_delivery.sdk.raw_stream import RawStream
from singer_delivery.sdk.tap import CheckedTap
from singer_delivery.tap.handover import handing_over

from tap_mixpanel.config import SPOOL_DIR
from tap_mixpanel.run import Run
from tap_mixpanel.settings import Settings

VENDOR = "mixpanel"
OWN_FOLDER = SPOOL_DIR
"""Below the root of `batch_config`, since others may use the root too. Its name is hidden, so that
an archive around it does not include its files."""

FILE_BYTES = 32 * 1024 * 1024
"""About how large a file is that is handed over."""


class Part(NamedTuple):
    """Records that leave together: the name of their files, and themselves, some at a time."""

    name: str
    blocks: Generator[list[bytes], None, None]


class MixpanelStream(RawStream):
    """A stream of a Mixpanel project; `name` is one of `analytics_records.mixpanel.columns`.

    Attributes:
        settings: of the tap.
    """

    def __init__(self, tap: CheckedTap) -> None:
        self.settings = Settings.of_config(tap.config)
        project_id = self.settings.account.project_id
        super().__init__(tap, columns.schema(self.name), VENDOR, project_id)

    @property
    def run(self) -> Run:
        """What the streams of this run share."""
        return cast("Run", self._tap.run)  # type: ignore[attr-defined]

    @abstractmethod
    def parts(self) -> Generator[Part, None, None]:
        """Yield the records; each part must be written before the next is asked for."""

    def blocks(self) -> Generator[list[bytes], None, None]:
        """Yield the records, and move the bookmark between parts."""
        with closing(self.parts()) as parts:
            for part in parts:
                yield from part.blocks

    def hand_files_over(self) -> None:
        """Write BATCH messages of files with the same records."""
        batches = self.settings.batches
        assert batches is not None
        root = batches.root / OWN_FOLDER
        with (
            self.get_batch_counter() as counter,
            self.get_sync_timer(),
            handing_over(
                root, batches.prefix, self.clock, reader_is_gone, self.progress.waiting
            ) as handover,
            closing(self.parts()) as parts,
        ):
            for part in parts:
                for lines in part.blocks:
                    rest = chain([lines], part.blocks)
                    # A STATE, even an unchanged one, may make the target decide what it has read.
                    if handover.wait_for_room(FILE_BYTES, self._write_state_message):
                        name = f"{part.name}.jsonl"
                        self.write_batch(handover.put_lines(name, rest, FILE_BYTES))
                        counter.increment()
                    else:
                        self._write(rest)
            self._write_state_message()

    def _write(self, blocks: Iterable[list[bytes]]) -> None:
        for lines in blocks:
            self.write_lines(lines)
