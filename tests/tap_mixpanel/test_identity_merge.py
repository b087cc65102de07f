"""Which ID merge a project has, told by its rows."""

import json

import pytest
from tap_mixpanel.identity_merge import IdentityMerge, device_of, is_verb


def row(event="Play", **properties):
    return json.dumps({"event": event, "properties": properties}).encode()


DEVICE, PLAIN = row(distinct_id="$device:d1"), row(distinct_id="ann")
VERB = row("$identify", **{"$identified_id": "ann", "$anon_id": "d1"})


@pytest.mark.parametrize(
    ("lines", "mode"),
    [
        ([DEVICE, PLAIN], "simplified"),
        ([row(distinct_id="ann", **{"$distinct_id_before_identity": "$device:d1"})], "simplified"),
        ([VERB, PLAIN], "original"),
        ([row("$create_alias")], "original"),
        ([row("$merge")], "original"),
        ([PLAIN], None),
        ([DEVICE, VERB], None),
        ([row(note="$device:d1", said="$identify")], None),
        ([b"{broken", b'"$device:', b'{"event":"$identify","properties":7}'], None),
    ],
)
def test_rows_say_which_merge_a_project_has(lines, mode):
    seen = IdentityMerge()
    for line in lines:
        seen.look_at([line])
    assert seen.mode == mode
    together = IdentityMerge()
    together.look_at(lines)
    assert together.mode == mode


@pytest.mark.parametrize(("event", "mode"), [("$identify", "original"), ("Play", None), ([], None)])
def test_names_that_are_read_already_tell_verbs(event, mode):
    seen = IdentityMerge()
    seen.look_at([row(event, said="$identify")], [event])
    assert seen.mode == mode


def test_what_settings_or_state_say_is_not_asked_again():
    seen = IdentityMerge("original")
    seen.look_at([DEVICE])
    assert seen.mode == "original"


def test_verbs_are_told_from_texts_that_look_like_them():
    assert is_verb(VERB)
    assert not is_verb(row("Play", name="$identify"))
    assert not is_verb(b"nothing")


@pytest.mark.parametrize(
    ("ids", "device"),
    [
        (("d1", "ann", None), "d1"),
        (("$device:d1", "ann", None), "d1"),
        ((None, "$device:d2", None), "d2"),
        (("", "ann", "$device:d3"), "d3"),
        ((17, "ann", None), "17"),
        ((None, "ann", "anonymous"), None),
        (("$device:", None, None), None),
        ((None, "$device:", None), None),
        ((True, ["x"], {}), None),
    ],
)
def test_the_device_of_a_row_is_its_own_or_behind_the_prefix(ids, device):
    assert device_of(*ids) == device
