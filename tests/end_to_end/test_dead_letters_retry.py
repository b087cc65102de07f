"""`singer-delivery dead-letters retry` as a shell runs it: what is delivered leaves the file.

A letter is in the file, in the one beside it, or at the service, whoever is killed when.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from singer_delivery.pipeline.dead_letters import DeadLetter, DeadLetters

from tests.destinations import DESTINATIONS, POSTHOG, Destination
from tests.end_to_end import killed_at, retry_killed_at
from tests.end_to_end.pipe import BIN
from tests.singer_delivery.cli.letters import reasons, record, records, schema, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.destinations.destination import Fake

COLUMNS = {"orders": {"event": "Order Placed", "distinct_id": "customer", "timestamp": "at"}}
TIMEOUT = 60.0

each_destination = pytest.mark.parametrize(
    "destination",
    [
        each if each is POSTHOG else pytest.param(each, marks=pytest.mark.slow)
        for each in DESTINATIONS
    ],
)


@dataclass
class Scene:
    """A dead letter file, a service and the settings between them."""

    folder: Path
    destination: Destination
    service: Fake

    @property
    def path(self) -> Path:
        return self.folder / "dead.singer"

    @property
    def again(self) -> Path:
        return self.folder / "dead.singer.retry"

    @property
    def customers(self) -> set[str]:
        """Whose orders the service has."""
        return {each.person for each in self.destination.events(self.service)}

    def config(self, **settings: Any) -> Path:
        path = self.folder / "config.json"
        its = {
            **self.destination.settings(self.service),
            "streams": COLUMNS,
            "ledger_url": f"sqlite:///{self.folder / 'ledger.sqlite3'}",
            "dead_letter_path": str(self.path),
            "report_path": str(self.folder / "report.json"),
            "processes": 0,
        }
        path.write_text(json.dumps({**its, **settings}))
        return path

    def words(self, *options: str, command: str = "", **settings: Any) -> list[str]:
        main = command or str(BIN / "singer-delivery")
        named = ["--target", self.destination.target, "--config", str(self.config(**settings))]
        return [main, "dead-letters", "retry", *named, *options]

    def retry(self, *options: str, command: str = "", **settings: Any) -> Ended:
        words = self.words(*options, command=command, **settings)
        ended = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=TIMEOUT, cwd=self.folder
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def write(self, *letters: tuple[bytes, str]) -> None:
        write(self.path, letters)

    def all_accounted_for(self, numbers: Sequence[int]) -> bool:
        """Tell whether each letter is somewhere."""
        in_files = {each["id"] for path in (self.path, self.again) for each in records(path)}
        return all(n in in_files or f"c{n}" in self.customers for n in numbers)


@dataclass
class Ended:
    """What the command left behind."""

    code: int
    out: str
    log: str


@pytest.fixture
def scene(tmp_path: Path, destination: Destination) -> Iterator[Scene]:
    with destination.open() as service:
        yield Scene(tmp_path, destination, service)


def nobody(number: int) -> bytes:
    return record(number, customer="")


@each_destination
def test_what_is_delivered_leaves_the_file_and_what_dies_again_stays(scene):
    scene.write(
        (record(1), "no_time"), (nobody(2), "refused"), (record(3), "refused"), (nobody(4), "x")
    )
    ended = scene.retry()
    assert ended.code == 0, ended.log
    assert scene.customers == {"c1", "c3"}
    assert reasons(scene.path) == {2: "no_identity", 4: "no_identity"}
    assert "Sent 4 letters: 2 delivered" in ended.log
    assert "2 died again (no_identity 2)" in ended.log
    assert not scene.again.exists()
    assert ended.out == ""


@pytest.mark.parametrize("destination", [POSTHOG])
class TestAtOneDestination:
    @pytest.mark.slow
    def test_only_the_chosen_are_sent(self, scene):
        scene.write((record(1), "no_time"), (record(2), "refused"), (record(3), "no_time"))
        ended = scene.retry("--reason", "refused")
        assert scene.customers == {"c2"}
        assert reasons(scene.path) == {1: "no_time", 3: "no_time"}
        assert "2 letters were not sent" in ended.log

    @pytest.mark.slow
    def test_a_file_without_letters_left_is_removed(self, scene):
        scene.write((record(1), "refused"))
        ended = scene.retry()
        assert not scene.path.exists()
        assert "No letter is left" in ended.log

    def test_a_line_that_is_no_record_is_never_sent_and_stays(self, scene):
        scene.write(
            (b'{"type":"RECORD","stream":"orders","rec', "bad_line"), (record(1), "refused")
        )
        scene.path.write_bytes(
            scene.path.read_bytes() + b'no message\n{"type":"STATE","value":{}}\n'
        )
        before = scene.path.read_bytes().splitlines()
        ended = scene.retry()
        assert ended.code == 0, ended.log
        assert scene.customers == {"c1"}
        assert scene.path.read_bytes().splitlines() == [*before[:2], *before[3:]]
        assert "2 damaged lines stay as they are" in ended.log

    @pytest.mark.slow
    def test_a_wrong_key_takes_no_letter_and_ends_with_the_target_s_own_sentence(self, scene):
        scene.write((record(1), "refused"), (nobody(2), "refused"))
        before = scene.path.read_bytes()
        wrong = {scene.destination.key: "phc_wrong"}
        ended = scene.retry(**wrong)
        assert ended.code == 1
        assert scene.destination.wrong_key in ended.log
        assert {1, 2} <= reasons(scene.path).keys()
        assert scene.path.read_bytes().startswith(before[:100])

    @pytest.mark.slow
    def test_a_dry_run_delivers_nothing_and_so_is_refused(self, scene):
        scene.write((record(1), "refused"))
        before = scene.path.read_bytes()
        ended = scene.retry(dry_run=True)
        assert (ended.code, scene.path.read_bytes()) == (1, before)
        assert "`dry_run` is on" in ended.log

    @pytest.mark.slow
    def test_however_many_die_again_the_others_have_their_turn(self, scene):
        scene.write(*[(nobody(n), "refused") for n in range(150)], (record(150), "refused"))
        ended = scene.retry(max_dead_letters="1")
        assert ended.code == 0, ended.log
        assert scene.customers == {"c150"}
        assert reasons(scene.path).keys() == set(range(150))

    @pytest.mark.slow
    def test_equal_records_without_an_id_are_as_many_as_before(self, scene):
        scene.write(*[(nobody(1), "refused")] * 3)
        for _ in range(2):
            scene.retry()
            assert [each["id"] for each in records(scene.path)] == [1, 1, 1]

    def test_a_letter_that_a_run_writes_meanwhile_is_kept(self, scene):
        scene.write((record(1), "refused"))
        run = DeadLetters(scene.path)
        run.know_schema(schema())
        run.add(DeadLetter("orders", record(2), "no_time", "", 0, ""))
        child = subprocess.Popen(scene.words(), stderr=subprocess.PIPE, text=True, cwd=scene.folder)
        assert child.stderr is not None
        said = next(line for line in child.stderr if "Another run writes to" in line)
        run.add(DeadLetter("orders", record(3), "no_time", "", 0, ""))
        run.close()
        assert child.stderr.read()
        assert child.wait(TIMEOUT) == 0, said
        child.stderr.close()
        assert reasons(scene.path) == {3: "no_time"}
        assert scene.customers == {"c1", "c2"}

    @pytest.mark.slow
    def test_a_signal_ends_the_waiting_for_another_run(self, scene):
        scene.write((record(1), "refused"), (nobody(2), "refused"))
        run = DeadLetters(scene.path)
        run.add(DeadLetter("orders", record(3), "no_time", "", 0, ""))
        child = subprocess.Popen(scene.words(), stderr=subprocess.PIPE, text=True, cwd=scene.folder)
        assert child.stderr is not None
        assert any("Another run writes to" in line for line in child.stderr)
        child.send_signal(signal.SIGTERM)
        log = child.stderr.read()
        assert child.wait(TIMEOUT) == 128 + signal.SIGTERM
        child.stderr.close()
        assert "stays as it is" in log
        run.close()
        assert scene.all_accounted_for((1, 2, 3))
        assert scene.retry().code == 0
        assert reasons(scene.path) == {2: "no_identity"}
        assert scene.customers == {"c1", "c3"}

    def test_the_last_line_may_lack_its_newline_as_some_editors_leave_it(self, scene):
        scene.write((record(1), "refused"), (record(2), "refused"))
        scene.path.write_bytes(scene.path.read_bytes().rstrip(b"\n"))
        ended = scene.retry()
        assert ended.code == 0, ended.log
        assert scene.customers == {"c1", "c2"}
        assert not scene.path.exists()

    @pytest.mark.slow
    def test_a_file_that_somebody_edits_meanwhile_loses_no_letter(self, scene):
        scene.write((record(1), "refused"), (record(2), "refused"))
        run = DeadLetters(scene.path)
        run.add(DeadLetter("orders", record(3), "no_time", "", 0, ""))
        child = subprocess.Popen(scene.words(), stderr=subprocess.PIPE, text=True, cwd=scene.folder)
        assert child.stderr is not None
        assert any("Another run writes to" in line for line in child.stderr)
        text = scene.path.read_bytes()
        with scene.path.open("r+b") as file:  # in place, as some editors do
            file.write(text.replace(b'"id": 1', b'"id":10').replace(b'"id":1,', b'"id":9,'))
        run.close()
        rest = child.stderr.read()
        child.wait(TIMEOUT)
        child.stderr.close()
        assert "was changed meanwhile" in rest
        assert len(reasons(scene.path)) == 3

    @pytest.mark.slow
    def test_the_settings_may_come_from_the_environment(self, scene, monkeypatch):
        scene.write((record(1), "refused"), (nobody(2), "refused"))
        for name, value in json.loads(scene.config().read_text()).items():
            text = value if isinstance(value, str) else json.dumps(value)
            monkeypatch.setenv(f"TARGET_POSTHOG_{name.upper()}", text)
        words = [str(BIN / "singer-delivery"), "dead-letters", "retry", "--config", "ENV"]
        words += ["--target", "target-posthog"]
        ended = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=TIMEOUT, cwd=scene.folder
        )
        assert ended.returncode == 0, ended.stderr
        assert scene.customers == {"c1"}
        assert reasons(scene.path) == {2: "no_identity"}

    @pytest.mark.slow
    def test_a_signal_ends_it_in_order(self, scene):
        scene.write(*[(record(n), "refused") for n in range(3_000)])
        child = subprocess.Popen(
            scene.words(max_batch_events=50, max_in_flight=1, max_events_per_second=300),
            stderr=subprocess.PIPE, text=True, cwd=scene.folder,
        )  # fmt: skip
        waited = threading.Event()
        while len(scene.customers) < 700 and not waited.wait(0.05):
            assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        _, log = child.communicate(timeout=TIMEOUT)
        assert child.returncode == 128 + signal.SIGTERM, log
        assert scene.all_accounted_for(range(3_000))
        assert "were not decided, and stay" in log
        assert not scene.again.exists()

    @pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.slow), "after"])
    @pytest.mark.parametrize(
        "step",
        [
            pytest.param(each, marks=() if number == 5 else pytest.mark.slow)
            for number, each in enumerate(retry_killed_at.STEPS)
        ],
    )
    def test_killed_at_any_step_it_loses_no_letter_and_can_be_run_again(self, scene, step, when):
        numbers = range(1, 41)
        scene.write(*[((nobody if n % 4 == 0 else record)(n), "refused") for n in numbers])
        deadly = retry_killed_at.executable(scene.folder / "deadly", step, when)
        ended = scene.retry(command=deadly)
        assert ended.code == -signal.SIGKILL, ended.log
        assert scene.all_accounted_for(numbers)
        self._finish(scene, numbers)

    @pytest.mark.slow
    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("step", ["request", "reply", "dead letters", "state"])
    def test_a_target_killed_at_any_arrow_loses_no_letter(self, scene, step, when):
        numbers = range(1, 41)
        scene.write(*[((nobody if n % 4 == 0 else record)(n), "refused") for n in numbers])
        target = killed_at.write_executable(
            scene.folder / "target", scene.destination.target, step, when, 1
        )
        command = retry_killed_at.with_target(scene.folder / "command", target)
        ended = scene.retry(command=command)
        assert ended.code == 1, ended.log
        assert "The target ended with exit code" in ended.log
        assert scene.all_accounted_for(numbers)
        self._finish(scene, numbers)

    @staticmethod
    def _finish(scene: Scene, numbers: Sequence[int]) -> None:
        ended = scene.retry()
        for _ in range(100):  # the target of a command that was killed may still be at its work
            if "Another run" not in ended.log:
                break
            time.sleep(0.1)
            ended = scene.retry()
        assert ended.code == 0, ended.log
        assert scene.customers == {f"c{n}" for n in numbers if n % 4}
        assert sorted(each["id"] for each in records(scene.path)) == [
            n for n in numbers if not n % 4
        ]
        assert not scene.again.exists()
        assert not list(scene.folder.glob("*.draft"))
