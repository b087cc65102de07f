from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator

import pytest
from singer_delivery.io import stdin

LONG = 60.0


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Put a pipe in the place of standard input; yield the end that a tap writes to."""
    out, into = os.pipe()
    with os.fdopen(out, "rb") as read:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(read))
        yield into


def test_a_moment_without_input_is_no_rest(pipe, monkeypatch):
    monkeypatch.setattr(stdin, "SOON", LONG)
    rests: list[str] = []
    lines = iter(stdin.stdin_lines(lambda: rests.append("rest")))

    os.write(pipe, b"1\n")
    assert next(lines) == b"1"
    threading.Timer(0.05, lambda: (os.write(pipe, b"2\n3"), os.close(pipe))).start()
    assert list(lines) == [b"2", b"3"]

    assert rests == []


def test_who_waits_for_input_is_told_before(pipe, monkeypatch):
    monkeypatch.setattr(stdin, "SOON", 0.01)
    rests: list[str] = []

    def before_waiting() -> None:  # the tap writes no more until all that came is processed
        rests.append("rest")
        os.write(pipe, b"2\n")
        os.close(pipe)

    os.write(pipe, b"1\n")
    assert list(stdin.stdin_lines(before_waiting)) == [b"1", b"2"]
    assert rests == ["rest"]
