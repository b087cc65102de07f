from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tap_amplitude.running import Sandbox

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A sandbox without an Amplitude; for archives and settings."""
    return Sandbox(tmp_path)
