from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.mapping.table import Row, values
from target_amplitude.moves import Rows, moves

ROWS = Rows(
    top=(
        Row("os_name", "$os"),
        Row("device_model", ("$model", "$device")),
        Row("point", values("$latitude", "$longitude"), lambda *both: None if None in both else 1),
    ),
    of_user=(Row("referrer", "$initial"),),
    own=(Row("length", "text", len),),
)
MOVING = {"$os", "$model", "$device", "$latitude", "$longitude", "$initial"}


@pytest.mark.parametrize(
    ("own", "stays", "top", "of_user", "made"),
    [
        ({"$os": "iOS", "a": 1}, {"a": 1}, {"os_name": "iOS"}, {}, {}),
        ({"$os": "", "a": 1}, {"$os": "", "a": 1}, {}, {}, {}),
        ({"$os": 0}, {}, {"os_name": 0}, {}, {}),
        ({"$model": "X", "$device": "Y"}, {"$device": "Y"}, {"device_model": "X"}, {}, {}),
        ({"$model": [], "$device": "Y"}, {"$model": []}, {"device_model": "Y"}, {}, {}),
        ({"$latitude": 1, "$longitude": 2}, {}, {"point": 1}, {}, {}),
        ({"$latitude": 1}, {"$latitude": 1}, {}, {}, {}),
        ({"$initial": "x"}, {}, {}, {"referrer": "x"}, {}),
        ({"text": "four"}, {"text": "four"}, {}, {}, {"length": 4}),
    ],
)
def test_what_a_row_reads_moves_where_it_writes_something(
    own: dict[str, Any],
    stays: dict[str, Any],
    top: dict[str, Any],
    of_user: dict[str, Any],
    made: dict[str, Any],
):
    into: list[dict[str, Any]] = [dict(own), {}, {}, {}]
    moves(ROWS.reading(own), MOVING)(own, *into)
    assert into == [stays, top, of_user, made]
