"""What Mixpanel is asked, over HTTP, of a project whose content the test wrote down."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone

import pytest
from singer_delivery.proof.counting import CannotAsk, day_number
from target_mixpanel.asking import account_of
from target_mixpanel.counting import counter_of
from target_mixpanel.exports import ROWS_A_REQUEST, export_windows
from target_mixpanel.reports import chunks

from tests.fakes.http.exchanges import Reply
from tests.fakes.mixpanel import FakeMixpanel
from tests.singer_delivery.toys import PlayedClock

START = date(2024, 3, 1)
FIRST = day_number(START)
NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)


def config_of(fake: FakeMixpanel, **more: object) -> dict[str, object]:
    who = fake.credentials
    return {
        "region": "us",
        "project_id": who.project_id,
        "service_account_username": who.username,
        "service_account_secret": who.secret,
        "query_base_url": fake.url,
        "link_event": "Linked",
        **more,
    }


def project() -> FakeMixpanel:
    return FakeMixpanel(now=lambda: NOW)


def asking(fake: FakeMixpanel, *, raw: bool = False, **more):
    clock = PlayedClock(NOW.timestamp())
    fake.queries.queries._clock = fake.queries.exports._clock = clock.monotonic
    said: list[str] = []
    counter = counter_of(config_of(fake, **more), "test/1", clock, said.append, raw=raw)
    return counter, said


def at(day: int, clock: str = "12:00:00") -> int:
    moment = datetime.fromisoformat(f"{START + timedelta(days=day)}T{clock}+00:00")
    return int(moment.timestamp() * 1_000)


def fill(fake: FakeMixpanel, days: int, *, names: int = 2, clock: str = "12:00:00") -> dict:
    """Plant an event of ours for each day and name; return what is to be found."""
    cells = {}
    for day in range(days):
        for name in range(names):
            fake.plant(
                f"e{name}", at(day, clock), insert_id=f"id-{day}-{name}", lib="target-mixpanel"
            )
            cells[FIRST + day, f"e{name}"] = 1
    return cells


def asked_of(fake: FakeMixpanel) -> Counter[str]:
    return Counter(each.path.rpartition("/")[2] for each in fake.journal)


def test_sixty_names_are_counted_by_day_in_a_request():
    with project() as fake:
        cells = fill(fake, 5, names=70)
        counter, _ = asking(fake)
        assert counter.count(cells).found == cells
        assert asked_of(fake) == {"events": 2}
        assert counter.cost(cells).requests == 3
        assert "3 of the 60 requests" in counter.cost(cells).sentence


def test_names_of_others_too_are_asked_for_one_by_one_ours_alone():
    with project() as fake:
        cells = fill(fake, 3)
        fake.plant("e1", at(1), insert_id="live-1", lib="web")
        fake.plant("other", at(1), insert_id="live-2", lib="web")
        counter, _ = asking(fake)
        counts = counter.count(cells)
        assert counts.found == cells
        assert counts.shared == set()
        assert asked_of(fake) == {"events": 1, "segmentation": 1}
        assert counter.others(FIRST, FIRST + 2) == {"e1": 1}


def test_what_lacks_behind_events_of_others_is_seen():
    with project() as fake:
        cells = fill(fake, 3)
        fake.lose(lambda each: each["insert_id"] == "id-1-1")
        for number in range(2):
            fake.plant("e1", at(1), insert_id=f"live-{number}", lib="web")
        counts = asking(fake)[0].count(cells)
        assert counts.found == {key: n for key, n in cells.items() if key != (FIRST + 1, "e1")}


def test_without_requests_left_shared_names_are_said():
    with project() as fake:
        cells = fill(fake, 2)
        fake.plant("e0", at(0), insert_id="live-1", lib="web")
        counter, _ = asking(fake)
        counter.most_requests = 6
        assert counter.count(cells).shared == {"e0"}


def test_in_another_zone_names_are_compared_over_the_whole_range():
    """23:30 in UTC is the next day in Kolkata: by day nothing would match."""
    with project() as fake:
        fake.queries.zone = "Asia/Kolkata"
        cells = fill(fake, 4, clock="23:30:00")
        counter, _ = asking(fake, project_timezone="Asia/Kolkata")
        counts = counter.count(cells)
        assert counts.found == {}
        assert counts.by_name == {"e0": 4, "e1": 4}
        assert asked_of(fake) == {"events": 1}
        assert "Asia/Kolkata" in counter.time_zone


def test_in_another_zone_a_name_that_lacks_is_counted_by_day_from_the_raw_export():
    with project() as fake:
        fake.queries.zone = "America/New_York"
        cells = fill(fake, 4, clock="01:30:00")
        fake.lose(lambda each: each["insert_id"] == "id-2-1")
        counter, _ = asking(fake, project_timezone="America/New_York")
        counts = counter.count(cells)
        assert counts.by_name == {"e0": 4}
        assert counts.found == {(FIRST + day, "e1"): 1 for day in (0, 1, 3)}
        assert asked_of(fake) == {"events": 1, "export": 1}


def test_raw_counts_ours_alone_and_tells_copies():
    with project() as fake:
        cells = fill(fake, 3)
        fake.plant("e1", at(1), insert_id="live-1", lib="web")
        fake.repeat(lambda each: each["insert_id"] == "id-0-0")
        counter, _ = asking(fake, raw=True)
        counts = counter.count(cells)
        assert counts.found == cells
        assert counts.copies == {(FIRST, "e0"): 1}
        assert asked_of(fake) == {"export": 1}


def test_raw_needs_no_plan_and_402_says_so():
    with project() as fake:
        fake.queries.plan = "free"
        cells = fill(fake, 1)
        with pytest.raises(CannotAsk, match=r"\(402\).*--raw"):
            asking(fake)[0].count(cells)
        assert asking(fake, raw=True)[0].count(cells).found == cells


def test_days_beyond_the_history_of_the_plan_are_not_asked():
    with project() as fake:
        cells = fill(fake, 10)
        fake.queries.history = (NOW.date() - START).days - 4
        counts = asking(fake)[0].count(cells)
        assert counts.found == {key: n for key, n in cells.items() if key[0] >= FIRST + 4}
        assert [each[:3] for each in counts.not_asked] == [(FIRST, FIRST + 3, "history")]


def test_ours_alone_are_asked_within_the_history_of_the_plan():
    with project() as fake:
        cells = fill(fake, 10)
        fake.plant("e1", at(8), insert_id="live-1", lib="web")
        fake.queries.history = (NOW.date() - START).days - 4
        counter, _ = asking(fake)
        counts = counter.count(cells)
        assert counts.found == {key: n for key, n in cells.items() if key[0] >= FIRST + 4}
        assert counter.others(FIRST, FIRST + 9) == {"e1": 1}


@pytest.mark.parametrize("beyond", [4, 30])
def test_in_another_zone_ours_alone_are_asked_within_the_history_too(beyond):
    with project() as fake:
        fake.queries.zone = "Asia/Kolkata"
        cells = fill(fake, 10)
        for number in range(30):
            fake.plant("e1", at(8), insert_id=f"live-{number}", lib="web")
        fake.queries.history = (NOW.date() - START).days - beyond
        counter, _ = asking(fake, project_timezone="Asia/Kolkata")
        counts = counter.count(cells)
        assert all(counts.is_unseen(day) for day in range(FIRST, FIRST + min(beyond, 10)))


def test_in_another_zone_what_lacked_is_counted_by_day_when_it_is_asked_again():
    with project() as fake:
        fake.queries.zone = "America/New_York"
        cells = fill(fake, 4, clock="01:30:00")
        fake.lose(lambda each: each["insert_id"] == "id-2-1")
        counter, _ = asking(fake, project_timezone="America/New_York")
        counter.count(cells)
        fake.plant("e1", at(2, "01:30:00"), insert_id="id-2-1", lib="target-mixpanel")
        again = counter.count({(FIRST + 2, "e1"): 1})
        assert again.found == {(FIRST + 2, "e1"): 1}
        assert again.by_name == {}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
@pytest.mark.parametrize("days", [(0,), (0, 365), (0, 366), (-3_000, 0)])
def test_what_is_announced_is_what_it_takes(zone, days):
    """Where nothing lacks and nobody else sends: the counts, and the profiles."""
    with project() as fake:
        fake.queries.zone = zone
        cells = {}
        for day in days:
            fake.plant("e", at(day - 400), insert_id=f"id-{day}", lib="target-mixpanel")
            cells[FIRST + day - 400, "e"] = 1
        counter, _ = asking(fake, project_timezone=zone)
        counter.count(cells)
        counter.people()
        assert counter.requests == counter.cost(cells).requests


def test_raw_exports_are_announced_without_requests_that_they_do_not_take():
    with project() as fake:
        sentence = asking(fake, raw=True)[0].cost({(FIRST, "e"): 1}).sentence
    assert sentence.startswith("This takes 1 of the 60 raw exports")
    assert "each name" not in sentence


def test_ids_of_a_day_are_those_that_were_sent():
    with project() as fake:
        fill(fake, 3)
        fake.plant("e1", at(1), insert_id="live-1", lib="web")
        assert sorted(asking(fake)[0].ids(FIRST + 1)) == ["id-1-0", "id-1-1"]


def test_an_export_that_ends_early_is_asked_for_again():
    with project() as fake:
        fill(fake, 1, names=4)
        fake.queries.broken = 2
        counter, said = asking(fake)
        assert len([*counter.ids(FIRST)]) == 4
        assert said == ["The export ended early: asking again."] * 2
        fake.queries.broken = 3
        with pytest.raises(CannotAsk, match="ended early each time"):
            counter.ids(FIRST)


@pytest.mark.parametrize(
    "line", ['{"event": "e1", "properties": {}}', '{"event": "e1", "properties": []}', '[{"a": 1}]']
)
def test_an_export_of_something_else_is_said_to_be_broken(line):
    with project() as fake:
        cells = fill(fake, 1)
        counter, _ = asking(fake, raw=True)
        fake.misbehave_always(Reply(200, line.encode()))
        with pytest.raises(CannotAsk, match="ended early each time"):
            counter.count(cells)


@pytest.mark.parametrize(
    "values", ['{"e1": 3}', '{"e1": {"2024": "x"}}', '{"e1": {"2024-01-01": "x"}}']
)
def test_a_report_of_something_else_is_no_count(values):
    with project() as fake:
        cells = fill(fake, 1)
        counter, _ = asking(fake)
        fake.misbehave_always(Reply(200, f'{{"data": {{"values": {values}}}}}'.encode()))
        with pytest.raises(CannotAsk, match="something else than counts by day"):
            counter.count(cells)


def test_it_keeps_to_the_sixty_of_an_hour():
    with project() as fake:
        cells = fill(fake, 1)
        counter, said = asking(fake)
        for _ in range(62):
            counter.count(cells)
        assert Counter(each.status for each in fake.journal) == {200: 62}
        assert any("60 requests" in each for each in said)


def test_when_the_team_has_used_the_hour_it_says_so():
    with project() as fake:
        cells = fill(fake, 1)
        counter, said = asking(fake)
        fake.queries.queries._clock = lambda: 0.0  # an hour that does not pass
        for _ in range(60):
            fake.queries.queries.take(1)
        with pytest.raises(CannotAsk, match="60 an hour"):
            counter.count(cells)
        assert said


def test_people_are_the_profiles():
    with project() as fake:
        assert asking(fake)[0].people() == {"profiles": 0}


def test_a_wrong_account_is_said_without_its_secret():
    with project() as fake:
        counter, _ = asking(fake, service_account_secret="not-the-secret")
        with pytest.raises(CannotAsk, match="refused the service account") as error:
            counter.count({(FIRST, "a"): 1})
        assert "not-the-secret" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"project_id": ""}, "without `project_id`"),
        ({"service_account_username": None}, "need a service account"),
        ({"query_base_url": "mixpanel"}, "must be an address"),
    ],
)
def test_settings_that_lack_are_said(given, sentence):
    fine = {"project_id": 1, "service_account_username": "a", "service_account_secret": "b"}
    with pytest.raises(CannotAsk, match=sentence):
        account_of({"region": "eu", **fine, **given})


def test_a_zone_that_is_none_is_said():
    with project() as fake, pytest.raises(CannotAsk, match="project_timezone"):
        asking(fake, project_timezone="Mars/Olympus")


def test_three_years_of_three_hundred_names_cost_sixteen_requests():
    """60 names a request and a year a request: 5 times 3, and one for the profiles."""
    cells = {
        (FIRST + day, f"an event name {name}"): 9 for day in range(1096) for name in range(300)
    }
    with project() as fake:
        counter, _ = asking(fake)
        assert counter.cost(cells).requests == 5 * 3 + 1
        assert counter.cost(cells).requests <= counter.most_requests


def test_names_that_make_long_addresses_are_fewer_a_request():
    names = ["ж" * 100] * 20
    assert all(sum(len(name) * 6 for name in chunk) <= 6_000 for chunk in chunks(names))
    assert sum(len(chunk) for chunk in chunks(names)) == 20


def test_exports_are_cut_by_the_books_and_by_days():
    cells = {(FIRST + day, "a"): 400_000 for day in range(5)} | {(FIRST + 90, "a"): 1}
    found = [(first - FIRST, last - FIRST) for first, last in export_windows(cells)]
    assert found == [(0, 1), (2, 3), (4, 4), (90, 90)]
    assert ROWS_A_REQUEST == 1_000_000


@pytest.mark.parametrize("before", [280, 290, 298])
def test_a_secret_at_the_end_of_what_is_quoted_is_blotted_whole(before):
    with project() as fake:
        words = f"{'x' * before} {fake.credentials.secret} and more"
        fake.misbehave_always(Reply(418, words.encode()))
        with pytest.raises(CannotAsk) as caught:
            asking(fake)[0].count({(FIRST, "e0"): 1})
    assert "xxx" in str(caught.value)
    assert "mix" not in str(caught.value).partition("xxx")[2]
