"""`singer-delivery report`: after a run, after a dry run, and as a browser shows it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from singer_delivery.cli.command import cli
from singer_delivery.proof.report_data import data_of
from singer_delivery.proof.report_page import page
from singer_delivery.proof.report_sources import Count

from tests.people.export import Export
from tests.people.runs import PROJECTS, Fed
from tests.singer_delivery.proof.evidence import HOSTILE, evidence, plan, run, verified

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium here.")


def report(fed: Fed, *options: str) -> tuple[str, dict[str, Any]]:
    """Return the page that the command writes, and the JSON in it."""
    path = fed.folder / "page.html"
    name = fed.project.destination.plugin.name
    ended = CliRunner().invoke(
        cli,
        ["report", "--target", name, "--config", str(fed.folder / "config.json"),
         "--output", str(path), *options],
    )  # fmt: skip
    assert ended.exit_code == 0, ended.output
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text("utf-8")
    (inside,) = re.findall(r'<script type="application/json" id="report">(.*)</script>', text)
    return text, json.loads(inside)


@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_after_a_run_it_tells_what_the_books_hold(project, tmp_path, monkeypatch):
    export = Export(7, users=20, days=3, times=1)
    with project.open() as fake:
        fed = Fed(project, tmp_path, monkeypatch)
        fed.run(fake, [export.lines, export.lines], max_dead_letters="100%")
        held = project.held(fake, export.truth)
        text, data = report(fed)
        secrets = [*project.destination.secrets]

    assert data["kind"] == "report"
    assert data["verdict"]["state"] == "not verified"
    rows = {row["uuid"]: row for row in map(orjson.loads, export.lines)}
    arrived = [rows[uuid] for uuid in held.events]
    assert sum(each[2] for each in data["names"]) == sum(each[1] for each in data["days"])
    assert sum(each[2] for each in data["names"]) == len(arrived)
    if project.name == "posthog":
        due = Counter(row["event_time"][:10] for row in arrived)
        assert {day: count for day, count, *_ in data["days"]} == due
    assert {each["reason"] for each in data["dead"]} == {*export.truth.dead.values()}
    for secret in secrets:
        assert secret not in text
    assert data["vendors"] == ["Amplitude"]
    (title,) = re.findall("<title>(.*)</title>", text)
    assert title.startswith(f"Report: Amplitude to {project.destination.plugin.name}, ")
    left = {column for each in data["columns"] for column in each["columns"]}
    assert {"$schema", "$insert_key", "processed_time", "data"} <= left, "storage of Amplitude's"


@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_after_a_dry_run_it_is_a_plan(project, tmp_path, monkeypatch):
    export = Export(7, users=20, days=3, times=1)
    with project.open() as fake:
        fed = Fed(project, tmp_path, monkeypatch)
        fed.run(
            fake, [export.lines], dry_run=True, output_path=str(tmp_path / "out"),
            sample_users="50%", max_dead_letters="100%",
        )  # fmt: skip
        text, data = report(fed)

    assert data["kind"] == "plan"
    said = orjson.loads((tmp_path / "report.json").read_bytes())["plan"]
    assert data["verdict"]["sentence"].startswith(
        f"Plan for a sample of 50 % of people: {said['events']:,} events of {said['people']:,} "
    )
    assert sum(each["sent"] for each in data["months"]) == said["events"]
    assert "What will happen, and what it costs" in text
    assert ["Events", f"about {2 * said['events']:,}"] in data["plan"]["whole"]


def test_a_page_that_cannot_be_written_is_a_sentence(tmp_path, monkeypatch):
    project = PROJECTS[0]
    with project.open() as fake:
        fed = Fed(project, tmp_path, monkeypatch)
        fed.run(fake, [Export(7, users=2, days=1, times=0).lines], max_dead_letters="100%")
    with pytest.raises(Exception, match=r"could not be written to .*page.html .* set --output"):
        CliRunner().invoke(
            cli,
            ["report", "--target", "target-posthog", "--config", str(tmp_path / "config.json"),
             "--output", str(tmp_path / "config.json" / "page.html")],
            catch_exceptions=False,
        )  # fmt: skip


# In a browser ---------------------------------------------------------------------------------


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """Take requests on a port; yield it, and what came."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    came.append(connection.recv(1024))
                    connection.sendall(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)


def chromium(folder: Path, path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    return subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--no-first-run", "--enable-logging=stderr",
         f"--user-data-dir={folder / 'profile'}", *options, path.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


def console(ended: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in ended.stderr.splitlines() if "CONSOLE" in line]


def written(folder: Path, names: list[str]) -> Path:
    cells = [Count(f"2024-03-{day:02}", name, name, 40 * day) for day in range(1, 29)
             for name in names]  # fmt: skip
    lost = {("2024-03-09", names[0]): 5}
    made = evidence(counts=cells, verified=verified(cells, lost))
    path = folder / "page.html"
    path.write_text(page(data_of(made, lambda reason: (reason, reason), with_ids=True)), "utf-8")
    return path


@needs_chromium
def test_a_browser_shows_it_asks_for_nothing_and_runs_no_name(tmp_path):
    with listening() as (port, came):
        probe = f"<img src=http://127.0.0.1:{port}/x><script>console.log('ran')</script>"
        path = written(tmp_path, [HOSTILE, probe, "Song Played"])
        ended = chromium(tmp_path, path, "--dump-dom")
        assert console(ended) == []
        assert came == []

        # The same is seen where it is no text: the test would notice.
        careless = tmp_path / "careless.html"
        careless.write_text(f"<!doctype html><title>x</title>{probe}")
        seen = chromium(tmp_path, careless, "--dump-dom")
        assert any("ran" in line for line in console(seen))
        assert came

    dom = ended.stdout
    assert dom.count("<script") == 1
    assert '&lt;script&gt;alert("x")&lt;/script&gt;' in dom
    assert "The numbers differ: 5 of" in dom
    assert "<svg" in dom


@needs_chromium
@pytest.mark.parametrize("kind", ["report", pytest.param("plan", marks=pytest.mark.slow)])
def test_it_is_drawn_and_printed(tmp_path, kind):
    path = written(tmp_path, ["Song Played"])
    if kind == "plan":
        made = evidence(runs=[run(plan=plan())])
        path.write_text(page(data_of(made, lambda reason: (reason, ""))), "utf-8")
    picture, paper = tmp_path / "page.png", tmp_path / "page.pdf"
    drawn = chromium(tmp_path, path, f"--screenshot={picture}", "--window-size=900,1200")
    printed = chromium(tmp_path, path, f"--print-to-pdf={paper}")
    assert console(drawn) + console(printed) == []
    assert picture.stat().st_size > 30_000  # an empty page of this size has 5,000 bytes
    assert len(re.findall(rb"/Type /Page\b", paper.read_bytes())) > 1
