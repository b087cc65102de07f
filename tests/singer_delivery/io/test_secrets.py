from __future__ import annotations

import pytest
from singer_delivery.io.secrets import blotted, login_of


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("the key phc_0123456789 is wrong", ["phc_0123456789"], "the key … is wrong"),
        ("xphc_0123456789x", ["phc_0123456789"], "x…x"),
        ("token ok is not ok, oktober", ["ok"], "token … is not …, oktober"),
        ("row 1 of 12", ["1"], "row … of 12"),
        ("abcdefgh and abcd", ["abcd", "abcdefgh"], "… and …"),
        ("a.b and aXb", ["a.b"], "… and aXb"),
        ("nothing", ["", "key"], "nothing"),
    ],
)
def test_a_secret_is_blotted_out_and_words_that_hold_a_short_one_stay(text, secrets, shown):
    assert blotted(text, secrets) == shown


def test_a_login_is_blotted_out_as_its_header_has_it():
    assert login_of("Aladdin", "open sesame") == "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617
    assert blotted("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==.", [login_of("Aladdin", "open sesame")]) == (
        "Basic …."
    )
