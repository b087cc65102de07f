"""How often the same came: counted on disk."""

from __future__ import annotations

import tracemalloc

import pytest
from singer_delivery.errors import StorageError
from singer_delivery.io.copies import Copies


def test_the_first_has_no_number_and_each_next_has_its_own() -> None:
    copies = Copies()
    assert [copies.number(thing) for thing in "abaab"] == [0, 0, 1, 2, 1]
    assert Copies().number("a") == 0, "each counts for itself"


@pytest.mark.slow
def test_many_things_take_little_memory() -> None:
    copies = Copies()
    tracemalloc.start()
    assert sum(copies.number(str(number % 150_000)) for number in range(200_000)) == 50_000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000


def test_a_full_disk_is_a_sentence() -> None:
    copies = Copies()
    copies.number("a")
    copies._things.execute("PRAGMA max_page_count = 3")
    with pytest.raises(StorageError, match="set TMPDIR"):
        sum(copies.number(str(number)) for number in range(10_000))
