"""Pages of profiles as replies have them, and the order in which they are asked for."""

import json

import pytest
from singer_delivery.tap.errors import TryAgain
from tap_mixpanel.engage import (
    Page,
    Profile,
    Reading,
    SessionLost,
    group,
    person,
    profile_in,
    read_page,
)

READ_AT = "2026-03-01T10:00:00.000Z"


def reply(*results, **changes):
    fields = {
        "page": 0,
        "page_size": 2,
        "session_id": "1-A",
        "status": "ok",
        "total": 3,
        **changes,
    }
    head = json.dumps(fields)[:-1]
    return f'{head},"results":[{",".join(results)}]}}'.encode()


def page(count, size=2, session="1-A", total=None):
    _numbers.extend([None] * count)
    first = len(_numbers) - count
    return Page([b'{"$distinct_id":%d}' % (first + n) for n in range(count)], size, session, total)


_numbers = []


def profiles_in(body):
    return [profile_in(result) for result in read_page(body, 0).results]


def test_properties_pass_as_returned_to_the_byte():
    odd = '{ "a" : 1.0, "big":123456789012345678901234567890, "u":"\\u00e9\\ud83d\\ude00" }'
    (profile,) = profiles_in(reply(f'{{"$distinct_id":"ann","$properties":{odd}}}'))
    assert person(profile, READ_AT).endswith(odd.encode() + b"}")
    assert json.loads(person(profile, READ_AT))["read_at"] == READ_AT


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ('"ann"', "ann"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("-7", "-7"),
        ("7.10", "7.10"),
        ('"a\\"b"', 'a"b'),
    ],
)
def test_an_id_is_text_and_a_number_keeps_its_digits(given, text):
    (profile,) = profiles_in(reply(f'{{"$distinct_id":{given},"$properties":{{}}}}'))
    assert json.loads(person(profile, READ_AT))["distinct_id"] == text
    told = json.loads(group(profile, READ_AT, b'"company"'))
    assert (told["group_key"], told["group_id"], told["properties"]) == ("company", text, {})


def test_a_profile_without_an_id_is_broken_and_one_without_properties_is_empty():
    broken = [
        '{"$properties":{}}',
        '{"$distinct_id":null,"$properties":{}}',
        '{"$distinct_id":"","$properties":{}}',
        '{"$distinct_id":true}',
        '{"$distinct_id":"b","$properties":[1]}',
        "7",
    ]
    found = profiles_in(reply(*broken, '{"$distinct_id":"a"}'))
    assert found == [*[None] * len(broken), Profile(b'"a"', b"{}")]


def test_a_reply_with_what_is_no_json_is_mended_and_its_other_profiles_stay():
    found = profiles_in(reply('{"$distinct_id":"a","$properties":{"x":NaN,"y":1}}'))
    assert found == [Profile(b'"a"', b'{"y":1}')]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Log in</html>",
        b'{"error":"Internal error"}',
        b'{"status":"ok"}',
        b"",
        b"[]",
        b'{"results":{}}',
        reply('{"$distinct_id":"a"}', page=4),
        reply('{"$distinct_id":"a"}')[:-4],
    ],
)
def test_what_is_no_page_is_asked_for_again_and_its_text_is_not_quoted(body):
    with pytest.raises(TryAgain) as caught:
        read_page(body, 0)
    assert "Log in" not in str(caught.value)
    assert "Internal" not in str(caught.value)


def test_pages_are_asked_for_with_the_session_and_end_with_a_short_one():
    reading = Reading({"data_group_id": "7"}, page_size=5)
    assert reading.form() == {"data_group_id": "7", "page": "0", "page_size": "5"}
    reading.take(page(2, total=5))
    reading.take(page(2, session=""))
    assert not reading.is_over
    assert reading.form()["session_id"] == "1-A"
    assert reading.form()["page"] == "2"
    reading.take(page(1))
    assert reading.is_over
    assert (reading.read, reading.total, reading.lacks) == (5, 5, 0)


def test_a_full_last_page_is_followed_by_an_empty_one():
    reading = Reading()
    reading.take(page(2, total=2))
    assert not reading.is_over
    reading.take(page(0))
    assert reading.is_over


def test_a_short_page_before_the_total_is_not_taken_for_the_end():
    reading = Reading()
    reading.take(page(1, total=3))
    assert not reading.is_over
    reading.take(page(0))
    assert reading.is_over
    assert reading.lacks == 2


def test_no_profiles_are_one_page():
    reading = Reading()
    reading.take(read_page(reply(total=0), 0))
    assert reading.is_over
    assert reading.lacks == 0


LEAN = ("page", "page_size", "session_id", "status", "total")


def lean(*results, **fields):
    """A reply without what is promised of it."""
    full = json.loads(reply(*results))
    return json.dumps({**{k: v for k, v in full.items() if k not in LEAN}, **fields}).encode()


def test_a_reply_without_page_size_and_total_is_followed_until_a_page_is_empty():
    reading = Reading(page_size=5)
    for number, results in enumerate((['{"$distinct_id":1}'] * 2, ['{"$distinct_id":2}'], [])):
        assert not reading.is_over
        reading.take(read_page(lean(*results, session_id="1-A"), number))
    assert reading.is_over
    assert (reading.read, reading.lacks) == (3, 0)


def test_a_page_that_no_other_can_follow_is_no_end_unless_the_total_says_so():
    Reading().take(read_page(lean('{"$distinct_id":1}', total=1), 0))
    for fields in ({}, {"total": 3}, {"page_size": 1}):
        with pytest.raises(SessionLost, match="session_id"):
            Reading().take(read_page(lean('{"$distinct_id":1}', **fields), 0))


def test_a_service_that_answers_the_same_page_again_is_not_asked_for_ever():
    reading = Reading()
    reading.take(read_page(lean('{"$distinct_id":1}', session_id="1-A"), 0))
    with pytest.raises(SessionLost, match="once more"):
        reading.take(read_page(lean('{"$distinct_id":1}', session_id="1-A"), 1))
