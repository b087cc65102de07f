from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest
from singer_delivery.errors import LedgerInUse
from singer_delivery.ledger.lock import SoleUse

HOLDER = """
import sys, time
from singer_delivery.ledger.lock import SoleUse
use = SoleUse(sys.argv[1], "project")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


@pytest.fixture
def other_process(url):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_run_is_told_of_the_first(other_process, url):
    with pytest.raises(LedgerInUse, match="Another run is using this ledger"):
        SoleUse(url, "project")


def test_a_killed_run_gives_its_place_up(other_process, url):
    other_process.send_signal(signal.SIGKILL)
    other_process.wait()

    SoleUse(url, "project").release()


def test_runs_into_different_projects_share_a_ledger(other_process, url):
    SoleUse(url, "another project").release()


def test_a_run_that_ended_lets_the_next_one_in(url):
    SoleUse(url, "project").release()
    SoleUse(url, "project").release()


def test_another_thread_may_end_the_run(url):
    use = SoleUse(url, "project")
    ending = threading.Thread(target=use.release)
    ending.start()
    ending.join()
    SoleUse(url, "project").release()
    use.release()


def test_the_lock_is_for_its_owner_alone(url, tmp_path):
    use = SoleUse(url, "project")
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    use.release()
    assert modes == {0o600}


def test_a_ledger_in_memory_is_nobody_else_s():
    SoleUse("sqlite://", "project")
    SoleUse("sqlite://", "project").release()
