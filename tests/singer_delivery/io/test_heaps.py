from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

GLIBC = platform.libc_ver()[0] == "glibc"

PROBE = """
import ctypes, sys, tempfile, threading
from singer_delivery.io.heaps import keep_heaps_small

if sys.argv[1] == "shared":
    assert keep_heaps_small()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
everyone = threading.Barrier(12)

def allocate():
    libc.malloc(5_000)
    everyone.wait()

threads = [threading.Thread(target=allocate) for _ in range(12)]
for each in threads: each.start()
for each in threads: each.join()
with tempfile.NamedTemporaryFile() as told:
    stream = ctypes.c_void_p(libc.fopen(told.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(told.read().count(b"<heap nr="))
"""


def heaps(how: str) -> int:
    """Return how many heaps twelve threads come to that allocate at the same time."""
    surroundings = {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"}
    command = [sys.executable, "-c", PROBE, how]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=surroundings).stdout)


@pytest.mark.skipif(not GLIBC, reason="glibc has heaps to share")
def test_a_dozen_threads_share_two_heaps():
    assert heaps("shared") == 2
    assert heaps("as they come") > 2


IN_PIECES = """
from pathlib import Path
from singer_delivery.io.heaps import give_back

def megabytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith("VmRSS")) // 1024

some = [bytes(2_000) for _ in range(50_000)]
some = some[::20]
before = megabytes()
print(give_back(), before - megabytes())
"""


@pytest.mark.skipif(not GLIBC, reason="glibc's heaps can be told")
def test_what_is_free_between_what_is_not_goes_back_to_the_system():
    command = [sys.executable, "-c", IN_PIECES]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    assert told[0] == "True"
    assert int(told[1]) > 20  # of a hundred, which lie in pieces of 40,000 bytes


LARGE_BLOCKS = """
import sys
from pathlib import Path
from singer_delivery.io.heaps import keep_heaps_small

def megabytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith("VmRSS")) // 1024

if sys.argv[1] == "small":
    assert keep_heaps_small()
one = b"x" * 30_000_000
del one
before = megabytes()
some = [b"x" * 1_000_000 for _ in range(25)]
del some
print(megabytes() - before)
"""


def kept(how: str) -> int:
    """Return the megabytes that large blocks leave behind when they are free."""
    command = [sys.executable, "-c", LARGE_BLOCKS, how]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


@pytest.mark.skipif(not GLIBC, reason="glibc's heaps can be told")
def test_large_blocks_go_back_to_the_system_when_they_are_free():
    assert kept("small") < 5
    assert kept("as they come") > 15
