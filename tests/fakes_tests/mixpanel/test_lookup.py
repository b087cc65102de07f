from __future__ import annotations

import csv
import gzip
import io
import random
from datetime import datetime, timedelta, timezone

import pytest
import requests

from tests.fakes.mixpanel import RATE_LIMITED, FakeMixpanel
from tests.fakes.mixpanel.lookup import csv_rows

ID = "55b4fb2b-e8de-466c-930f-8b36640b9b5e"
ACCOUNT = ("importer.1a2b3c.mp-service-account", "mixpanel-secret")
UTC = timezone.utc


def replace(mixpanel: FakeMixpanel, table: str | bytes, table_id: str = ID, **other):
    arguments = {
        "params": {"project_id": "2195193"},
        "headers": {"Content-Type": "text/csv; charset=utf-8"},
        "auth": ACCOUNT,
        **other,
    }
    body = table.encode() if isinstance(table, str) else table
    return requests.put(f"{mixpanel.url}/lookup-tables/{table_id}", body, timeout=10, **arguments)


def a_mixpanel(**project) -> FakeMixpanel:
    return FakeMixpanel(lookup_tables={ID: "Products"}, **project)


def refusal(table: str | bytes) -> list[tuple[int, str]]:
    """What is wrong with a table; the one before it must still be there."""
    with a_mixpanel() as mixpanel:
        assert replace(mixpanel, "id,a\n1,x\n").status_code == 200
        reply = replace(mixpanel, table)
    said = reply.json()
    records = said.pop("failed_records")
    assert (reply.status_code, said) == (
        400,
        {
            "code": 400,
            "error": "Some data points in the request failed validation.",
            "status": "Bad Request",
        },
    )
    assert mixpanel.lookup_tables[ID].rows == {"1": {"a": "x"}}
    return [(record["index"], record["message"]) for record in records]


# Taken ----------------------------------------------------------------------------------------


def test_a_table_replaces_the_one_before_it():
    with a_mixpanel() as mixpanel:
        replace(mixpanel, "id,old\n9,x\n")
        reply = replace(mixpanel, "id,artist,genre\r\nc1,Ada,Pop\r\nd2,Bob,\r\n")
    assert (reply.status_code, reply.json()) == (200, {"code": 200, "status": "OK"})
    table = mixpanel.lookup_tables[ID]
    assert (table.name, table.columns) == ("Products", ("id", "artist", "genre"))
    assert table.rows == {"c1": {"artist": "Ada", "genre": "Pop"}, "d2": {"artist": "Bob"}}


