"""How much of a sweep the usual tests look at, and how much only the slow ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

THOROUGH = "THOROUGH"
"""Variable of the environment that `make test-slow` sets: all examples are looked at."""

FEWEST = 10
_PARAM = type(pytest.param())
"""What `pytest.param` makes is a tuple, too; pytest has no public name for its class."""


def examples(number: int) -> int:
    """Return how many of `number` examples to look at: by default a fifth of them."""
    return number if os.environ.get(THOROUGH) else max(min(number, FEWEST), number // 5)


def first_of(cases: Iterable[Any], usual: int = 1) -> list[Any]:
    """Return cases to parametrize a test with, all but the first few of them slow."""
    return [each if number < usual else _slow(each) for number, each in enumerate(cases)]


def _slow(case: Any) -> Any:
    """Return a case (its value, a tuple of values, or what `pytest.param` made) marked slow."""
    known = case if isinstance(case, _PARAM) else pytest.param(*_values(case))
    return pytest.param(*known.values, marks=[*known.marks, pytest.mark.slow], id=known.id)


def _values(case: Any) -> tuple[Any, ...]:
    return case if type(case) is tuple else (case,)
