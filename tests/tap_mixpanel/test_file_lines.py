"""Lines of exported files in the shape of the raw export."""

import json

import pytest
from tap_mixpanel.file_lines import Line, plain_rows, rows_in, shaped, taken_apart


@pytest.mark.parametrize(
    "line",
    [
        b'{"event":"Play","properties":{"time":1,"big":12345678901234567890123}}',
        b'{ "event" : "Play" , "properties" : { } }',
        b'{"properties":{},"event":null}',
    ],
)
def test_a_row_of_the_raw_export_stays_to_the_byte(line):
    assert shaped(line) == Line("events", line)


def test_a_flat_row_of_data_pipelines_gets_the_names_of_the_raw_export():
    flat = (
        b'{"event_name":"Play","distinct_id":"ann","device_id":"d1","user_id":"ann",'
        b'"insert_id":"i1","time":1767225600000,"properties":{"n":1.0,"mp_lib":"web"},"team":7}'
    )
    row = json.loads(shaped(flat).row)
    assert shaped(flat).stream == "events"
    assert row == {
        "event": "Play",
        "properties": {
            "distinct_id": "ann",
            "$device_id": "d1",
            "$user_id": "ann",
            "$insert_id": "i1",
            "time": 1767225600000,
            "team": 7,
            "n": 1.0,
            "mp_lib": "web",
        },
    }
    assert b'"n":1.0' in shaped(flat).row


@pytest.mark.parametrize("properties", ["{}", "{ }", "null", '"text"'])
def test_a_flat_row_without_properties_has_those_at_its_top(properties):
    flat = f'{{"event_name":"Play","time":1,"properties":{properties}}}'.encode()
    assert json.loads(shaped(flat).row) == {"event": "Play", "properties": {"time": 1}}


def test_what_stands_in_both_places_is_taken_from_within():
    flat = b'{"event_name":"Play","insert_id":"out","n":1,"properties":{"$insert_id":"in","n":2}}'
    assert shaped(flat).row == b'{"event":"Play","properties":{"$insert_id":"in","n":2}}'


def test_a_property_that_is_called_like_a_key_at_the_top_leaves_that_key_its_meaning():
    flat = (
        b'{"event_name":"Play","user_id":"ann","device_id":"d1","time":1,'
        b'"properties":{"user_id":"a buyer","":7},"team":1}'
    )
    assert json.loads(shaped(flat).row)["properties"] == {
        "$user_id": "ann", "$device_id": "d1", "time": 1, "team": 1, "user_id": "a buyer", "": 7
    }  # fmt: skip


def test_profiles_and_lines_of_nothing_are_told_by_their_keys():
    profile = b'{"$distinct_id":"ann","$properties":{"$name":"Ann"}}'
    assert shaped(profile) == Line("profiles", profile)
    for other in (b'{"a":1}', b"[1]", b"nothing", b""):
        assert shaped(other) == Line(None, other)


def test_rows_back_to_back_are_taken_apart():
    assert taken_apart(b'{"a":"}{"}{"b":2} {"c":{}}') == [b'{"a":"}{"}', b'{"b":2}', b'{"c":{}}']
    for whole in (b'{"a":"}{"}', b'{"a":1}{broken', b'{"a":1}'):
        assert taken_apart(whole) == [whole]


PLAIN = b'{"event":"Play","properties":{"time":1}}'


@pytest.mark.parametrize(
    "line",
    [
        b'{"event":"Play","properties":{"list":[{"a":{}},{"b":1}],"said":"}{","n":{}}}',
        b'{"event":"Play","properties":{"said":"}"}}',
        b' {"event":"Play","properties":{}} \r\n',
        b'{"event":"a","properties":{}}{"event":"b","properties":{}}',
        b'{"event":"a","properties":{}} {"event":"b","properties":{}}',
        b'{"event":7}',
        b'{ "event":"Play","properties":{}}',
        b'{"$distinct_id":"ann","$properties":{}}',
        b"{broken",
        b"",
    ],
)
def test_plain_rows_are_those_that_lines_hold_one_by_one(line):
    block = [PLAIN, line, PLAIN]
    plain = plain_rows(block)
    assert plain is None or plain == [one.row for one in rows_in(block) if one.stream == "events"]
    assert plain_rows([PLAIN, PLAIN]) == [PLAIN, PLAIN]


def test_objects_back_to_back_are_no_plain_rows():
    assert plain_rows([PLAIN, PLAIN + PLAIN]) is None
