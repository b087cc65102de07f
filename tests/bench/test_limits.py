"""Limits stand beside the figures, and each process has its own."""

from __future__ import annotations

import pytest

from bench import costs
from bench.export import Export, File
from bench.figures import mapping_cpu, most_rate, sending_cpu, tap_cpu
from bench.limits import LIMITS, Limit, limits
from bench.peers.pipelines import MixpanelImport, SdkDefaults
from bench.pipelines import MeltanoRun, Ours, Outcome
from bench.processes import Measured, Usage
from bench.services import SERVICES
from bench.sink import Counts
from bench.trials import Comparison, Results, Trial

LINES = 100_000
MIXPANEL = next(each for each in SERVICES if each.target == "target-mixpanel")


def outcome(seconds, *, tap=1.0, sending=1.2, mapping=3.0, mb=100.0):
    """A run of a pipe, with the CPU seconds of each of its processes."""
    usages = (Usage(tap, tap, mb / 2, mb / 2), Usage(sending + mapping, sending, mb, 2 * mb))
    return Outcome(LINES, LINES, Counts(events=LINES), Measured(seconds, usages, b""))


@pytest.fixture
def measured(tmp_path):
    """A destination whose pipes keep every limit, and what came of them."""
    export = Export(tmp_path, (File(tmp_path / "file", LINES),))
    record, batch = (Trial(Ours(MIXPANEL, each), export) for each in (False, True))
    runs = [Trial(MeltanoRun(MIXPANEL, "meltano", tmp_path, each), export) for each in (0, 1)]
    slow, peer = Trial(SdkDefaults(MIXPANEL), export), Trial(MixpanelImport(), export)
    scales = {count: Trial(Ours(MIXPANEL, processes=count), export) for count in (1, 4)}
    seconds = {
        record: 5,
        batch: 4,
        runs[0]: 6,
        runs[1]: 4.5,
        slow: 61,
        peer: 18,
        **dict.fromkeys(scales.values(), 5),
    }
    found = Comparison(MIXPANEL, [record, batch], runs, [], scales, [], [slow, peer])
    return found, Results({trial: [outcome(each)] for trial, each in seconds.items()})


def figures(lines):
    """Return the cells of the rows of a table, by the first one."""
    rows = [line.replace("\\|", "!").split("|")[1:-1] for line in lines if line.startswith("|")]
    return {name.strip(): [cell.strip() for cell in cells] for name, *cells in rows}


def shown(found, results):
    return {name: cells[-1] for name, cells in figures(limits([found], results)).items()}


def test_what_is_as_asked_is_kept(measured):
    kept = shown(*measured)
    del kept[""], kept[next(name for name in kept if name.startswith("-"))]

    assert len(kept) == len(LIMITS)
    assert all(cell.endswith(", kept") for cell in kept.values())
    assert kept["CPU µs an event of all processes, RECORD"] == "52.0, kept"
    assert kept["CPU µs an event of the sending process, BATCH"] == "12.0, kept"
    assert kept["RECORD ÷ Singer SDK defaults"] == "12.2, kept"
    assert kept["meltano run ÷ bare pipe, BATCH"] == "0.89, kept"


@pytest.mark.parametrize(
    ("place", "worse", "missed"),
    [
        (0, {"mapping": 3.7}, {"CPU µs an event of all processes, RECORD"}),
        (0, {"sending": 1.5}, {"CPU µs an event of the sending process, RECORD"}),
        (0, {"mb": 151}, {"MB of the largest process, highest"}),
        (1, {"sending": 1.5}, {"CPU µs an event of the sending process, BATCH"}),
    ],
)
def test_what_is_not_is_missed(measured, place, worse, missed):
    found, results = measured
    trial = found.ours[place]
    results.outcomes[trial] = [outcome(5 - place, **worse)]

    assert {name for name, cell in shown(found, results).items() if "missed" in cell} == missed


@pytest.mark.parametrize(
    ("trial", "seconds", "missed"),
    [
        (lambda it: it.peers[0], 59, "RECORD ÷ Singer SDK defaults"),
        (lambda it: it.peers[1], 17, "RECORD ÷ mixpanel-import"),
        (lambda it: it.meltano[1], 5, "meltano run ÷ bare pipe, BATCH"),
    ],
)
def test_a_rate_too_small_beside_another_is_missed(measured, trial, seconds, missed):
    found, results = measured
    results.outcomes[trial(found)] = [outcome(seconds)]

    assert {name for name, cell in shown(found, results).items() if "missed" in cell} == {missed}


def test_a_peer_that_is_not_there_is_not_measured(measured):
    found, results = measured
    del found.peers[1]

    assert shown(found, results)["RECORD ÷ mixpanel-import"] == "not measured"


def test_a_figure_is_compared_before_it_is_rounded():
    limit = Limit("", 14, lambda *_: 14.04)

    assert limit.row([None], None) == ["", "at most 14", "14.0, missed"]


def test_cpu_is_split_among_the_processes():
    run = outcome(5, tap=1.0, sending=1.25, mapping=3.0)

    assert [each(run) for each in (tap_cpu, sending_cpu, mapping_cpu)] == pytest.approx(
        [10, 12.5, 30]
    )
    assert most_rate(run) == pytest.approx(80_000)


def test_mapping_processes_are_shown_together_and_each(measured):
    rows = figures(costs.numbers_of_processes([measured[0]], measured[1]))

    assert rows["tap-amplitude ! target-mixpanel, RECORD, processes: 4"] == [
        "20,000", "10.0", "12.0", "30.0", "7.50", "52.0", "83,333",
    ]  # fmt: skip


def test_meltano_is_shown_beside_the_bare_pipe(measured):
    rows = figures(costs.meltano([measured[0]], measured[1]))

    assert rows["meltano run … target-mixpanel, BATCH"][:2] == ["22,222", "0.89"]
