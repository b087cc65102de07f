"""Revenue: the configured properties that make an event one of revenue. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from target_amplitude import limits


def add_revenue(chosen: Mapping[str, str], own: Mapping[str, Any], top: dict[str, Any]) -> None:
    """Let the configured properties make the event one of revenue.

    Args:
        chosen: keys at the top to the properties that they are made of; empty for none.
        own: the event's own properties.
        top: gets the keys, unless it has an amount already.
    """
    if not chosen or "revenue" in top or "price" in top:
        return
    amount = "price" if "price" in chosen else "revenue"
    if limits.number(own.get(chosen[amount])) is None:
        return
    for key, name in chosen.items():
        value = _OF_REVENUE[key](own.get(name))
        if value is not None:
            top[key] = value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


_OF_REVENUE: Mapping[str, Callable[[Any], Any]] = {
    "revenue": limits.number,
    "price": limits.number,
    "quantity": limits.whole,
    "productId": _text,
    "revenueType": _text,
    "currency": limits.currency,
}
