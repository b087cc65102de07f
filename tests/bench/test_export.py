"""The exports of the bench are what they say."""

from __future__ import annotations

import gzip

import orjson
import pytest

from bench.export import crowd, crowd_lines, generated

COPIES = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return crowd(tmp_path_factory.mktemp("crowd") / "export", 500, COPIES)


def rows(export):
    for file in export.files:
        for line in gzip.decompress(file.path.read_bytes()).splitlines():
            yield orjson.loads(line)


def test_every_line_of_a_crowd_is_counted_and_has_an_id_of_its_own(made):
    export, _ = made
    read = list(rows(export))

    assert len(read) == export.lines
    assert len({row["uuid"] for row in read}) == export.lines


def test_the_population_grows_with_the_copies(made):
    export, population = made
    read = list(rows(export))
    users = {row["user_id"] for row in read if str(row["user_id"]).strip().startswith("person-")}
    devices = {row["device_id"] for row in read if row["device_id"]}

    # Those that stand for nobody, such as null, are counted once a copy but are the same in all.
    assert len(users) == pytest.approx(population.users, abs=3 * COPIES)
    assert len(devices) == pytest.approx(population.devices, abs=3 * COPIES)
    assert len(users) % COPIES == len(devices) % COPIES == 0


def test_copies_differ_in_nothing_but_ids(made):
    export, _ = made
    read = list(rows(export))
    kept = ("event_type", "event_time", "event_properties", "country", "session_id")
    shown = [orjson.dumps({key: row.get(key) for key in kept}) for row in read]

    assert all(shown.count(each) % COPIES == 0 for each in shown)


def test_first_files_hold_as_many_lines_as_asked_for_at_least(tmp_path):
    full = generated(tmp_path / "full", 300)

    part = full.first(100, tmp_path / "part")

    assert 100 <= part.lines < full.lines
    assert list(rows(part)) == list(rows(full))[: part.lines]


@pytest.mark.parametrize("events", [10, 20_000, 200_000, 5_000_000, 30_000_000])
def test_a_crowd_of_any_size_has_at_least_two_copies_and_at_most_ninety(events):
    assert 2 <= round(events / crowd_lines(events)) <= 90
