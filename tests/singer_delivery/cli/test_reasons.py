"""Every reason that a module of ours can give has its meaning and its advice.

The reasons are collected from the source: what `Unmappable` and rejecting judgements are made of,
names that are assigned to `reason`, and the tables of the pairs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from singer_delivery.cli.dead_letter_reasons import OTHER, REASONS, UNMARKED, explained

from tools.connectors import projects


@cache
def trees() -> dict[Path, ast.Module]:
    """Return the source of every module; read at the first test, since it takes seconds."""
    return {
        path: ast.parse(path.read_text("utf-8"))
        for each in projects()
        for path in sorted((each.folder / each.package).rglob("*.py"))
    }


def constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that a module gives names."""
    return {
        target.id: each.value.value
        for each in tree.body
        if isinstance(each, ast.Assign)
        and isinstance(each.value, ast.Constant)
        and isinstance(each.value.value, str)
        for target in each.targets
        if isinstance(target, ast.Name)
    }


@cache
def all_constants() -> dict[str, str]:
    return {name: text for tree in trees().values() for name, text in constants(tree).items()}


def text_of(node: ast.expr | None, tree: ast.Module) -> str | None:
    """Return the text that an expression is, where it is a constant or the name of one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return constants(tree).get(node.id, all_constants().get(node.id))
    return None


def is_rejecting(call: ast.Call) -> bool:
    names = [ast.unparse(each) for each in call.args[:1]]
    return ast.unparse(call.func).endswith("Judgement") and names == ["Verdict.REJECTED"]


def reasons_in(tree: ast.Module) -> Iterator[str]:
    refuses = any(
        isinstance(node, ast.Call) and ast.unparse(node.func) == "Unmappable"
        for node in ast.walk(tree)
    )
    for node in ast.walk(tree):
        found: list[ast.expr | None] = []
        if isinstance(node, ast.Call):
            found = [word.value.elts[0] for word in node.keywords if _is_refusal(word)]
            if ast.unparse(node.func) == "Unmappable":
                found += [each for each in node.args[:1] if not isinstance(each, ast.Starred)]
            elif is_rejecting(node):
                found += node.args[1:2]
        elif isinstance(node, ast.Assign) and refuses:
            found = _assigned(node)
        yield from (text for each in found if (text := text_of(each, tree)) is not None)


def _is_refusal(word: ast.keyword) -> bool:
    return word.arg == "refused" and isinstance(word.value, ast.Tuple)


def _assigned(node: ast.Assign) -> list[ast.expr | None]:
    """Return what is assigned to `reason`, alone or with others."""
    (target,) = node.targets[:1]
    if isinstance(target, ast.Name) and target.id == "reason":
        return [node.value]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        pairs = zip(target.elts, node.value.elts, strict=True)
        return [of for to, of in pairs if isinstance(to, ast.Name) and to.id == "reason"]
    return []


def tables() -> Iterator[str]:
    for path in trees():
        if path.name == "table.py" and path.parent.name.startswith("from_"):
            module = f"{path.parents[1].name}.{path.parent.name}.table"
            yield from import_module(module).DEAD_LETTERS


@pytest.fixture(scope="module")
def given() -> set[str]:
    """Return every reason that is given."""
    return {reason for tree in trees().values() for reason in reasons_in(tree)} | {*tables()}


def test_reasons_are_found_in_the_source(given):
    assert {"no_identity", "refused", "bad_line", "event_too_large", "stream_map_failed"} <= given
    assert {"no_key", "silenced", "update_too_large", "not_json", "forbidden"} <= given


def test_every_reason_is_known_and_no_other(given):
    assert REASONS.keys() == given


@pytest.mark.parametrize("reason", REASONS)
def test_each_says_what_is_wrong_and_what_to_do_in_sentences(reason):
    about = explained(reason)
    assert about is REASONS[reason]
    assert all(text[0].isupper() and text.endswith(".") for text in about)


def test_an_unknown_reason_and_a_mended_record_are_explained_too():
    assert explained("of a later version") is OTHER
    assert explained("") is UNMARKED
