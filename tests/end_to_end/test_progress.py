"""How far a run is, while it runs: lines, status, signal, control file; real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.destinations import DESTINATIONS, POSTHOG
from tests.end_to_end.attempts import MELTANO, Attempt, MeltanoAttempt
from tests.end_to_end.commands import Command
from tests.end_to_end.pipe import BIN, TIMEOUT, all_hours, batches_in, make_pipe
from tests.end_to_end.roads import ROADS, row
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import Delay, Hold, Reply
from tests.singer_delivery.toys import PlayedClock

LINE = re.compile(r"[\d,]+ (?:events|rows|files)(?: \([\d,.]+/s\))?(?: · [^·\n]+)*$", re.MULTILINE)
"""One line, with nothing after it: a carriage return would be there."""

EACH = [
    pytest.param(each, marks=() if each is POSTHOG else pytest.mark.slow, id=each.name)
    for each in DESTINATIONS
]
OF_EVENTS = 500
"""Bytes of a body beyond which it carries events, and is no question."""

MOST_ROWS = 20  # restated on purpose: the brief
each_destination = pytest.mark.parametrize("destination", EACH, indirect=True)


@pytest.fixture(scope="module")
def company():
    return Company(seed=5, events=2_000, hours=48)


@pytest.fixture
def amplitude(company):
    with FakeAmplitude(company.hours()) as fake:
        yield fake


@pytest.fixture
def destination(request):
    return request.param


@pytest.fixture
def service(destination, company):
    with destination.open(company) as fake:
        yield fake


@pytest.fixture
def pipe(tmp_path, amplitude, destination, service, company):
    pipe = make_pipe(
        tmp_path,
        amplitude,
        destination,
        service,
        max_batch_events=20,
        max_in_flight=2,
        progress_seconds=1,
        control_path=str(tmp_path / "control"),
    )
    pipe.tap |= {"window_hours": 6, "progress_seconds": 1, "status_path": str(tmp_path / "tap")}
    return all_hours(pipe, company)


def status_of(pipe):
    """Return the target's status; None before there is one."""
    try:
        return json.loads((pipe.folder / "status.json").read_text())
    except FileNotFoundError:
        return None


def until(attempt, is_so):
    """Return when something is so; fail when the run ends before, or takes too long."""
    end = time.monotonic() + TIMEOUT
    while not is_so():
        assert attempt.is_running("target"), "the run ended before"
        assert time.monotonic() < end, "it took too long"
        attempt.pass_time(0.02, "target")


def begun(pipe, service, requests=3, **delay):
    """Start a run against a slow service, and wait until it is under way."""
    service.misbehave_always(Delay(delay.get("seconds", 0.1)))
    attempt = Attempt(pipe)
    until(attempt, lambda: len(service.journal) >= requests)
    return attempt


def lines_in(log):
    return [found[0] for found in LINE.finditer(log)]


