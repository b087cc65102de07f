from __future__ import annotations

from singer_delivery.mapping.memory import LONGEST, Memory


def test_what_is_kept_is_found_again() -> None:
    memory: Memory[str] = Memory(3)
    assert memory.get(b"1") is None
    assert memory.keep(b"1", "one") == "one"
    assert memory.get(b"1") == "one"
    assert memory.get(b"1.0") is None


def test_memory_is_bounded() -> None:
    memory: Memory[int] = Memory(3)
    for number in range(100):
        memory.keep(b"%d" % number, number)
        assert memory.get(b"%d" % number) == number
        assert len(memory) <= 3
    assert memory.keep(b"x" * (LONGEST + 1), 7) == 7
    assert memory.get(b"x" * (LONGEST + 1)) is None
