from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.singer_delivery.pipeline.parts import Pipeline, opened


@pytest.fixture
def pipelines(tmp_path: Path) -> Iterator[Callable[..., Pipeline]]:
    """Open pipelines on the same files, one after the other."""
    with ExitStack() as stack:

        def open_another(sender: Any = None, **options: Any) -> Pipeline:
            return stack.enter_context(opened(tmp_path, sender, **options))

        yield open_another


@pytest.fixture
def pipeline(pipelines: Callable[..., Pipeline]) -> Pipeline:
    """A pipeline whose events are decided by hand."""
    return pipelines()
