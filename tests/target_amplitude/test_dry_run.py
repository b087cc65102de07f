"""What a dry run says of the events that it wrote."""

from __future__ import annotations

from typing import Any

import pytest
from target_amplitude import dry_run

DAY = 86_400_000


def event(name: str = "Played", day: int = 0, **content: Any) -> dict[str, Any]:
    return {"event_type": name, "time": day * DAY + 5, "user_id": "u", **content}


def test_of_no_events_nothing_is_said() -> None:
    assert dry_run.summary([]) == []


def test_an_id_with_more_events_of_a_day_than_amplitude_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dry_run, "MOST_A_DAY", 3)
    spread = [event(day=day) for day in range(5)]
    assert "1 ids have more" not in dry_run.summary(spread)[1]
    busy = [*spread, *(event(day=2) for _ in range(3))]
    assert "busiest id has 4 events of one day. 1 ids have more than 3," in dry_run.summary(busy)[1]


def test_revenue_is_price_times_quantity_where_there_is_a_price() -> None:
    events = [
        event("Order", price=2.5, quantity=3, revenue=1),
        event("Order", price=1),
        event("Refund", revenue=-4),
        event("Played"),
    ]
    assert dry_run.summary(events)[2:] == [
        "Revenue, whatever its currency: 8.50 of `Order`, -4.00 of `Refund`."
    ]


def test_many_names_are_summed() -> None:
    events = [event(f"Order {n}", revenue=100 - n) for n in range(12)]
    assert dry_run.summary(events)[2].endswith(", 91.00 of `Order 9`, 179.00 of 2 others.")


def test_what_is_no_regular_file_is_not_read(tmp_path) -> None:
    assert dry_run.told(tmp_path) == []
