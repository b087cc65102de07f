"""Asks the questions of a plugin: as a run begins, and by `--test`.

A run asks before its first record leaves, within seconds: a few short requests that store nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import click
from singer_sdk import typing as th

from singer_delivery.io.transport import Transport
from singer_delivery.proof.questions import Asked, Known, Question, asked, exit_code, lines_of

PATIENCE = 5.0
"""Seconds. A service that takes longer is not waited for: the run finds out by itself."""

MARK = " (check)"
"""Ends the user agent of each question, so that it is told from a delivery in a service's logs."""

NOTHING_TO_ASK = "There is no service to ask: it reads or writes files of this machine."

CHECK: th.Property[Any] = th.Property(
    "check",
    th.BooleanType,
    default=True,
    title="Check",
    description=(
        "Ask the service before anything is read whether it knows the key and the project. A no "
        "stops the run; a service that does not answer is logged, and the run goes on."
    ),
)


class Asking(Protocol):
    """A plugin that has questions."""

    @property
    def logger(self) -> logging.Logger:
        """Where it logs."""

    @property
    def config(self) -> Mapping[str, Any]:
        """Its settings."""

    @property
    def user_agent(self) -> str:
        """What its requests say of themselves."""

    def questions(self) -> Sequence[Question]:
        """Return what it can ask."""


def answers_of(plugin: Asking, *, of_runs: bool = False) -> Iterator[Asked]:
    """Ask what a plugin has to ask, and yield each question with its answer.

    Args:
        plugin: whose questions they are.
        of_runs: whether to ask only what each run asks.
    """
    questions = [each for each in plugin.questions() if each.is_of_runs or not of_runs]
    if not questions:
        return
    with _sender(plugin.user_agent) as sender:
        yield from asked(questions, sender)


def check_before_run(plugin: Asking, refused: type[Exception]) -> None:
    """Ask what a run must know; log what is known, and once why it is not.

    Args:
        plugin: that is about to run.
        refused: raised with the sentence of a no.
    """
    if not plugin.config.get("check", True) or plugin.config.get("dry_run"):
        return
    told: set[str] = set()
    for _, answer in answers_of(plugin, of_runs=True):
        if answer.known is Known.NO:
            raise refused(answer.sentence)
        if answer.sentence not in told:
            level = logging.INFO if answer.known is Known.YES else logging.WARNING
            plugin.logger.log(level, "%s", answer.sentence)
        told.add(answer.sentence)


def tell_answers(plugin: Asking, *, of_runs: bool = False, on_stderr: bool = False) -> int:
    """Print each question of a plugin with its answer, and return the exit code.

    Args:
        plugin: whose questions they are.
        of_runs: whether to ask only what each run asks.
        on_stderr: whether stdout is for messages.
    """
    answers = list(answers_of(plugin, of_runs=of_runs))
    for line in lines_of(answers) if plugin.questions() else [NOTHING_TO_ASK]:
        click.echo(line, err=on_stderr)
    return exit_code(answers)


@contextmanager
def _sender(user_agent: str) -> Iterator[Transport]:
    transport = Transport(user_agent + MARK, PATIENCE)
    try:
        yield transport
    finally:
        transport.close()
