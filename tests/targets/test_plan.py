"""A dry run's plan, held against the run that follows it, and against the export itself."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from tests.destinations import DESTINATIONS
from tests.end_to_end.commands import Command
from tests.people.export import Export
from tests.people.runs import PROJECTS, Fed
from tests.singer_delivery.toys import PlayedClock

BILLED = {"target-posthog": None, "target-mixpanel": {"event", "link"},
          "target-amplitude": {"event", "creation"}}  # fmt: skip
"""Kinds that count to the bill (the vendors' docs); None: all."""


def report(fed: Fed) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((fed.folder / "report.json").read_bytes())
    return found


@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_the_plan_is_what_the_run_then_does(project, tmp_path, monkeypatch):
    export = Export(7, users=30, days=3, times=1)
    anything = {"max_dead_letters": "100%", "max_in_flight": 1}  # pieces as large as can be
    with project.open() as fake:
        fed = Fed(project, tmp_path, monkeypatch)
        fed.run(fake, [export.lines], dry_run=True, output_path=str(tmp_path / "out"), **anything)
        said = report(fed)
        assert fake.journal == []
        fed.run(fake, [export.lines], **anything)
        done = report(fed)

    plan = said["plan"]
    assert "plan" not in done
    assert plan["kinds"] == said["sent"] == done["sent"]
    assert plan["events"] == done["sent"]["event"]
    assert plan["links"] == done["sent"].get("link", 0)
    sent = {name: each["bytes_sent"] for name, each in done["endpoints"].items()}
    planned = {name: each["bytes_compressed"] for name, each in plan["endpoints"].items()}
    assert planned.keys() == sent.keys()
    assert sum(planned.values()) == pytest.approx(sum(sent.values()), rel=0.35)
    requests = sum(each["requests"] for each in done["endpoints"].values())
    assert 1 <= plan["requests"] <= requests

    kinds = BILLED[project.destination.plugin.name]
    counted = done["sent"] if kinds is None else {k: done["sent"].get(k, 0) for k in kinds}
    assert plan["billed"]["events"] == sum(counted.values())


@pytest.mark.parametrize("project", PROJECTS[:1], ids=str)
def test_events_of_the_plan_are_counted_by_the_months_of_the_export(project, tmp_path, monkeypatch):
    export = Export(7, users=20, days=40, times=0)
    with project.open() as fake:
        fed = Fed(project, tmp_path, monkeypatch)
        fed.run(
            fake, [export.lines], dry_run=True, output_path=str(tmp_path / "out"),
            max_dead_letters="100%",
        )  # fmt: skip
    rows = {row["uuid"]: row for row in map(orjson.loads, export.lines)}
    due = Counter(rows[uuid]["event_time"][:7] for uuid in export.truth.events)
    assert len(due) > 1
    assert report(fed)["plan"]["months"] == dict(sorted(due.items()))


SCHEMA = {"type": "SCHEMA", "stream": "orders", "key_properties": ["id"],
          "schema": {"properties": {"id": {}, "customer": {}, "at": {}}}}  # fmt: skip
STREAMS = {"orders": {"event": "Order", "distinct_id": "customer", "timestamp": "at"}}


def orders(*times: str) -> bytes:
    records = [
        {"type": "RECORD", "stream": "orders", "record": {"id": n, "customer": f"c{n}", "at": at}}
        for n, at in enumerate(times)
    ]
    return b"".join(orjson.dumps(each) + b"\n" for each in (SCHEMA, *records))


@pytest.mark.parametrize(
    ("name", "old", "new"), [("posthog", None, "younger_than_48_hours"),
                             ("mixpanel", "older_than_retention", None)],
)  # fmt: skip
def test_what_is_billed_for_nothing_is_a_warning(name, old, new, tmp_path, monkeypatch):
    now = datetime.now(timezone.utc)
    times = [now - timedelta(days=days) for days in (0.1, 0.5, 20, 2_000, 2_001, 2_002)]
    (destination,) = [each for each in DESTINATIONS if each.name == name]
    with destination.open() as fake:
        config = {**destination.settings(fake), "streams": STREAMS, "dry_run": True,
                  "output_path": str(tmp_path / "out")}  # fmt: skip
        command = Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())
        ended = command.run(orders(*(each.isoformat() for each in times)))

    assert ended.code == 0, ended.log
    billed = command.report["plan"]["billed"]
    due = [(new, 2)] if new else [(old, 3)]
    assert [(each["note"], each["events"]) for each in billed["warnings"]] == due
    assert billed["warnings"][0]["sentence"] in ended.log
    assert "Plan: what a run of these settings sends" in ended.log
