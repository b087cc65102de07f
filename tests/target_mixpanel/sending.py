"""Requests as the pipeline makes them of encoded events."""

from __future__ import annotations

import gzip

from singer_delivery.endpoint import Endpoint, Request
from singer_delivery.model import Event


def body_of(endpoint: Endpoint, encoded: list[bytes]) -> bytes:
    """Return the body that carries encoded events."""
    before, after, is_gzipped = endpoint.envelope
    body = before + b",".join(map(endpoint.as_sent, encoded)) + after
    return gzip.compress(body, mtime=0) if is_gzipped else body


def request_of(endpoint: Endpoint, *events: Event) -> Request:
    """Return the request that carries events."""
    return endpoint.request(body_of(endpoint, [endpoint.encode(event) for event in events]))
