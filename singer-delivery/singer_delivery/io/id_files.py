"""Files of ids: one a line."""

from __future__ import annotations

from pathlib import Path

from singer_delivery.errors import SettingsError

COMMENT = "# "
"""What a comment begins with. An id may begin with the character alone."""


def read_ids(path: str, setting: str) -> frozenset[str]:
    """Return the ids in a file, without blanks around them.

    Empty lines are passed over, and comments: lines that begin with a number sign and a blank, or
    hold a number sign alone.

    Args:
        path: of the file, in UTF-8.
        setting: that names it.

    Raises:
        SettingsError: it cannot be read. Nothing of what it holds is quoted.
    """
    try:
        lines = Path(path).read_text("utf-8-sig").split("\n")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        msg = (
            f"`{setting}` names {path or 'no file'}, which cannot be read ({why}): nobody would be "
            "left out. Name a file with one id a line, or leave the setting out."
        )
        raise SettingsError(msg) from None
    return frozenset(line.strip() for line in lines if not _is_passed_over(line))


def _is_passed_over(line: str) -> bool:
    text = line.strip()
    return text in ("", COMMENT.strip()) or text.startswith(COMMENT)
