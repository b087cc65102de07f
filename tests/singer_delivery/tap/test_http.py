"""What taps say of answers that bring no data."""

from __future__ import annotations

import pytest
from singer_delivery.tap.http import Refusal


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
