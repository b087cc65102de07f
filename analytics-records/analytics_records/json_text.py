"""Objects and lists that came as JSON text, or as Python prints them. Pure.

Tables without a type for objects hold their JSON as text. A CSV that meltanolabs-target-csv wrote
has them as Python prints them, `{'price': Decimal('39.0')}` (its version 0.5.0).
"""

from __future__ import annotations

import ast
import warnings
from typing import Any

from singer_delivery.mapping.cleaning import readable
from singer_delivery.mapping.json_lines import read_json
from singer_delivery.mapping.lines import BAD_LINE, read
from singer_delivery.model import Unmappable

_DEEPEST_TEXT = 4
"""How often JSON text may stand within JSON text: each table on the way may write it once more."""

_READER = "the service"
"""Reads what is read here, for people."""

_LONGEST_PYTHON = 2_000_000
"""Characters, twice what PostHog and Mixpanel take of one event. Python may take a hundred times
as much memory to read it."""


def unpacked(value: Any, kind: type = dict) -> Any:
    """Return what JSON text, or Python's, holds if it is of this kind; any other value as it is.

    It is read as lines are: `lines.read`. The text `null` is None.

    Raises:
        Unmappable: it nests too deep (`nested_too_deep`).
    """
    found = value
    for _ in range(_DEEPEST_TEXT):
        if type(found) is not str:
            return value
        try:
            found = _read(found)
        except ValueError as error:
            if isinstance(error, Unmappable) and error.reason != BAD_LINE:
                raise
            return value
        if found is None or type(found) is kind:
            return found
    return value


def _read(text: str) -> Any:
    """Read JSON, or what Python prints.

    Raises:
        ValueError: it is neither; or `Unmappable`, which is one, if it nests too deep.
    """
    try:
        record = read(b'{"":%b}' % text.encode(), is_message=False, service=_READER)
    except Unmappable as error:
        if error.reason != BAD_LINE:
            raise
        record = readable({"": _read_python(text)}, _READER)
    if len(record) != 1:  # text that goes on behind its value
        raise ValueError
    return record[""]


def _read_python(text: str) -> Any:
    if not text.startswith(("{", "[")) or len(text) > _LONGEST_PYTHON:
        raise ValueError
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that are none
            return ast.literal_eval(_Decimals().visit(ast.parse(text, mode="eval")))
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError from error


class _Decimals(ast.NodeTransformer):
    """Makes the number of each `Decimal('39.0')`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node:
            case ast.Call(ast.Name("Decimal"), [ast.Constant(str(digits))], []):
                return ast.Constant(read_json(digits.encode()))
        return node
