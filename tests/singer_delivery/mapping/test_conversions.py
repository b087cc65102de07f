from __future__ import annotations

import json
import re
import uuid
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.mapping import values as conversions
from singer_delivery.mapping.values import (
    NAMESPACE,
    as_uuid,
    clean_id,
    country_code,
    digest,
    exported_moment,
    exported_time,
    key_text,
    language_code,
    moment,
    moment_text,
    rfc3339,
    session_uuid,
    shortened,
    stable_uuid,
)
from singer_delivery.model import Unmappable

from tests.examples import examples

quick = settings(deadline=None, max_examples=examples(100))


def micros(*parts: int) -> int:
    """Ground truth by the standard library's own arithmetic."""
    there = datetime(*parts, tzinfo=timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (there.days * 86_400 + there.seconds) * 1_000_000 + there.microseconds


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("2024-03-01 10:11:12.123456", (2024, 3, 1, 10, 11, 12, 123456)),
        ("2015-08-10T12:00:00.000000", (2015, 8, 10, 12)),
        ("2024-03-01 10:11:12", (2024, 3, 1, 10, 11, 12)),
        ("2024-03-01T10:11", (2024, 3, 1, 10, 11)),
        ("2024-03-01", (2024, 3, 1)),
        ("2024-03-01 10:11:12.5", (2024, 3, 1, 10, 11, 12, 500000)),
        ("2024-03-01 10:11:12.12345", (2024, 3, 1, 10, 11, 12, 123450)),
        ("2024-03-01 10:11:12.123456789", (2024, 3, 1, 10, 11, 12, 123456)),
        ("2024-03-01T10:11:12Z", (2024, 3, 1, 10, 11, 12)),
        ("2024-03-01 10:11:12 UTC", (2024, 3, 1, 10, 11, 12)),
        ("2024-03-01T10:11:12.123+05:30", (2024, 3, 1, 4, 41, 12, 123000)),
        ("2024-03-01T10:11:12.123456-0800", (2024, 3, 1, 18, 11, 12, 123456)),
        ("2024-03-01T10:11:12.123+05", (2024, 3, 1, 5, 11, 12, 123000)),
        ("2024-02-29T23:59:59.999999Z", (2024, 2, 29, 23, 59, 59, 999999)),
        (" 1969-12-31T23:59:59.999999Z ", (1969, 12, 31, 23, 59, 59, 999999)),
    ],
)
def test_a_time_is_read_as_utc(text: str, parts: tuple[int, ...]) -> None:
    read = moment(text)
    assert read is not None
    assert read.at == micros(*parts)
    assert read.text == f"{datetime(*parts):%Y-%m-%dT%H:%M:%S.%f}Z"  # noqa: DTZ001 - UTC


