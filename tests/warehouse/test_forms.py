"""Whatever form rows come back in, a target makes the same of them as of the plain export.

The target is the real process; a dry run writes every event, and the files are compared byte for
byte. Each form is a stream of its own, with people of its own.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.destinations import DESTINATIONS, Destination
from tests.end_to_end.pipe import BIN, TIMEOUT
from tests.examples import first_of
from tests.warehouse.forms import COLUMNS, FORMS, LISTS, OBJECTS, Form, Row, a_row, packed

EACH_COLUMN = "one column"
"""The stream whose rows have JSON text in one of their columns only."""

PLAIN = Form(lambda row: row, lambda name: COLUMNS[name])


def plain_rows() -> dict[str, list[Row]]:
    """Return the rows of each stream as the export has them."""
    rows = {
        name: [
            a_row(n, f"{place:02}", **form.fields, **({"user_id": None} if n == 3 else {}))
            for n in range(4)
        ]
        for place, (name, form) in enumerate(FORMS.items())
    }
    filled = FORMS["json text"].fields
    rows[EACH_COLUMN] = [a_row(n, "each", **filled) for n in range(2 * len((*OBJECTS, *LISTS)))]
    rows[EACH_COLUMN] += [a_row(99, "each", **{column: {} for column in OBJECTS})]
    return rows


def in_form(name: str, rows: list[Row]) -> list[Row]:
    """Return rows as their stream has them."""
    if name in FORMS:
        return [FORMS[name].of(row) for row in rows]
    columns = [*OBJECTS, *LISTS]
    changed = [packed(row, 1, column) for row, column in zip(rows, columns, strict=False)]
    twice = rows[len(columns) : -1]
    changed += [packed(row, 2, column) for row, column in zip(twice, columns, strict=True)]
    return [*changed, packed(rows[-1])]


def schema_message(name: str, form: Form, rows: list[Row]) -> dict[str, Any]:
    return {"type": "SCHEMA", "stream": name, "schema": form.schema(rows), "key_properties": []}


def as_records(name: str, rows: list[Row], _folder: Path) -> list[dict[str, Any]]:
    return [{"type": "RECORD", "stream": name, "record": row} for row in rows]


def as_batches(name: str, rows: list[Row], folder: Path) -> list[dict[str, Any]]:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    encoding = {"format": "jsonl", "compression": "none"}
    manifest = [path.as_uri()]
    return [{"type": "BATCH", "stream": name, "encoding": encoding, "manifest": manifest}]


ROADS = {"RECORD": as_records, "BATCH": as_batches}


def sent(
    destination: Destination, folder: Path, messages: list[dict[str, Any]], **settings: Any
) -> list[str]:
    """Return each event that the target would send, sorted: processes differ in their order."""
    config = {
        "dry_run": True,
        "output_path": str(folder / "dry.jsonl"),
        "ledger_url": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "dead_letter_path": str(folder / "dead.singer"),
        "report_path": str(folder / "report.json"),
        "status_path": str(folder / "status.json"),
        "reports_path": str(folder / "reports"),
        **settings,
    }
    (folder / "config.json").write_text(json.dumps(config))
    done = subprocess.run(
        [str(BIN / destination.target), "--config", str(folder / "config.json")],
        input="".join(f"{json.dumps(message)}\n" for message in messages).encode(),
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads((folder / "report.json").read_text())
    assert all(not stream["dead"] for stream in report["streams"].values()), report
    return sorted((folder / "dry.jsonl").read_text().splitlines())


@pytest.fixture(scope="module", params=DESTINATIONS, ids=str)
def plain(request, tmp_path_factory) -> tuple[Destination, list[str]]:
    """A destination, and what becomes of the plain export there."""
    messages = []
    for name, rows in plain_rows().items():
        messages += [schema_message(name, PLAIN, rows), *as_records(name, rows, Path())]
    return request.param, sent(request.param, tmp_path_factory.mktemp("plain"), messages)


@pytest.mark.parametrize(
    ("road", "processes"),
    [
        ("RECORD", 0),
        ("BATCH", 2),
        pytest.param("RECORD", 2, marks=pytest.mark.slow),
        pytest.param("BATCH", 0, marks=pytest.mark.slow),
    ],
)
def test_rows_in_any_form_become_what_plain_rows_become(plain, road, processes, tmp_path):
    destination, expected = plain
    messages = []
    for name, rows in plain_rows().items():
        changed = in_form(name, rows)
        form = FORMS.get(name, PLAIN)
        messages.append(schema_message(name, form, changed))
        messages += ROADS[road](name, changed, tmp_path)
    assert sent(destination, tmp_path, messages, processes=processes) == expected
    assert len(expected) > sum(map(len, plain_rows().values()))  # groups are told as well


@pytest.mark.parametrize("depth", first_of([3, 1]))
@pytest.mark.parametrize("road", ROADS)
def test_flattening_in_the_target_changes_nothing(plain, road, depth, tmp_path):
    destination, expected = plain
    messages = []
    for name, rows in plain_rows().items():
        messages += [schema_message(name, PLAIN, rows), *ROADS[road](name, rows, tmp_path)]
    flattening = {"flattening_enabled": True, "flattening_max_depth": depth}
    assert sent(destination, tmp_path, messages, **flattening) == expected
