"""Our pipes run as asked, and a bench that lost something fails."""

from __future__ import annotations

import json

import pytest
from singer_delivery.model import Facts

from bench.export import generated
from bench.peers.default_target import Memory
from bench.peers.pipelines import SdkDefaults
from bench.pipelines import Ours, checked, run
from bench.processes import RunFailed
from bench.services import OTHERS, SERVICES
from bench.sink import Counts


@pytest.fixture
def report(tmp_path):
    def write(*, read=10, delivered=7):
        content = {
            "streams": {
                "events": {
                    "read": read,
                    "delivered": delivered,
                    "skipped": {"excluded": 2},
                    "dead": {"no_identity": 1},
                }
            },
            "endpoints": {"/import": {"delivered": 6}, "/engage": {"delivered": 3}},
        }
        path = tmp_path / "report.json"
        path.write_text(json.dumps(content))
        return path

    return write


ALL = Counts(events=6, updates=3)


def test_what_adds_up_passes(report):
    assert checked(report(), 10, ALL) == 9


@pytest.mark.parametrize(
    ("wrong", "lines", "counts"),
    [
        ({"delivered": 6}, 10, ALL),
        ({"read": 9, "delivered": 6}, 10, ALL),
        ({}, 11, ALL),
        ({}, 10, Counts(events=5, updates=3)),
        ({}, 10, Counts(events=6, updates=4)),
    ],
    ids=["undecided", "unread", "another export", "lost", "too many"],
)
def test_what_does_not_add_up_fails(report, wrong, lines, counts):
    with pytest.raises(RunFailed):
        checked(report(**wrong), lines, counts)


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return generated(tmp_path_factory.mktemp("bench") / "export", 300)


@pytest.mark.slow
def test_what_capture_v1_takes_is_what_v0_takes(export, tmp_path):
    service = next(each for each in SERVICES if each.target in OTHERS)
    runs = [Ours(each) for each in (service, service.other(**OTHERS[service.target]))]

    v0, v1 = (run(each, export, tmp_path / "run") for each in runs)

    assert [each.name for each in runs][1] == f"{runs[0].name}, capture: v1"
    assert v1.counts.events == v0.counts.events == v1.sent


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
@pytest.mark.parametrize("processes", [0, 2])
def test_as_many_processes_map_as_asked_and_their_cpu_is_not_the_sending_one_s(
    service, processes, export, tmp_path
):
    outcome = run(Ours(service, processes=processes), export, tmp_path / "run")
    tap, target = outcome.measured.usages

    assert outcome.lines == export.lines
    assert outcome.arrived == 1
    assert min(tap.own_cpu, target.own_cpu) > 0.05  # Python and its imports
    assert (target.children_cpu > 0.05 * processes) if processes else target.children_cpu < 0.05


def test_the_peer_with_our_mapping_answers_all_that_a_mapping_may_ask():
    asked = {name for name in vars(Facts) if not name.startswith("_")}
    assert asked <= {*dir(Memory)}


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_peer_with_our_mapping_delivers_all_of_it(service, tmp_path):
    export = generated(tmp_path / "export", 3_000)
    assert run(SdkDefaults(service), export, tmp_path / "run").sent >= export.lines * 0.9
