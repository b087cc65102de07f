"""A file that several append to, and that one replaces when none of them does."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from singer_delivery.io.sharing import alone_with, append_shared

KILLED = """
import os, sys
from pathlib import Path
from singer_delivery.io.sharing import append_shared
file = append_shared(Path(sys.argv[1]))
file.write(b"line\\n")
file.flush()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "file"


def test_several_append_and_nobody_replaces_the_file_meanwhile(path):
    first, second = append_shared(path), append_shared(path)
    for file in (first, second):
        with pytest.raises(BlockingIOError), alone_with(path):
            raise AssertionError
        file.close()
    with alone_with(path) as file:
        assert file.read() == b""


def test_who_appends_waits_until_the_file_is_replaced_and_has_the_new_one(path):
    append_shared(path).close()
    opened = []
    with alone_with(path):
        waits = threading.Thread(target=lambda: opened.append(append_shared(path)))
        waits.start()
        new = path.with_name("new")
        new.write_bytes(b"new\n")
        waits.join(0.2)
        assert not opened
        new.replace(path)
    waits.join(10)
    with opened[0] as file:
        file.write(b"more\n")
    assert path.read_bytes() == b"new\nmore\n"


def test_who_is_killed_gives_the_file_back(path):
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        with pytest.raises(BlockingIOError), alone_with(path):
            raise AssertionError
        child.kill()
        child.wait(10)
    with alone_with(path) as file:
        assert file.read() == b"line\n"


def test_a_file_that_is_not_there_cannot_be_replaced(path):
    with pytest.raises(FileNotFoundError), alone_with(path):
        raise AssertionError
