from __future__ import annotations

import io
import os
import threading
import time
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


def test_a_last_line_without_a_newline_is_known_by_it(pipe):
    os.write(pipe, b"1\n2")
    os.close(pipe)
    kinds = [type(line) for line in stdin.stdin_lines(lambda: None)]
    assert kinds == [bytes, stdin.Unterminated]


def test_what_is_left_of_a_pipe_is_read_so_that_its_writer_comes_to_its_end(pipe):
    written: list[int] = []

    def write() -> None:
        written.extend(os.write(pipe, b"x" * 65_536) for _ in range(64))
        os.close(pipe)

    writer = threading.Thread(target=write)
    writer.start()
    stdin.read_to_the_end(LONG)
    writer.join(LONG)
    assert sum(written) == 64 * 65_536


def test_a_writer_that_comes_to_no_end_is_waited_for_so_long_and_no_longer(pipe):
    os.write(pipe, b"x")
    began = time.monotonic()
    stdin.read_to_the_end(0.2)
    assert 0.2 <= time.monotonic() - began < LONG
    os.close(pipe)


def test_what_is_no_pipe_is_left_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"left")
    with (tmp_path / "file").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        stdin.read_to_the_end(LONG)
        assert file.read() == "left"