@pytest.mark.parametrize(
    "value",
    [
        None,
        1709287872,
        True,
        "",
        "yesterday",
        "2024-02-30 10:00:00.000000",
        "2024-13-01",
        "2024-03-01 25:00:00",
        "2024-03-01 10:11:60",
        "20240301T101112",
        "2024-W01-1T10:11:12.123456",
        "0001-01-01T00:00:00+10:00",
        "２０２４-03-01 10:11:12.123456",  # noqa: RUF001 - digits, but not ASCII
        "2024-03-01 10:11:12.12345６",  # noqa: RUF001
        ["2024-03-01"],
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    assert moment(value) is None


def is_exported(text: str) -> bool:
    """Ground truth: the form by a pattern, the time by the standard library."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:]{8}\.[0-9]{6}", text):
        return False
    try:
        datetime.strptime(text.replace("T", " "), "%Y-%m-%d %H:%M:%S.%f")  # noqa: DTZ007 - UTC
    except ValueError:
        return False
    return True


@settings(deadline=None, max_examples=examples(1_000))
@given(st.datetimes(), st.integers(0, 25), st.sampled_from("019-:. T,WZ+é६"))
def test_the_form_of_exports_is_told_from_all_that_is_near_it(
    when: datetime, place: int, letter: str
) -> None:
    text = when.isoformat(sep=" ", timespec="microseconds")
    for near in (text, text[:place] + letter + text[place + 1 :], text[:place] + text[place + 1 :]):
        read = moment(near)
        assert read is None or moment_text(near, read.at) == read.text
        if is_exported(near):
            assert exported_moment(exported_time(near), near) == moment(f" {near}")
        else:
            assert_not_exported(near)


def assert_not_exported(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - it says nothing, to be quick
        exported_time(value)


@pytest.mark.parametrize(
    "text",
    ["2024-03-01 10:11:12.12345Z", "2024-03-01 10:11:12.1+0530", "2024-03-01 10:11:12,123456"],
)
def test_a_form_of_the_same_length_is_another(text: str) -> None:
    assert_not_exported(text)
    read = moment(text)
    assert read is not None
    assert moment_text(text, read.at) == read.text


@pytest.mark.parametrize("value", [None, 7, ["2024"] * 26, dict.fromkeys(range(26)), b"x" * 26])
def test_what_is_no_text_is_no_exported_time(value: object) -> None:
    assert_not_exported(value)


@quick
@given(st.datetimes(), st.sampled_from([" ", "T"]))
def test_microseconds_survive_there_and_back(when: datetime, between: str) -> None:
    read = moment(when.isoformat(sep=between, timespec="microseconds"))
    assert read is not None
    assert rfc3339(read.at) == read.text
    assert datetime.fromisoformat(read.text[:-1]) == when


def test_the_namespace_stays() -> None:
    # Restated on purpose: another namespace would make every re-sent event a new one.
    assert uuid.UUID("a1a6bb5e-39ec-4c2a-8f6e-6d0c7f1f5c0b") == NAMESPACE


@quick
@given(st.lists(st.text(), max_size=4))
def test_a_stable_uuid_is_version_5_of_the_json_of_its_parts(parts: list[str]) -> None:
    name = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    assert stable_uuid(*parts) == str(uuid.uuid5(NAMESPACE, name))


def test_parts_of_a_stable_uuid_do_not_run_together() -> None:
    assert stable_uuid("a", "bc") != stable_uuid("ab", "c") != stable_uuid("abc")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5A1C1C1E-0C7F-4D3C-9A53-3A3A3A3A3A3A", "5a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3a"),
        (" 5a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3a ", "5a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3a"),
        ("00000000-0000-0000-0000-000000000000", None),
        ("5a1c1c1e0c7f4d3c9a533a3a3a3a3a3a", None),
        ("{5a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3a}", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_uuid_is_one_with_dashes(value: object, expected: str | None) -> None:
    assert as_uuid(value) == expected


@quick
@given(st.integers(0, 2**48 - 1), st.text())
def test_a_session_is_a_uuid_version_7_that_starts_when_it_starts(start: int, owner: str) -> None:
    made = uuid.UUID(session_uuid(start, owner))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == start
    assert str(made) == session_uuid(start, owner)


def test_sessions_of_two_owners_in_one_millisecond_differ() -> None:
    assert session_uuid(1709287800000, "a") != session_uuid(1709287800000, "b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" u1\n", "u1"),
        (42, "42"),
        (42.0, "42"),
        (0, "0"),
        ("  ", None),
        ("", None),
        (None, None),
        (True, None),
        (1.5, None),
        (float("inf"), None),
        (2.0**53 - 1, "9007199254740991"),
        (1 - 2.0**53, "-9007199254740991"),
        (2**53, "9007199254740992"),
        (2**80 + 1, "1208925819614629174706177"),
        ({"id": 1}, None),
        (["u1"], None),
    ],
)
def test_an_id_is_trimmed_text(value: object, expected: str | None) -> None:
    assert clean_id(value) == expected


@pytest.mark.parametrize("number", [2.0**53, -(2.0**53), 1.8446744073709552e19, 1e300])
def test_a_float_to_which_others_are_rounded_is_no_id_and_no_key(number: float) -> None:
    for read in (clean_id, key_text):
        with pytest.raises(Unmappable) as caught:
            read(number)
        assert caught.value.reason == "inexact_id"


def test_a_key_is_its_text() -> None:
    given = [7, 7.0, 0.5, 2**63, " a ", None, [1]]
    assert [*map(key_text, given)] == ["7", "7.0", "0.5", str(2**63), " a ", "null", "[1]"]


@quick
@given(st.text(max_size=400))
def test_a_shortened_text_fits_and_keeps_its_start(text: str) -> None:
    made = shortened(text, 200, 150)
    assert len(made.encode()) <= 200
    if len(text.encode()) <= 200:
        assert made == text
    else:
        assert text.startswith(made.rpartition("-")[0])


def test_two_long_texts_with_one_start_stay_two() -> None:
    assert shortened("x" * 300 + "a", 200, 150) != shortened("x" * 300 + "b", 200, 150)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("United States", "US"),
        ("Russia", "RU"),
        ("South Korea", "KR"),
        ("Republic of Korea", "KR"),
        ("North Korea", "KP"),
        ("Czechia", "CZ"),
        ("Czech Republic", "CZ"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("Viet Nam", "VN"),
        ("Vietnam", "VN"),
        ("Côte d\u2019Ivoire", "CI"),
        ("Cote D'Ivoire", "CI"),
        ("The Netherlands", "NL"),
        ("Hong Kong", "HK"),
        ("Taiwan", "TW"),
        ("Congo", "CG"),
        ("Democratic Republic of the Congo", "CD"),
        ("Niger", "NE"),
        ("Nigeria", "NG"),
        ("Bosnia & Herzegovina", "BA"),
        ("united kingdom", "GB"),
        ("de", "DE"),
        ("Atlantis", None),
        ("XX", None),
        ("", None),
    ],
)
def test_a_country_is_known_by_its_english_names(name: str, code: str | None) -> None:
    assert country_code(name) == code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("English", "en"),
        ("english", "en"),
        ("Chinese", "zh"),
        ("English (United States)", "en"),
        ("Lao", "lo"),
        ("pt-BR", "pt-BR"),
        ("zh_Hant_TW", "zh_Hant_TW"),
        ("Klingon", None),
    ],
)
def test_a_language_is_its_code(name: str, code: str | None) -> None:
    assert language_code(name) == code


def test_a_digest_ignores_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [1, {"c": 2, "d": 3}]}) == digest(
        {"b": [1, {"d": 3, "c": 2}], "a": 1}
    )
    assert digest({"a": 1}) != digest({"a": "1"})


def test_all_names_are_there() -> None:
    assert all(hasattr(conversions, name) for name in conversions.__all__)


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("1970-01-01T00:00:01.500Z", 1_500_000),
        ("1970-01-01 00:00:01.000002", 1_000_002),
        ("1970-01-02", 86_400_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:01.50ZZ", None),
        ("2024-02-30T00:00:00.000Z", None),
        ("", None),
        (None, None),
        (7, None),
        (["1970-01-01"], None),
    ],
)
def test_an_instant_is_the_microseconds_of_a_moment(value, at):
    found = conversions.moment(value)
    assert conversions.instant(value) == at == (None if found is None else found.at)
