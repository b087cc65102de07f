"""What words about a device tell: its system, and which kind of device it is. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

WEB_SYSTEMS = (
    ("Windows Phone", ("windows phone",)),
    ("Windows", ("windows", "xbox")),
    ("iOS", ("iphone", "ipad", "ipod", "ios")),
    ("Android", ("android", "samsung", "galaxy", "pixel", "huawei", "xiaomi", "oneplus")),
    ("Chrome OS", ("chrome os", "chromeos", "chromebook")),
    ("Mac OS X", ("mac",)),
    ("Linux", ("linux", "ubuntu", "fedora", "debian")),
)
"""Operating systems as their libraries for the Web write them, and the words that tell them."""


def carrier(value: Any) -> Any:
    """The carrier; `--`, which iOS writes, is none."""
    return None if value == "--" else value


def words_in(*values: Any) -> str:
    """Return what columns say, in lower case, to look for words in."""
    return " ".join([value for value in values if isinstance(value, str)]).lower()


@lru_cache(maxsize=4096)
def system_of(words: str) -> str | None:
    """Return the system that some words in lower case tell, or None."""
    return next((name for name, tells in WEB_SYSTEMS if any(t in words for t in tells)), None)


def device_class(*words: Any) -> str | None:
    """`Desktop`, `Mobile` or `Tablet`, told from the device and the system."""
    return _class_of(words_in(*words))


@lru_cache(maxsize=4096)
def _class_of(words: str) -> str | None:
    if "ipad" in words or "tablet" in words or "galaxy tab" in words or "kindle" in words:
        return "Tablet"
    system = system_of(words)
    if system in {"iOS", "Android", "Windows Phone"}:
        return "Mobile"
    return "Desktop" if system is not None else None
