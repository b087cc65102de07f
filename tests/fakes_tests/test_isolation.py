from __future__ import annotations

import os
import socket

import pytest
import requests

ELSEWHERE = "203.0.113.7"  # reserved for documentation (RFC 5737): nobody is there


def test_no_connection_leaves_the_machine():
    with socket.socket() as client, pytest.raises(RuntimeError, match=r"203\.0\.113\.7"):
        client.connect((ELSEWHERE, 80))
    with socket.socket() as client, pytest.raises(RuntimeError, match="fakes on 127"):
        client.connect_ex((ELSEWHERE, 80))


def test_no_datagram_leaves_the_machine():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        pytest.raises(RuntimeError, match="fakes on 127"),
    ):
        client.sendto(b"hello", (ELSEWHERE, 53))


def test_no_name_is_looked_up():
    with pytest.raises(RuntimeError, match=r"example\.com"):
        requests.get("http://example.com/", timeout=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_can_be_reached(host):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1]), timeout=5).close()


@pytest.fixture(scope="module", autouse=True)
def settings_of_the_machine():
    """Set them before `no_ambient_settings`, which runs for each test."""
    names = ("TAP_AMPLITUDE_API_KEY", "TARGET_POSTHOG_HOST", "POSTHOG_API_KEY", "amplitude_region")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setenv(name, "ambient")
        yield names


def test_settings_of_the_machine_are_hidden(settings_of_the_machine):
    assert not os.environ.keys() & set(settings_of_the_machine)
