"""Reads the body of an answer of the raw export, and tells whether it is whole.

Mixpanel answers 200 and then may give up: it ends the body by a line of text, or cuts it, in the
middle of a gzip member too. Other programs behind its name answer 200 with a page of HTML. So the
status says nothing; a body is whole when it ends cleanly and each line is a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
from singer_delivery.io.expansion import Unreadable, blocks_of_lines, most_bytes
from singer_delivery.io.gunzip import DAMAGE, unpacked
from singer_delivery.tap.spool import spool_errors

from tap_mixpanel.dealing import NO_ROW, Broken, Dealer
from tap_mixpanel.errors import TooManyLinesBroken, WindowFailed

MARKERS = (b"terminated early", b"export terminated early")
"""Lines that end a body that is not whole (Airbyte, source-mixpanel; mixpanel-import)."""

FEW_BROKEN, MOST_PER_THOUSAND = 10, 1
"""So many broken lines may be chance; from `FEW_BROKEN` on, their share tells."""

MANY_BROKEN, GIVEN_UP_PER_THOUSAND = 1_000, 100
"""From this share on, of what is read so far, the rest is not read: broken lines wait in memory."""


class PageOfHtml(WindowFailed):
    """Something that is no Mixpanel answers, or a page to log in at."""


class ErrorBehind200(WindowFailed):
    """The body is an error."""


def deal(path: Path, dealer: Dealer) -> None:
    """Read a body to its end, and deal its rows.

    Raises:
        WindowFailed: It is not whole.
        TooManyLinesBroken: Too many of its lines are no rows.
        SpoolUnwritable: Rows must go to disk, and cannot.
    """
    try:
        with path.open("rb") as stored:
            blocks = blocks_of_lines(unpacked(stored), most_bytes(path.stat().st_size))
            _deal(blocks, dealer)
    except DAMAGE as error:
        msg = "the gzip of the answer ends in its middle"
        raise WindowFailed(msg) from error
    except Unreadable as error:
        msg = f"the answer {error}"
        raise WindowFailed(msg) from error
    except OSError as error:
        with spool_errors(path.parent):
            raise error from None
    _judge(dealer)


def _deal(blocks: Iterable[list[bytes]], dealer: Dealer) -> None:
    is_first = True
    for lines in blocks:
        if is_first:
            _refuse_a_page(lines)
            is_first = False
        known = len(dealer.broken)
        dealer.add(lines)
        _look_at(dealer.broken[known:])
        if len(dealer.broken) > MANY_BROKEN:
            _judge_share(dealer, GIVEN_UP_PER_THOUSAND)


def _refuse_a_page(lines: list[bytes]) -> None:
    first = next(filter(None, map(bytes.strip, lines)), b"")
    if first.startswith((b"<", b"\xef\xbb\xbf<")):
        msg = "Mixpanel answered 200 with a page of HTML"
        raise PageOfHtml(msg)


def _look_at(broken: list[Broken]) -> None:
    for line in broken:
        if line.line in MARKERS:
            msg = f'Mixpanel ended the answer with "{line.line.decode()}"'
            raise WindowFailed(msg)
        if line.why == NO_ROW and "error" in _columns(line.line):
            msg = "Mixpanel answered 200 with an error"
            raise ErrorBehind200(msg)


def _judge(dealer: Dealer) -> None:
    if dealer.ends_broken:
        msg = "the last line of the answer is cut"
        raise WindowFailed(msg)
    if len(dealer.broken) >= FEW_BROKEN:
        _judge_share(dealer, MOST_PER_THOUSAND)


def _judge_share(dealer: Dealer, most_per_thousand: int) -> None:
    count = len(dealer.broken)
    if count * 1_000 > dealer.read * most_per_thousand:
        msg = f"{count:,} of {dealer.read:,} lines of the answer are no rows"
        raise TooManyLinesBroken(msg)


def _columns(line: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decode(line)
    except (msgspec.DecodeError, RecursionError):
        return {}


_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