def test_a_table_may_be_compressed():
    headers = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
    with a_mixpanel() as mixpanel:
        reply = replace(mixpanel, gzip.compress(b"id,a\n1,x\n"), headers=headers)
    assert reply.status_code == 200
    assert mixpanel.lookup_tables[ID].rows == {"1": {"a": "x"}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17", 17),
        ("-1.5", -1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("FALSE", False),
        ("2021-08-21T05:36:01Z", datetime(2021, 8, 21, 5, 36, 1, tzinfo=UTC)),
        ("2021-08-21T05:36:01.25+02:00", datetime(2021, 8, 21, 3, 36, 1, 250_000, tzinfo=UTC)),
        ("2015-10-18T22:00:00", datetime(2015, 10, 18, 22, tzinfo=UTC)),
        ("2015-13-18T22:00:00", "2015-13-18T22:00:00"),
        ('"[""Free"",""Paid""]"', ["Free", "Paid"]),
        ('"[1,2]"', "[1,2]"),
        ("[oops", "[oops"),
        ("17 apples", "17 apples"),
        ('"two\r\nlines, ""quoted"""', 'two\r\nlines, "quoted"'),
    ],
)
def test_values_get_their_types(text, value):
    with a_mixpanel() as mixpanel:
        assert replace(mixpanel, f"id,a\n007,{text}\n").status_code == 200
    assert mixpanel.lookup_tables[ID].rows == {"007": {"a": value}}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("line_end", "quoting"), [("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL)]
)
def test_what_the_standard_library_writes_is_read_back(seed, line_end, quoting):
    chance = random.Random(seed)
    rows = [
        ["".join(chance.choices('ab ,"\r\né', k=chance.randrange(6))) for _ in range(3)]
        for _ in range(20)
    ]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(rows)
    assert list(csv_rows(text.getvalue())) == rows
    assert list(csv_rows(text.getvalue().removesuffix(line_end))) == rows


def test_the_tables_are_listed():
    with FakeMixpanel(lookup_tables={ID: "Products", "2": "People"}) as mixpanel:
        query = {"project_id": "2195193"}
        url = f"{mixpanel.url}/lookup-tables"
        reply = requests.get(url, query, auth=ACCOUNT, timeout=10)
        assert requests.get(url, query, auth=("mixpanel-token", ""), timeout=10).status_code == 401
    assert reply.json() == {
        "code": 200,
        "status": "OK",
        "results": [{"id": ID, "name": "Products"}, {"id": "2", "name": "People"}],
    }


# Refused --------------------------------------------------------------------------------------

NO_KEY = "primary key is required and cannot be blank"
WRONG_WIDTH = "invalid row: wrong number of fields"
BAD_HEADER = "invalid header: names must be unique and not blank"
BROKEN = "invalid row: broken quoting"


@pytest.mark.parametrize(
    ("table", "problems"),
    [
        ("", [(0, BAD_HEADER)]),
        ("id,a,a\n1,x,y\n", [(0, BAD_HEADER)]),
        ("id,\n1,x\n", [(0, BAD_HEADER)]),
        ("id,a\n1,x\n,y\n", [(2, NO_KEY)]),
        ("id,a\n\n", [(1, NO_KEY)]),
        ("id,a\n1,x,y\n2\n3,\n", [(1, WRONG_WIDTH), (2, WRONG_WIDTH)]),
        ("id,a\n1,x\n1,y\n", [(2, "invalid row: row indexes 1 and 2 have the same primary key")]),
        ('id,a\n1,a"b\n', [(1, BROKEN)]),
        ('id,a\n1,"a"b\n', [(1, BROKEN)]),
        ('id,a\n,x\n1,"open\n', [(1, NO_KEY), (2, BROKEN)]),
    ],
)
def test_a_table_with_a_bad_row_is_refused_as_a_whole(table, problems):
    assert refusal(table) == problems


def test_the_first_ten_bad_rows_are_told():
    assert refusal("id,a\n" + "1\n" * 11) == [(index, WRONG_WIDTH) for index in range(1, 11)]


def test_a_table_is_utf8_and_csv():
    with a_mixpanel() as mixpanel:
        assert replace(mixpanel, b"id,a\n1,\xff\n").status_code == 400
        headers = {"Content-Type": "application/json"}
        assert replace(mixpanel, "id,a\n1,x\n", headers=headers).status_code == 400
    assert not mixpanel.lookup_tables[ID].rows


def test_an_unknown_table_is_a_404():
    with a_mixpanel() as mixpanel:
        reply = replace(mixpanel, "id,a\n1,x\n", "unknown")
    assert (reply.status_code, reply.json()["error"]) == (
        404,
        "Lookup table with id 'unknown' was not found.",
    )


@pytest.mark.parametrize(
    "other", [{"auth": None}, {"auth": ("mixpanel-token", ""), "params": {}}, {"params": {}}]
)
def test_only_the_service_account_with_its_project_may(other):
    with a_mixpanel() as mixpanel:
        assert replace(mixpanel, "id,a\n1,x\n", **other).status_code == 401
    assert not mixpanel.lookup_tables[ID].rows


def test_too_large_a_table_is_a_413():
    table = "id,a\n1,x\n"
    with a_mixpanel(max_table_bytes=len(table)) as mixpanel:
        assert replace(mixpanel, table).status_code == 200
        reply = replace(mixpanel, table + " ")
    assert reply.status_code == 413
    assert reply.json()["error"] == f"request exceeds max limit of {len(table)} bytes"


def test_more_than_100_calls_in_24_hours_are_a_429():
    clock = [datetime(2026, 1, 1, tzinfo=UTC)]
    with a_mixpanel(now=lambda: clock[0]) as mixpanel, requests.Session() as session:
        url = f"{mixpanel.url}/lookup-tables/{ID}?project_id=2195193"

        def status() -> int:
            headers = {"Content-Type": "text/csv"}
            return session.put(url, b"id\n1\n", auth=ACCOUNT, headers=headers).status_code

        assert {status() for _ in range(100)} == {200}
        assert status() == RATE_LIMITED.status == 429
        clock[0] += timedelta(hours=24)
        assert status() == 200
