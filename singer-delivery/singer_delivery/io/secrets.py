"""Secrets that a service may quote in its replies, and that no log or file may hold. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

LONG = 8
"""Characters from which a secret is blotted out wherever it stands. A shorter one (`ok`) may be a
part of any word, and is blotted out where it stands alone."""

LONGEST_EXCERPT = 300
"""Characters of a reply that are quoted."""


def blotted(text: str, secrets: Iterable[str]) -> str:
    """Return a text for people with `…` in the place of each secret.

    Blot what is printed, never what is still to be read: a secret such as `1` would change it.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        written = re.escape(secret)
        if len(secret) < LONG:
            written = rf"(?<![A-Za-z0-9]){written}(?![A-Za-z0-9])"
        text = re.sub(written, "…", text)
    return text


def excerpt(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the beginning of a service's own words, as a sentence or a log may quote it.

    Secrets are blotted before it is cut: a piece of one is a secret, too.
    """
    return blotted(text, secrets)[:LONGEST_EXCERPT]


def login_of(name: str, password: str) -> str:
    """Return a login as the header of HTTP Basic authentication has it; it is a secret, too."""
    return base64.b64encode(f"{name}:{password}".encode()).decode("ascii")
