"""The library delivers anything: it names no vendor, in code or in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import singer_delivery

VENDORS = ("amplitude", "posthog", "mixpanel")
FOLDER = Path(singer_delivery.__file__).parent


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_library_names_no_vendor(vendor: str) -> None:
    named = [
        f"{path.relative_to(FOLDER)}:{number}"
        for path in sorted(FOLDER.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if vendor in line.lower()
    ]
    assert named == []
