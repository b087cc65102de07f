from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

GLIBC = platform.libc_ver()[0] == "glibc"

PROBE = """
import ctypes, sys, tempfile, threading
from singer_delivery.heaps import share_heaps

if sys.argv[1] == "shared":
    assert share_heaps()
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
