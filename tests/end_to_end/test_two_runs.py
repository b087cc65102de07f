"""Two runs at once on one ledger: the second says so and stops; nothing is corrupted."""

from __future__ import annotations

from datetime import timedelta

from tests.end_to_end.pipe import assert_everything_arrived, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import Hold
from tests.fakes.posthog import FakePostHog


def test_the_second_run_says_so_and_stops_and_the_first_one_finishes(tmp_path):
    company = Company(seed=3, events=600, hours=24)
    with FakeAmplitude(company.hours()) as amplitude, FakePostHog() as posthog:
        first = make_pipe(tmp_path, amplitude, posthog, max_batch_events=50)
        first.tap["start_date"] = company.start.isoformat()
        first.tap["end_date"] = (company.start + timedelta(hours=24)).isoformat()
        (tmp_path / "second").mkdir()
        second = make_pipe(tmp_path / "second", amplitude, posthog)
        second.tap |= first.tap | {"spool_dir": str(tmp_path / "second" / "spool")}
        second.target["ledger_url"] = first.target["ledger_url"]

        posthog.misbehave(Hold())
        processes = first.start()
        posthog.wait_until_held()
        refused = second.run()
        posthog.release()
        ended = first.end(*processes)

        assert refused.target_code == 1
        assert "Another run is using this ledger" in refused.target_log
        assert refused.states == []
        assert ended.target_code == 0
        assert_everything_arrived(posthog, first.report, company)
