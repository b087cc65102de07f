"""Two runs at once on one ledger: the second says so and stops; nothing is corrupted."""

from __future__ import annotations

from tests.end_to_end.pipe import all_hours, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import Hold


def test_the_second_run_says_so_and_stops_and_the_first_one_finishes(tmp_path, destination):
    company = Company(seed=3, events=600, hours=24)
    with FakeAmplitude(company.hours()) as amplitude, destination.open(company) as service:
        first = all_hours(make_pipe(tmp_path, amplitude, destination, service), company)
        first.target["max_batch_events"] = 50
        (tmp_path / "second").mkdir()
        second = make_pipe(tmp_path / "second", amplitude, destination, service)
        second.tap |= first.tap | {"spool_dir": str(tmp_path / "second" / "spool")}
        second.target["ledger_url"] = first.target["ledger_url"]

        service.misbehave(Hold())
        processes = first.start()
        service.wait_until_held()
        refused = second.run()
        service.release()
        ended = first.end(*processes)

        assert refused.target_code == 1
        assert "Another run is using this ledger" in refused.target_log
        assert refused.states == []
        assert ended.target_code == 0
        destination.assert_everything_arrived(service, first.report, company)
