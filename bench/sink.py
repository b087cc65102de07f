"""A sink for benchmarks: answers as PostHog or Mixpanel does, and costs next to nothing.

`python -m bench.sink` prints its address and serves until it is ended. It unpacks each body, counts
the events in it and forgets them; it can answer after a set latency. `GET /counts` tells what came.
Nothing is validated: the fakes of the tests do that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict, dataclass

from isal import igzip

EVENT = '{"event":"'
"""How each event that our targets send begins, and nothing within it."""


@dataclass
class Counts:
    """What came: requests, events, bytes on the wire and unpacked."""

    requests: int = 0
    events: int = 0
    updates: int = 0
    wire_bytes: int = 0
    bytes: int = 0


class Sink:
    """Serves connections on 127.0.0.1.

    Args:
        latency: seconds before each answer.
        marker: what stands once in each event.
    """

    def __init__(self, latency: float, marker: str) -> None:
        self.counts = Counts()
        self._latency = latency
        self._marker = marker.encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                body = await reader.readexactly(_length(head))
                path = head.split(b" ", 2)[1]
                answer = self._take(path, body, is_gzip=b"content-encoding: gzip" in head)
                if self._latency and path != b"/counts":
                    await asyncio.sleep(self._latency)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                    b"\r\n%b" % (len(answer), answer)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _take(self, path: bytes, body: bytes, *, is_gzip: bool) -> bytes:
        counts = self.counts
        if path == b"/counts":
            return json.dumps(asdict(counts)).encode()
        counts.requests += 1
        counts.wire_bytes += len(body)
        content = igzip.decompress(body) if is_gzip else body
        counts.bytes += len(content)
        if path.startswith((b"/engage", b"/groups")):
            updates = content.count(b'"$token":')
            counts.updates += updates
            return b'{"status":1,"error":null,"num_good_events":%d}' % updates
        events = content.count(self._marker)
        counts.events += events
        if path.startswith(b"/import"):
            return b'{"code":200,"num_records_imported":%d,"status":"OK"}' % events
        return b'{"status":"Ok"}'


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


async def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.sink")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--marker", default=EVENT, help="what stands once in each event")
    options = parser.parse_args()
    sink = Sink(options.latency, options.marker)
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0, limit=4 * 1024 * 1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
