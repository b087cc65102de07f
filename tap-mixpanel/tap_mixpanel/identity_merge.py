"""Which of Mixpanel's two ways to join ids a project has: by its rows, since no API says. Pure.

Simplified ID Merge writes `$device:` before the id of a device and has no verb rows. Original ID
Merge has verb rows, `$identify`, `$create_alias` and `$merge`, and no such prefix (Mixpanel docs,
Identifying Users: "Simplified vs Original ID Merge").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

AUTO, SIMPLIFIED, ORIGINAL = "auto", "simplified", "original"
VERBS = ("$identify", "$create_alias", "$merge")
IN_QUOTES = tuple(f'"{verb}"'.encode() for verb in VERBS)
DEVICE_PREFIX = "$device:"
PREFIXED = b'"$device:'


@dataclass
class IdentityMerge:
    """What the rows that are read so far say.

    Attributes:
        told: the answer of the settings or of STATE; None when it is for the rows to give.
        has_devices: whether an id with the prefix of a device is seen.
        has_verbs: whether a verb row is seen.
    """

    told: str | None = None
    has_devices: bool = False
    has_verbs: bool = False

    @property
    def mode(self) -> str | None:
        """`simplified` or `original`; None when the rows do not say, or contradict each other."""
        if self.told is not None:
            return self.told
        if self.has_devices == self.has_verbs:
            return None
        return SIMPLIFIED if self.has_devices else ORIGINAL

    def look_at(self, lines: Sequence[bytes], names: Sequence[Any] | None = None) -> None:
        """Take raw lines of the export into account.

        A text within a row may look like a prefix or a verb, so what is found is looked at again.

        Args:
            lines: of rows.
            names: of their events, where they are read already: that spares a search.
        """
        if self.told is not None:
            return
        if not self.has_devices and PREFIXED in b"\n".join(lines):
            self.has_devices = any(map(_has_device_id, lines))
        if not self.has_verbs:
            self.has_verbs = _have_verbs(lines) if names is None else _are_verbs(names)


def device_of(device_id: Any, distinct_id: Any, before: Any) -> str | None:
    """Return the device of a row, without the prefix; None when it names none.

    Args:
        device_id: its `$device_id`.
        distinct_id: its `distinct_id`.
        before: its `$distinct_id_before_identity`.
    """
    own = _text(device_id)
    if own:
        return own.removeprefix(DEVICE_PREFIX) or None
    for value in (distinct_id, before):
        if isinstance(value, str) and value.startswith(DEVICE_PREFIX):
            return value.removeprefix(DEVICE_PREFIX) or None
    return None


def is_verb(line: bytes) -> bool:
    """Tell whether a row joins ids."""
    try:
        return _row(line).event in VERBS
    except (msgspec.DecodeError, RecursionError):
        return False


def _have_verbs(lines: Sequence[bytes]) -> bool:
    text = b"\n".join(lines)
    return any(verb in text for verb in IN_QUOTES) and any(map(is_verb, lines))


def _are_verbs(names: Iterable[Any]) -> bool:
    return any([name in VERBS for name in names])  # noqa: C419 - a list is faster


def _has_device_id(line: bytes) -> bool:
    try:
        properties = _row(line).properties
    except (msgspec.DecodeError, RecursionError):
        return False
    return any(
        isinstance(value, str) and value.startswith(DEVICE_PREFIX)
        for value in (properties.distinct_id, properties.before)
    )


def _text(value: Any) -> str:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value.strip() if isinstance(value, str) else str(value) if is_number else ""


class _Ids(msgspec.Struct):
    distinct_id: Any = None
    before: Any = msgspec.field(default=None, name="$distinct_id_before_identity")


class _Row(msgspec.Struct):
    event: Any = None
    properties: _Ids = msgspec.field(default_factory=_Ids)


_row = msgspec.json.Decoder(_Row).decode
