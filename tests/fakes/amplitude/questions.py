"""What Amplitude answers to who asks whether keys are right: its list of annotations. Pure.

Sources: Amplitude docs, "Chart Annotations" (v3, and v2 of older projects: 404 for what a project
does not have), "Dashboard REST API" (the same keys as the export).
"""

from __future__ import annotations

from typing import Literal

import orjson

from tests.fakes.http.exchanges import Reply

PATHS = {"v3": "/api/3/annotations", "v2": "/api/2/annotations"}
PAGE = {"Content-Type": "text/html"}

NO_CHARTS = Reply(
    403,
    orjson.dumps({"error": {"http_code": 403, "type": "forbidden", "message": "No charts"}}),
    {"Content-Type": "application/json"},
)
"""What a free account that is blocked may say; the text is assumed."""


def answer(path: str, version: Literal["v3", "v2"], *, has_charts: bool) -> Reply:
    """Answer who has shown the right keys.

    Args:
        path: That was asked.
        version: Of the list that the project has.
        has_charts: Whether its plan has them.
    """
    if path != PATHS[version]:
        return Reply(404, b"<html><body>Not Found</body></html>", PAGE)
    if not has_charts:
        return NO_CHARTS
    return Reply(200, b'{"data":[]}', {"Content-Type": "application/json"})
