from __future__ import annotations

from pathlib import Path

import pytest

from tests.tap_mixpanel.running import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A sandbox without a Mixpanel; for archives and settings."""
    return Sandbox(tmp_path)
