"""Parts of an hour are shards: who used a device first does not depend on their numbers."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.pipe import batches_in, make_pipe
from tests.examples import first_of
from tests.fakes.company import Company

PARTS = {
    627: [("10:00", None, 1, 6), ("10:01", "amy", 1, 7)],
    70: [("10:20", "ben", 2, 8)],
}
"""Amy's rows, and later Ben's on the same tablet; the part with the higher number comes first."""


def line_of(minute, user, amplitude_id, event_id):
    time = f"2024-03-01 {minute}:00.000000"
    row = {
        "app": 1,
        "uuid": f"00000000-0000-4000-8000-00000000000{event_id}",
        "event_type": "Login" if user else "Landing",
        "event_time": time,
        "server_upload_time": time,
        "user_id": user,
        "device_id": "tablet",
        "amplitude_id": amplitude_id,
        "event_id": event_id,
    }
    return json.dumps(row)


def owners_in(sent):
    """Whom the tablet is linked to, in what a target sends."""
    events = [each["event"] for each in sent]
    if "event_type" in events[0]:
        return [(each["user_id"], each["device_id"]) for each in events if "user_id" in each]
    aliases = [each for each in events if each["event"] == "$create_alias"]
    if aliases:
        return [(each["distinct_id"], each["properties"]["alias"]) for each in aliases]
    found = [each["properties"] for each in events]
    return [(each["$user_id"], each["$device_id"]) for each in found if len(IDS & {*each}) == 2]


IDS = {"$user_id", "$device_id"}


@pytest.mark.parametrize(
    ("road", "processes"),
    first_of([("files", 2), ("records", 0), ("records", 2), ("files", 0)]),
)
def test_a_tablet_is_hers_who_used_it_first(tmp_path, destination, road, processes):
    (tmp_path / "export").mkdir()
    for part, rows in PARTS.items():
        content = "\n".join(line_of(*row) for row in rows)
        (tmp_path / "export" / f"1_2024-03-01_10#{part}.json").write_text(content)
    output = tmp_path / "out.jsonl"
    with destination.open(Company(events=10)) as fake:
        more = {"dry_run": True, "output_path": str(output), "processes": processes}
        pipe = make_pipe(tmp_path, None, destination, fake, **more)
        pipe.tap["archive_path"] = str(tmp_path / "export")
        if road == "files":
            pipe.tap["batch_config"] = batches_in(tmp_path)
        ended = pipe.run()
    assert (ended.tap_code, ended.target_code) == (0, 0), ended.target_log
    sent = [json.loads(line) for line in output.read_text().splitlines()]
    owners = owners_in(sent)
    assert owners[0] == ("amy", "tablet")
    # At Amplitude the tablet is its last user's, and whoever came first has what was before.
    assert owners[1:] == ([("ben", "tablet")] if destination.name == "amplitude" else [])
