"""What commands take is measured with all that they start."""

from __future__ import annotations

import sys

import pytest

from bench.processes import Pipe, RunFailed

TAKE = "block = bytearray(60_000_000); import time; time.sleep(0.4)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {TAKE!r}], check=True)"
BURN = "import time\nwhile time.process_time() < 0.3: pass"
PARENT_OF_BUSY = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])"


def python(code):
    return [sys.executable, "-c", code]


def test_commands_are_piped_and_the_last_output_is_kept(tmp_path):
    upper = "import sys; print(sys.stdin.read().upper())"

    measured = Pipe([python("print('a')"), python(upper)], tmp_path).wait()

    assert measured.output.split() == [b"A"]
    assert len(measured.usages) == 2


def test_memory_of_children_counts(tmp_path):
    (usage,) = Pipe([python(PARENT)], tmp_path).wait().usages

    assert usage.largest_mb > 57
    assert usage.total_mb > usage.largest_mb


def test_cpu_of_children_counts(tmp_path):
    assert Pipe([python(PARENT_OF_BUSY)], tmp_path).wait().cpu >= 0.3


def test_cpu_of_a_command_and_of_its_children_are_kept_apart(tmp_path):
    # Each burns in a thread that is gone when the command ends.
    thread = f"import threading; it = threading.Thread(target=exec, args=({BURN!r}, {{}}))"
    code = f"{thread}; it.start(); it.join(); {PARENT_OF_BUSY}; {PARENT_OF_BUSY}"

    (usage,) = Pipe([python(code)], tmp_path).wait().usages

    assert usage.own_cpu + usage.children_cpu == pytest.approx(usage.cpu)
    assert 0.28 <= usage.own_cpu < 0.5  # of 0.3 s, two ticks may be missing
    assert 0.6 <= usage.children_cpu < 1.0


def test_a_command_that_fails_is_named_with_its_words(tmp_path):
    pipe = Pipe([python("print('x')"), python("import sys; sys.exit('out of order')")], tmp_path)

    with pytest.raises(RunFailed, match="out of order"):
        pipe.wait()
