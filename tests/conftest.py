"""What holds for every test: no network, and no settings of the machine it runs on.

Below the results it prints what runs of the kill matrix survived.
"""

from __future__ import annotations

import gc
import ipaddress
import logging
import os
import socket
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.destinations import IN_ALL_WAYS, Destination, in_all_ways
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _pytest.terminal import TerminalReporter

# Several tests run at once on one machine: how long an example takes says nothing of the code.
hypothesis.settings.register_profile(
    "several at once",
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("several at once")

GZIP_MAGIC = b"\x1f\x8b"
OUR_SETTINGS = ("TAP_", "TARGET_", "POSTHOG", "MIXPANEL", "AMPLITUDE")

AT_ONE_DESTINATION = {
    *("end_to_end", "mixpanel_people", "people", "warehouse"),
    *("test_excluded_people", "test_explain", "test_into_targets", "test_messages"),
    *("test_plan", "test_sampled_people", "test_stream_maps"),
}
"""Folders and modules whose sweeps the usual tests run at the first destination of each test, since
they start processes or take seconds; the slow tests run them at the others."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect the tests once and for all: looking for garbage among them takes a third longer."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let sweeps at other destinations be slow."""
    usual: dict[str, Destination] = {}
    for item in items:
        at = _whereto(item)
        if at is None or AT_ONE_DESTINATION.isdisjoint((item.path.stem, item.path.parent.name)):
            continue
        if usual.setdefault(item.nodeid.partition("[")[0], at) is not at:
            item.add_marker(pytest.mark.slow)


def _whereto(item: pytest.Item) -> Destination | None:
    """Return the destination that is a parameter of a test, or of a parameter of it."""
    params = getattr(item, "callspec", None)
    for value in params.params.values() if params is not None else ():
        project = getattr(value, "project", value)
        found = getattr(project, "destination", project)
        if isinstance(found, Destination):
            return found
    return None


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name compressed bytes in a way that every worker does: they hold the time of packing."""
    return "gzip" if isinstance(val, bytes) and val.startswith(GZIP_MAGIC) else None


class NetworkBlockedError(RuntimeError):
    """A test wanted to leave the machine; deliberately no OSError, which code might retry."""

    def __init__(self, host: object) -> None:
        super().__init__(f"A test tried to reach {host!r}. Tests talk to fakes on 127.0.0.1 only.")


def _check(host: object) -> None:
    if not _is_local(host):
        raise NetworkBlockedError(host)


def _is_local(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(_text(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _text(host: object) -> str:
    return host.decode() if isinstance(host, bytes) else str(host)


def _only_local(method: Callable[..., Any]) -> Callable[..., Any]:
    """Guard a method of socket whose last argument is the address."""

    def guarded(self: socket.socket, *args: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _check(args[-1][0])
        return method(self, *args)

    return guarded


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Let sockets of this process reach loopback addresses only, and resolve no other names."""
    resolve = socket.getaddrinfo

    def resolve_local(host: object, *args: Any, **kwargs: Any) -> Any:
        _check(host)
        return resolve(host, *args, **kwargs)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _only_local(getattr(socket.socket, name)))
        patch.setattr(socket, "getaddrinfo", resolve_local)
        yield


@pytest.fixture(autouse=True)
def no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide keys and settings of the person who runs the tests; reach the fakes past any proxy."""
    for name in os.environ:
        if name.upper().startswith(OUR_SETTINGS):
            monkeypatch.delenv(name)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


@pytest.fixture(scope="module", params=in_all_ways((each,) for each in IN_ALL_WAYS), ids=str)
def destination(request: pytest.FixtureRequest) -> Destination:
    """Each destination in turn; a test of some only parametrizes `destination` itself.

    What takes events in a second way comes with `make test-slow`.
    """
    chosen: Destination = request.param
    return chosen


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Take away the handler that a command run in this process left: its stream is closed."""
    yield
    root = logging.getLogger()
    for handler in [each for each in root.handlers if type(each) is logging.StreamHandler]:
        root.removeHandler(handler)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "kills survived" and report.when == "call":
                terminalreporter.write_line(f"Kills survived: {value}.")
