"""The setting `batch_config`: its schema, its checks, and its meaning. Pure.

It has the shape that the Singer SDK gives it in every tap. What the files are, the tap decides; so
the user chooses only the folder that they pass through.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMATS = ("jsonl",)
COMPRESSIONS = ("gzip", "none", None)

BATCH_CONFIG: th.Property[Any] = th.Property(
    "batch_config",
    th.ObjectType(
        th.Property(
            "encoding",
            th.ObjectType(
                th.Property("format", th.StringType, description="jsonl."),
                th.Property("compression", th.StringType, description="gzip or none."),
                additional_properties=False,
            ),
            description="What the files hold: JSON lines, gzipped or not, as the tap has it.",
        ),
        th.Property(
            "storage",
            th.ObjectType(
                th.Property("root", th.StringType, description="Folder, such as file:///var/tmp."),
                th.Property("prefix", th.StringType, description="Begins the files' names."),
                additional_properties=False,
            ),
            description="Where the files lie until the target has taken them.",
        ),
        additional_properties=False,
    ),
    title="Batch configuration",
    description=(
        "Hand over whole files in BATCH messages instead of a RECORD for each row, for a target on "
        "the same machine that deletes them once it has read them: "
        '{"encoding": {"format": "jsonl", "compression": "gzip"}, '
        '"storage": {"root": "file:///some/folder"}}.'
    ),
)


@dataclass(frozen=True)
class BatchSettings:
    """The folder that files pass through, and the prefix of their names."""

    root: Path
    prefix: str

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> BatchSettings | None:
        """Read a setting in which `batch_problems` finds nothing; None when it is not set."""
        storage = _part(config.get("batch_config"), "storage")
        root = local_folder(storage.get("root"))
        return None if root is None else cls(root, str(storage.get("prefix") or ""))


def batch_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each problem of the setting."""
    batch_config = config.get("batch_config")
    if not batch_config:
        return
    encoding = _part(batch_config, "encoding")
    if encoding.get("format") not in FORMATS or encoding.get("compression") not in COMPRESSIONS:
        yield (
            "batch_config's encoding must have the format jsonl, and the compression gzip or none: "
            "files are handed over as the tap has them."
        )
    if local_folder(_part(batch_config, "storage").get("root")) is None:
        yield (
            "batch_config's storage needs as its root a folder of this machine, written as "
            "file:///some/folder."
        )


def local_folder(url: Any) -> Path | None:
    """Return the folder of a `file://` URL; None when it is no folder of this machine."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    folder = Path(url2pathname(parts.path))
    return folder if folder.is_absolute() and not (parts.query or parts.fragment) else None


def _part(value: Any, name: str) -> Mapping[str, Any]:
    part = value.get(name) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else {}
