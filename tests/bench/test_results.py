"""Figures are compared within a round, and tables read as Markdown."""

from __future__ import annotations

from bench.export import Export
from bench.figures import rate
from bench.pipelines import Floor, Outcome
from bench.processes import Measured
from bench.sink import Counts
from bench.table import number, recipe, table
from bench.trials import Results, Trial


def outcome(seconds, *, sent=100, arrived=100):
    return Outcome(100, sent, Counts(events=arrived), Measured(seconds, (), b""))


def trial(name, tmp_path):
    return Trial(Floor(name), Export(tmp_path, ()))


def test_a_ratio_is_taken_within_each_round(tmp_path):
    ours, its = trial("ours", tmp_path), trial("its", tmp_path)
    # The second round was ten times as slow for both: the ratio stays what it is.
    results = Results(
        {
            ours: [outcome(1), outcome(10), outcome(1)],
            its: [outcome(4), outcome(40), outcome(4)],
        }
    )

    assert results.ratio(ours, its) == 4
    assert results.median(ours, rate) == 100


def test_a_rate_beside_another_is_of_the_rounds_that_both_had(tmp_path):
    ours, late = trial("ours", tmp_path), trial("late", tmp_path)
    results = Results({ours: [outcome(1), outcome(10), outcome(10)], late: [outcome(2)]})

    assert results.rate_beside(ours, late) == 100
    assert results.ratio(late, ours) == 0.5


def test_what_did_not_arrive_is_no_speed():
    lossy = outcome(1, sent=200, arrived=50)

    assert (lossy.arrived, lossy.rate) == (0.25, 25)


def test_a_table_is_padded_and_its_bars_are_escaped():
    assert table(["", "MB"], [["a | b", "1"]]) == [
        "|        | MB |",
        "| ------ | -: |",
        "| a \\| b |  1 |",
    ]


def test_numbers_have_three_figures():
    assert [number(each) for each in (12_345.6, 123.4, 12.34, 1.234)] == [
        "12,346",
        "123",
        "12.3",
        "1.23",
    ]


def test_a_page_names_the_variables_that_made_it():
    assert recipe("bench", N=(5, 5), ROUNDS=(3, 3)) == "make bench"
    assert recipe("bench", N=(9, 5), ROUNDS=(1, 3)) == "make bench N=9 ROUNDS=1"
