"""Which capture of PostHog takes the events of a run: v1 where the service has it, else v0."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from singer_delivery.endpoint import Endpoint, Limits, Reply, Request
from singer_sdk import typing as th

from target_posthog.capture_v1 import EventsEndpoint, is_of_v1
from target_posthog.endpoint import BatchEndpoint

PATIENCE = 10.0
"""Seconds to wait for the answer to the question; the run goes on without it."""

CAPTURE = th.Property(
    "capture",
    th.StringType,
    default="auto",
    allowed_values=["auto", "v1", "v0"],
    title="Capture",
    description=(
        "Which of PostHog's addresses takes the events: v1 says of each event what becomes of it, "
        "v0 takes or refuses a request as a whole. With auto the service is asked once, at the "
        "start: v1 where it has it, else v0."
    ),
)

logger = logging.getLogger(__name__)


def capture_of(config: Mapping[str, Any], version: str) -> Endpoint:
    """Return the endpoint that takes the events of a run.

    With `auto` the service is asked, by a request without events; a dry run asks nothing.

    Args:
        config: of the target.
        version: of the target.

    Raises:
        SettingsError: the host is no http(s) address.
    """
    host, key = config["host"], (config.get("api_key") or "").strip()
    lane = config["historical_migration"]
    limits = Limits(config["max_batch_events"], config["max_batch_bytes"])
    v1 = EventsEndpoint(host, key, version, historical_migration=lane, limits=limits)
    if _is_v1(config, v1, version):
        return v1
    return BatchEndpoint(host, key, historical_migration=lane, limits=limits)


def _is_v1(config: Mapping[str, Any], v1: EventsEndpoint, version: str) -> bool:
    if config["capture"] != "auto" or config["dry_run"]:
        return bool(config["capture"] == "v1")
    reply = _asked(v1.question(), version)
    logger.info("PostHog at %s %s", v1.host, _sentence(reply))
    return is_of_v1(reply)


def _asked(request: Request, version: str) -> Reply:
    # Not before a run asks: `requests` takes long to import.
    from singer_delivery.io.transport import Transport  # noqa: PLC0415

    with closing(Transport(f"target-posthog/{version}", PATIENCE)) as transport:
        return transport.send(request)


def _sentence(reply: Reply) -> str:
    if is_of_v1(reply):
        return "has capture v1, which says of each event what becomes of it."
    why = reply.error or f"it answered {reply.status}"
    return f"does not say that it has capture v1 ({why}): events go to capture v0, `/batch/`."
