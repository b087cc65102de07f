"""What taps say of answers that bring no data."""

from __future__ import annotations

import pytest
from singer_delivery.io.secrets import LONGEST_EXCERPT, blotted
from singer_delivery.tap.http import Refusal, quoted, text_of


@pytest.mark.parametrize(
    ("location", "led"),
    [
        ("https://login.example.com/x?secret=1", ", which leads to https://login.example.com,"),
        ("/elsewhere", ""),
        ("", ""),
        ("http://[no address", ""),
    ],
)
def test_where_a_redirect_leads_is_said_by_its_host_alone(location, led):
    assert Refusal(302, "", {"Location": location}).led == led


@pytest.mark.parametrize("before", range(LONGEST_EXCERPT - 12, LONGEST_EXCERPT + 2))
def test_a_secret_at_the_end_of_what_is_quoted_is_not_cut_but_blotted(before):
    secret = "s3cret-of-mine"
    text = text_of(b"x" * before + b" " + secret.encode() + b" and more" * 99)
    refusal = Refusal(400, text, {})
    shown = quoted(blotted(refusal.whole, [secret]))
    assert "s3c" not in shown
    assert len(refusal.text) == LONGEST_EXCERPT
    assert len(shown) <= LONGEST_EXCERPT + 10


def test_a_body_that_nests_deep_has_a_text_too():
    body = b"[" * 1_000 + b'"deep"' + b"]" * 1_000
    assert "deep" in text_of(body)
