"""Mixpanel's raw export as a bench needs it: days that lie in files, and answered as they lie.

It costs next to nothing: bodies are packed before, and a gzip of several members is one gzip.
Nothing is checked, there are no limits and no profiles: the fakes of the tests have those.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, urlsplit

from typing_extensions import Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from bench.export import Export

NO_PROFILES = b'{"page":0,"page_size":1000,"session_id":"1","status":"ok","total":0,"results":[]}'


class _Handler(BaseHTTPRequestHandler):
    days: ClassVar[Mapping[str, Path]] = {}
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the days asked for."""
        asked = parse_qs(urlsplit(self.path).query)
        first, last = asked["from_date"][0], asked["to_date"][0]
        files = [] if "event" in asked else [self.days[day] for day in self.days]
        chosen = [path for path in files if first <= path.name.split(".")[0] <= last]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(sum(path.stat().st_size for path in chosen)))
        if chosen:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        for path in chosen:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    self.wfile.write(block)

    def do_POST(self) -> None:
        """Answer that there are no profiles."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(NO_PROFILES)))
        self.end_headers()
        self.wfile.write(NO_PROFILES)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


class ExportServer:
    """Serves an export's days on 127.0.0.1 while it is entered.

    Args:
        export: of a file a day, named by it.

    Attributes:
        url: its address.
    """

    def __init__(self, export: Export) -> None:
        days = {file.path.name.split(".")[0]: file.path for file in export.files}
        handler = type("Handler", (_Handler,), {"days": days})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Serve."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
