"""`singer-delivery verify` as a shell runs it: it finds each gap, and its command closes it.

Real processes and HTTP. Which hours lack something is computed from the export, not from the books.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.destinations import AMPLITUDE, MIXPANEL, POSTHOG, Destination
from tests.end_to_end.pipe import BIN, TIMEOUT, Pipe, all_hours, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
OTHER_HOUR = "2026-03-02T05"
ID = {POSTHOG: "uuid", MIXPANEL: "insert_id"}


@dataclass
class Migration:
    """One migration that is done, and whoever asks whether the numbers match."""

    pipe: Pipe
    company: Company
    destination: Destination
    fake: Any
    amplitude: FakeAmplitude

    def verify(self, *options: str) -> subprocess.CompletedProcess[str]:
        folder = self.pipe.folder
        command = [
            *(str(BIN / "singer-delivery"), "verify", "--target", self.destination.target),
            *("--config", str(folder / "target.json"), "--interval", "0.1", "--wait", "5"),
            *("--source", "tap-amplitude", "--source-config", str(folder / "tap.json"), *options),
        ]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False, cwd=folder
        )

    def result(self, *options: str) -> tuple[int, dict[str, Any], str]:
        ended = self.verify("--json", *options)
        assert ended.stdout, ended.stderr
        return ended.returncode, json.loads(ended.stdout), ended.stderr

    def events(self) -> list[dict[str, Any]]:
        """What the service has of the events that people did."""
        known = {each.id for each in self.destination.events(self.fake)}
        return [each for each in self.fake.stored() if each[ID[self.destination]] in known]

    def hours_of(self, ids: set[str]) -> set[str]:
        """The hours of the export that hold these events, by the export alone."""
        return {
            f"{hour:%Y-%m-%dT%H}"
            for hour, lines in self.company.hours().items()
            if self.destination.due(self.company, {orjson.loads(line)["uuid"] for line in lines})
            & ids
        }

    def lose(self, ids: set[str]) -> None:
        assert self.fake.lose(lambda each: each[ID[self.destination]] in ids) >= len(ids)

    def id_of(self, event: dict[str, Any]) -> str:
        return str(event[ID[self.destination]])

    def day_of(self, event: dict[str, Any]) -> str:
        if self.destination is POSTHOG:
            return str(event["timestamp"][:10])
        return str(datetime.fromtimestamp(event["time"] / 1_000, timezone.utc).date())


@pytest.fixture(scope="module")
def company():
    return Company(seed=14, events=500, start=START, hours=50)


@pytest.fixture
def migration(request, tmp_path, company) -> Iterator[Migration]:
    destination = request.param
    with FakeAmplitude(company.hours()) as amplitude, destination.open(company) as fake:
        pipe = all_hours(make_pipe(tmp_path, amplitude, destination, fake), company)
        pipe.target |= asking(destination, fake)
        ended = pipe.run()
        assert ended.target_code == 0, ended.target_log
        yield Migration(pipe, company, destination, fake, amplitude)


def asking(destination: Destination, fake: Any) -> dict[str, Any]:
    """Return the settings by which a service is asked."""
    if destination is POSTHOG:
        return {"project_id": 12345, "personal_api_key": fake.queries.personal_key}
    return {"query_base_url": fake.url} if destination is MIXPANEL else {}


both = pytest.mark.parametrize(
    "migration",
    [POSTHOG, pytest.param(MIXPANEL, marks=pytest.mark.slow)],
    ids=str,
    indirect=True,
)
posthog = pytest.mark.parametrize("migration", [POSTHOG], ids=str, indirect=True)
slow = pytest.mark.slow


def cells_of(migration: Migration, lost: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((migration.day_of(each), each["event"]) for each in lost)


def assert_found_and_closed(migration: Migration, lost: list[dict[str, Any]]) -> None:
    """Lose events, have them found exactly, run the printed command, have nothing found."""
    ids = {migration.id_of(each) for each in lost}
    before = {migration.id_of(each) for each in migration.events()}
    migration.lose(ids)

    code, result, log = migration.result()

    assert (code, result["verdict"]) == (1, "differs"), log
    fewer = {
        (cell["day"], cell["name"]): cell["sent"] - cell["found"]
        for cell in result["cells"]
        if cell["verdict"] == "fewer"
    }
    assert fewer == dict(cells_of(migration, lost))
    assert result["missing"]["events"] == len(lost)
    assert set(result["missing"]["hours"]) == migration.hours_of(ids)

    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    again = subprocess.run(
        ["bash", "-ec", result["missing"]["command"]],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        cwd=migration.pipe.folder,
    )
    assert again.returncode == 0, again.stderr
    code, result, log = migration.result()
    assert (code, result["verdict"], result["cells"]) == (0, "equal", []), log
    assert {migration.id_of(each) for each in migration.events()} == before


def an_event(migration: Migration, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [events[len(events) // 2]]


def a_day(migration: Migration, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    first = min(migration.day_of(each) for each in events)
    return [each for each in events if migration.day_of(each) == first]


def a_name(migration: Migration, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    name = Counter(each["event"] for each in events).most_common(2)[1][0]
    return [each for each in events if each["event"] == name]


@both
@pytest.mark.parametrize(
    "lost",
    [an_event, pytest.param(a_day, marks=slow), pytest.param(a_name, marks=slow)],
    ids=lambda lost: lost.__name__,
)
def test_each_kind_of_gap_is_found_exactly_and_its_command_closes_it(migration, lost):
    code, result, log = migration.result()
    assert (code, result["verdict"], result["cells"]) == (0, "equal", []), log
    sent = Counter((migration.day_of(each), each["event"]) for each in migration.events())
    assert sum(each["sent"] for each in result["days"]) == sum(sent.values())
    assert {each["name"]: each["found"] for each in result["names"]} == Counter(
        each["event"] for each in migration.events()
    )
    assert_found_and_closed(migration, lost(migration, migration.events()))


@slow
@both
def test_a_duplicate_and_events_of_others_make_no_difference_and_are_told(migration):
    event = migration.events()[0]
    migration.fake.repeat(lambda each: migration.id_of(each) == migration.id_of(event))
    if migration.destination is POSTHOG:
        migration.fake.queries.merges_at = 1_000
        foreign = "0190a7de-0000-7000-8000-00000000dead"
        migration.fake.plant(event["event"], event["timestamp"], uuid=foreign)
    else:
        migration.fake.plant(event["event"], event["time"], insert_id="foreign")

    code, result, log = migration.result("--both-ways")

    assert (code, result["verdict"], result["cells"]) == (0, "equal", []), log
    assert result["others"] == [{"name": event["event"], "found": 1}]
    if migration.destination is POSTHOG:
        assert [each["reason"] for each in result["reasons"]] == ["duplicates"]


@slow
@both
def test_an_event_of_another_under_our_mark_is_more_and_an_error_both_ways_only(migration):
    event = migration.events()[0]
    if migration.destination is POSTHOG:
        foreign = "0190a7de-0000-7000-8000-00000000dead"
        migration.fake.plant(event["event"], event["timestamp"], uuid=foreign, lib="target-posthog")
    else:
        migration.fake.plant(event["event"], event["time"], insert_id="x", lib="target-mixpanel")
    code, result, _ = migration.result()
    assert (code, result["verdict"]) == (0, "equal")
    assert [(each["name"], each["verdict"]) for each in result["cells"]] == [
        (event["event"], "more")
    ]
    assert migration.result("--both-ways")[0] == 1


@pytest.mark.slow
@posthog
def test_the_table_for_people(migration):
    events = migration.events()
    lost = events[7]
    migration.lose({migration.id_of(lost)})
    ended = migration.verify()
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    assert lines[0] == "PostHog, project 12345: It differs."
    rows = [line.split() for line in lines]
    assert ["events", f"{len(events):,}", f"{len(events) - 1:,}"] in rows
    assert any(row[:1] == [migration.day_of(lost)] and row[-1:] == ["fewer"] for row in rows)
    (hour,) = migration.hours_of({migration.id_of(lost)})
    assert f"  {hour}" in lines
    assert any("tap-amplitude --config" in line and "| target-posthog" in line for line in lines)
    assert "queries of PostHog" in ended.stderr
    kept = sorted(migration.pipe.folder.rglob("verify-*.json"))
    assert json.loads(kept[-1].read_text())["verdict"] == "differs"
    assert max(map(len, lines[: lines.index("To know:")])) < 1_000
    written = ended.stdout + ended.stderr + kept[-1].read_text()
    for secret in (migration.fake.queries.personal_key, *migration.destination.secrets):
        assert secret not in written


@both
def test_the_report_tells_the_verdict_and_the_days_that_differ(migration):
    events = migration.events()
    lost = events[7]
    migration.lose({migration.id_of(lost)})
    assert migration.verify().returncode == 1
    folder = migration.pipe.folder
    ended = subprocess.run(
        [*(str(BIN / "singer-delivery"), "report", "--target", migration.destination.target),
         *("--config", str(folder / "target.json"), "--output", "page.html")],
        capture_output=True, text=True, timeout=TIMEOUT, check=False, cwd=folder,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert f"The numbers differ: 1 of {len(events):,} events are missing at" in ended.stdout
    text = (folder / "page.html").read_text("utf-8")
    data = json.loads(text.split('id="report">')[1].split("</script>")[0])
    assert data["verdict"]["state"] == "differs"
    assert [day[0] for day in data["days"] if day[3] == "fewer"] == [migration.day_of(lost)]
    assert data["missing"]["hours"] == [*migration.hours_of({migration.id_of(lost)})]
    (source,) = data["sources"]
    assert source["gaps"] == []
    assert sum(hours for *_, hours in source["ranges"]) == 50
    for secret in migration.destination.secrets:
        assert secret not in text


@slow
@posthog
def test_it_waits_while_the_destination_takes_in(migration):
    migration.fake.queries.late.extend([30, 0])
    code, result, log = migration.result()
    assert (code, result["verdict"]) == (0, "equal")
    assert "reading again in 0 s" in log


@slow
@posthog
def test_what_cannot_be_asked_is_code_2_with_a_sentence(migration):
    migration.fake.queries.plan = "over"
    code, result, _ = migration.result()
    assert (code, result["verdict"]) == (2, "unknown")
    assert "(402)" in result["reasons"][0]["sentence"]
    del migration.pipe.target["personal_api_key"]
    (migration.pipe.folder / "target.json").write_text(json.dumps(migration.pipe.target))
    ended = migration.verify()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "`personal_api_key`" in ended.stderr


@slow
@posthog
def test_what_it_costs_is_said_without_asking(migration):
    asked = len(migration.fake.queries.asked)
    ended = migration.verify("--cost")
    assert ended.returncode == 0
    assert "This takes 5 queries of PostHog" in ended.stderr
    assert len(migration.fake.queries.asked) == asked


@slow
@posthog
def test_the_books_stand_beside_the_charts_of_the_source_and_never_fail(migration):
    migration.amplitude.charts.hidden = {"session_start"}
    ended = migration.verify("--source-timezone", "UTC")
    assert ended.returncode == 0
    assert "Amplitude's own charts beside the books" in ended.stdout
    migration.pipe.tap["secret_key"] = "wrong"
    (migration.pipe.folder / "tap.json").write_text(json.dumps(migration.pipe.tap))
    ended = migration.verify("--source-timezone", "UTC")
    assert ended.returncode == 0
    assert "The source was not asked" in ended.stderr


@slow
@posthog
def test_an_interrupt_is_130(migration):
    migration.lose({migration.id_of(migration.events()[0])})
    folder = migration.pipe.folder
    process = subprocess.Popen(
        [
            *(str(BIN / "singer-delivery"), "verify", "--target", "target-posthog"),
            *("--config", str(folder / "target.json"), "--interval", "60"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    assert process.stderr is not None
    while "reading again" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert "Interrupted" in log
    assert "Traceback" not in log


@pytest.mark.slow
def test_amplitude_says_in_a_sentence_that_it_cannot_be_asked_yet(tmp_path: Path):
    (tmp_path / "target.json").write_text(json.dumps({"api_key": "0" * 32}))
    ended = subprocess.run(
        [
            *(str(BIN / "singer-delivery"), "verify", "--target", AMPLITUDE.target),
            *("--config", "target.json"),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 2
    assert "cannot be asked yet" in ended.stderr
    assert "Traceback" not in ended.stderr
