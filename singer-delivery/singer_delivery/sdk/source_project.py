"""How a tap says in SCHEMA which project its rows come from, so that no target sends them back.

The digest hides the key that may name the project. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

KEYWORD = "x-source-project"


def project_digest(vendor: str, key: str) -> str:
    """Return the digest of a project: tap and target of one vendor must agree on its key."""
    return hashlib.sha256(f"{vendor.lower()}\n{key}".encode()).hexdigest()[:16]


def with_source_project(schema: Mapping[str, Any], vendor: str, key: str) -> dict[str, Any]:
    """Return a stream's schema with the project its rows come from; unchanged without a key."""
    return {**schema, KEYWORD: project_digest(vendor, key)} if key else {**schema}


def comes_from(schema: Mapping[str, Any], vendor: str, key: str) -> bool | None:
    """Tell whether the rows of a schema come from a project; None where nothing says so."""
    said = schema.get(KEYWORD)
    return said == project_digest(vendor, key) if said and key else None
