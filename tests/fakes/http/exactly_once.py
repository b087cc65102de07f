"""One assertion for the promise that everything arrives, and arrives once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

EXAMPLES = 5


def assert_exactly_once(
    stored: Iterable[Any],
    expected: Iterable[Any],
    key: Callable[[Any], Hashable] | None = None,
) -> None:
    """Compare two collections as multisets, whatever their order.

    Args:
        stored: What is there.
        expected: What should be there. An item expected twice should be stored twice.
        key: What identifies an item of either side; by default its `uuid` if it is a dict, else
            the item itself.

    Raises:
        AssertionError: Says how many are missing, stored too often or not expected, with examples.
    """
    identify = key or _identity
    found = Counter(identify(item) for item in stored)
    wanted = Counter(identify(item) for item in expected)
    complaints = [
        *_complaint("missing", wanted - found),
        *_complaint(
            "duplicate", Counter({item: found[item] for item in found - wanted if item in wanted})
        ),
        *_complaint(
            "unexpected", Counter({item: found[item] for item in found if item not in wanted})
        ),
    ]
    if complaints:
        summary = f"{found.total()} stored, {wanted.total()} expected"
        raise AssertionError("\n".join([f"Not exactly once: {summary}.", *complaints]))


def _identity(item: Any) -> Hashable:
    identity: Hashable = item["uuid"] if isinstance(item, dict) else item
    return identity


def _complaint(kind: str, items: Counter[Hashable]) -> list[str]:
    """One line on the items of a kind, if there are any; how often is said where it is not once."""
    if not items:
        return []
    examples = [
        repr(item) + (f" ({times} times)" if times > 1 else "")
        for item, times in list(items.items())[:EXAMPLES]
    ]
    more = ", …" if len(items) > EXAMPLES else ""
    return [f"  {len(items)} {kind}: {', '.join(examples)}{more}"]