class Hammer(threading.Thread):
    """Reads a file as often as it can; each time it must be a whole status of its owner alone."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.seen, self.failed, self.is_over = path, [], None, False

    def run(self):
        try:
            while not self.is_over:
                self._read()
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.failed = error

    def _read(self):
        try:
            with self.path.open() as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                status = json.load(file)
        except FileNotFoundError:
            return
        assert mode == 0o600
        assert status["state"]
        if not self.seen or self.seen[-1] != status:
            self.seen.append(status)
        time.sleep(0.001)


@each_destination
@pytest.mark.parametrize(
    ("roads", "processes"),
    [("records", 0), pytest.param("files", 2, marks=pytest.mark.slow)],
)
def test_lines_come_and_the_status_file_is_whole_whenever_it_is_read(
    pipe, destination, service, company, roads, processes
):
    pipe.target["processes"] = processes
    if roads == "files":
        pipe.tap["batch_config"] = batches_in(pipe.folder)
    hammer = Hammer(pipe.folder / "status.json")
    hammer.start()
    ended = begun(pipe, service).end()
    time.sleep(0.05)
    hammer.is_over = True
    hammer.join()

    assert ended.target_code == ended.tap_code == 0, ended.target_log
    if hammer.failed is not None:
        raise hammer.failed
    _assert_lines_grow(ended.target_log)
    assert any("complete after" in line for line in lines_in(ended.target_log))
    assert any(" % of the range" in line for line in lines_in(ended.target_log))
    assert any(" windows" in line and "100 %" not in line for line in lines_in(ended.tap_log))
    assert "\r" not in ended.tap_log + ended.target_log
    counts = [status["events"] for status in hammer.seen]
    assert counts == sorted(counts)
    assert len(counts) > 3
    last = hammer.seen[-1]
    assert (last["state"], last["share"]) == ("complete", 1.0)
    of_report = pipe.report["streams"].values()
    for name in ("read", "delivered"):
        assert last[name] == sum(each[name] for each in of_report)
    assert last["dead"] == sum(sum(each["dead"].values()) for each in of_report)
    assert json.loads((pipe.folder / "tap").read_text())["state"] == "complete"
    destination.assert_everything_arrived(service, pipe.report, company)
    _assert_table(ended.target_log, pipe)


def _assert_lines_grow(log):
    counts = [int(line.split(" ")[0].replace(",", "")) for line in lines_in(log)]
    assert len(counts) >= 3, log
    assert counts == sorted(counts)


def _assert_table(log, pipe):
    """The table stands at the end, aligned, and says what the report says."""
    lines = [line.rsplit(" | ", 1)[-1] for line in log.splitlines()]
    head = next(n for n, line in enumerate(lines) if line.startswith("stream or name"))
    end = next(n for n, line in enumerate(lines) if re.match(r"[\d,]+ requests, ", line))
    table = lines[head:end]
    assert 2 <= len(table) <= MOST_ROWS
    (name, counts), *_ = pipe.report["streams"].items()
    row = next(line for line in table if line.startswith(name))
    assert row.split()[1:3] == [f"{counts['read']:,}", f"{counts['delivered']:,}"]
    where = table[0].index("delivered") + len("delivered")
    assert all(
        line[where - 1].isdigit() and line[where : where + 1] in ("", " ") for line in table[1:]
    )
    assert f"The run report is in {pipe.folder / 'report.json'}" in log
    (kept,) = (pipe.folder / "reports").iterdir()
    assert str(kept) in log


@each_destination
def test_a_signal_asks_for_the_line_and_ends_nothing(
    pipe, amplitude, destination, service, company
):
    amplitude.misbehave(Hold(), when=lambda exchange: exchange.number == 2)  # the tap is busy yet
    pipe.target["progress_seconds"] = pipe.tap["progress_seconds"] = 0
    pipe.target["processes"] = 1
    attempt = begun(pipe, service)
    logs = [pipe.folder / f"{name}.log" for name in ("tap", "target")]
    amplitude.wait_until_held()
    assert attempt.send(signal.SIGUSR1)
    until(attempt, lambda: all(lines_in(log.read_text()) for log in logs))
    amplitude.release()
    ended = attempt.end()
    assert ended.target_code == ended.tap_code == 0
    assert len(lines_in(ended.target_log)) == 1, "it came but once, and on demand"
    assert len(lines_in(ended.tap_log)) == 1
    destination.assert_everything_arrived(service, pipe.report, company)


def journal_stands_still(service, seconds=2.5):
    before = len(service.journal)
    time.sleep(seconds)
    return len(service.journal) == before


@each_destination
def test_a_control_file_pauses_and_resumes_a_run(pipe, destination, service, company):
    control = pipe.folder / "control"
    attempt = begun(pipe, service)
    control.write_text("pause: true\n")
    until(attempt, lambda: status_of(pipe)["state"] == "paused")
    attempt.pass_time(0.5, "target")  # what was on its way
    assert journal_stands_still(service)
    assert attempt.is_running("target")
    assert any("paused" in line for line in lines_in((pipe.folder / "target.log").read_text()))

    control.write_text(json.dumps({"pause": False}))
    service.behave()
    ended = attempt.end()
    assert ended.target_code == 0, ended.target_log
    assert "Traceback" not in ended.target_log
    destination.assert_everything_arrived(service, pipe.report, company)


@pytest.mark.slow
@each_destination
def test_a_run_may_begin_in_a_pause_and_a_signal_still_stops_it(
    pipe, destination, service, company
):
    (pipe.folder / "control").write_text("pause: true\n")
    before = len(service.journal)
    attempt = Attempt(pipe)
    until(attempt, lambda: (status_of(pipe) or {}).get("state") == "paused")
    assert journal_stands_still(service, 1.5)
    assert attempt.send(signal.SIGTERM, ("target",))
    ended = attempt.end()
    assert ended.target_code == 128 + signal.SIGTERM, ended.target_log
    assert not [each for each in service.journal[before:] if each.body_size > OF_EVENTS]
    assert status_of(pipe)["state"] == "interrupted"
    assert status_of(pipe)["cause"] == "signal 15"

    (pipe.folder / "control").unlink()
    assert pipe.run().target_code == 0
    destination.assert_everything_arrived(service, pipe.report, company)


@pytest.mark.slow
@each_destination
def test_a_control_file_changes_the_pace(pipe, destination, service, company):
    control = pipe.folder / "control"
    attempt = begun(pipe, service, seconds=0.02)
    control.write_text("max_events_per_second: 20\n")
    until(attempt, lambda: status_of(pipe)["max_events_per_second"] == 20)
    time.sleep(0.5)  # what was in flight
    before, start = len(service.journal), time.monotonic()
    time.sleep(4)
    requests, seconds = len(service.journal) - before, time.monotonic() - start
    # At most 20 events a request: one a second, and those that were on their way.
    assert 1 <= requests <= seconds + 3

    control.write_text("max_events_per_second: what you like\n")
    until(attempt, lambda: "changes nothing" in (pipe.folder / "target.log").read_text())
    time.sleep(1.0)
    assert status_of(pipe)["max_events_per_second"] == 20, "the old pace stays"

    control.write_text("max_events_per_second: 0\n")
    ended = attempt.end()
    assert ended.target_code == 0
    assert ended.target_log.count("changes nothing") == 1
    destination.assert_everything_arrived(service, pipe.report, company)


@pytest.mark.slow
@each_destination
def test_a_service_that_refuses_is_waited_for_by_name(pipe, destination, service, company):
    attempt = begun(pipe, service)
    service.misbehave_always(Reply(503))
    until(attempt, lambda: status_of(pipe)["state"] == "waiting")
    assert status_of(pipe)["waiting"][0]["for"] == "destination answers 503"
    service.behave()
    ended = attempt.end()
    assert ended.target_code == 0, ended.target_log
    assert re.search(r"· waiting: destination answers 503, \d+ s$", ended.target_log, re.MULTILINE)
    destination.assert_everything_arrived(service, pipe.report, company)


def command(*arguments, **options):
    """Run `singer-delivery` to its end."""
    return subprocess.run(
        [str(BIN / "singer-delivery"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        **options,
    )


@pytest.mark.slow
@each_destination
def test_reports_are_kept_of_runs_however_they_end_and_runs_lists_them(pipe, destination, service):
    attempt = begun(pipe, service)
    attempt.send(signal.SIGTERM)
    attempt.end()
    attempt = begun(pipe, service, len(service.journal) + 3)
    until(attempt, lambda: status_of(pipe)["state"] != "interrupted" and status_of(pipe)["read"])
    attempt.pass_time(0.3, "target")  # its report follows its status
    attempt.send(signal.SIGKILL)
    attempt.end()
    service.behave()
    service.misbehave_always(Reply(503))
    pipe.target |= {"max_retries": 0}
    pipe.run()
    service.behave()
    pipe.target |= {"max_retries": 5}
    assert pipe.run().target_code == 0

    listed = command("runs", pipe.folder / "reports", "--json")
    runs = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [run["outcome"] for run in runs] == ["interrupted", "killed", "failed", "complete"]
    assert [bool(run["cause"]) for run in runs] == [True, False, True, False]
    assert runs[0]["cause"] == "signal 15"
    assert runs[1]["delivered"] + runs[1]["undecided"] > 0, "the last figures are there"
    of_last = pipe.report["streams"].values()
    assert runs[3]["delivered"] == sum(each["delivered"] for each in of_last)
    assert all(stat.S_IMODE(Path(run["report"]).stat().st_mode) == 0o600 for run in runs)

    named = command("runs", "--target", pipe.target_name, "--config", pipe.folder / "target.json")
    assert named.returncode == 0, named.stderr
    head, *rows = named.stdout.splitlines()
    assert head.split() == ["started", "took", "outcome", "delivered", "dead", "undecided"]
    assert [row for row in rows if "killed" in row]
    assert len(rows) == 4
    for secret in destination.secrets:
        assert secret not in listed.stdout + named.stdout


@each_destination
def test_files_that_nobody_wants_are_not_written(tmp_path, monkeypatch, destination, service):
    command = Command(
        destination.plugin, tmp_path, destination.settings(service), monkeypatch, PlayedClock()
    )
    ended = ROADS[0].send(command, [row(1)], report_path="", reports_path=" ", status_path="")

    assert ended.code == 0, ended.log
    assert "None" not in ended.log
    made = {each.name.partition(".")[0] for each in tmp_path.iterdir()}
    assert made == {"config", "ledger"}


def test_runs_says_what_to_do_where_there_is_nothing(tmp_path):
    done = command("runs", tmp_path / "nowhere")
    assert done.returncode == 1
    assert "is no folder of reports" in done.stderr
    (tmp_path / "verify-20240317T090000Z.json").write_text("{}")
    done = command("runs", tmp_path)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)


@pytest.mark.slow
@pytest.mark.skipif(MELTANO is None, reason="Meltano is not installed; `make test` installs it.")
@pytest.mark.parametrize("destination", [POSTHOG], indirect=True)
def test_lines_pass_meltano_whole(pipe, service):
    service.misbehave_always(Delay(0.1))
    attempt = MeltanoAttempt(pipe)
    ended = attempt.end()
    assert ended.target_code == 0, ended.target_log
    log = re.sub(r"\x1b\[[0-9;]*m", "", ended.target_log)
    for unit, name in (("events", "target-posthog"), ("rows", "tap-amplitude")):
        lines = [line for line in log.splitlines() if re.search(rf"[\d,]+ {unit} \(", line)]
        assert lines, log
        assert all(name in line for line in lines)
    assert re.search(r"[\d,]+ events \([\d,.]+/s\) · at \d{4}-\d\d-\d\d \d\d h", log), log
    assert "stream or name" in log
    assert "\r" not in log


@pytest.mark.slow
@pytest.mark.parametrize("destination", [POSTHOG], indirect=True)
def test_lines_pass_structured_logging(pipe, service, monkeypatch):
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "singer_sdk.logging.StructuredFormatter"}},
        "handlers": {"err": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": "INFO", "handlers": ["err"]},
    }
    path = pipe.folder / "logging.yml"
    path.write_text(json.dumps(config))
    monkeypatch.setenv("SINGER_SDK_LOG_CONFIG", str(path))
    ended = begun(pipe, service).end()
    for log, unit in ((ended.target_log, "events"), (ended.tap_log, "rows")):
        messages = [json.loads(line)["message"] for line in log.splitlines()]
        assert any(re.fullmatch(rf"[\d,]+ {unit}.*complete after .*", each) for each in messages)
