"""Questions that a service is asked before a run: whether it knows the key, and the like. Pure.

What cannot be asked is not claimed. An answer is one of three:

- yes, with what is known;
- no, with what to do about it: a run does not start;
- not answered, with what stood in the way: a run goes on, for nothing speaks against it.

A service that is down, slow or not found leaves a question unanswered; it never says no.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from singer_delivery.endpoint import Reply, Sender


class Known(Enum):
    """What an answer comes to, in the word that people read."""

    YES = "yes"
    NO = "no"
    NOT_ANSWERED = "not answered"


@dataclass(frozen=True)
class Answer:
    """What a service said to a question.

    Attributes:
        known: what it comes to.
        sentence: for people. No key, secret or token stands in it.
        is_silence: whether no reply came at all, so that another question gets none either.
    """

    known: Known
    sentence: str
    is_silence: bool = False


@dataclass(frozen=True)
class Question:
    """One thing to know before a run.

    Attributes:
        topic: what it is about, in a word or two.
        ask: sends what must be sent, and says what the replies mean. Nothing that it sends may
            store anything at the service. It raises nothing.
        is_of_runs: whether each run asks it; the others take long or cost something, and are asked
            on request alone.
    """

    topic: str
    ask: Callable[[Sender], Answer]
    is_of_runs: bool = True


Asked = tuple[Question, Answer]


def yes(sentence: str) -> Answer:
    """Return the answer that all is well, and what is known."""
    return Answer(Known.YES, sentence)


def no(sentence: str) -> Answer:
    """Return the answer that a run would fail, and what to do."""
    return Answer(Known.NO, sentence)


def not_answered(reply: Reply, whom: str) -> Answer:
    """Return the answer that is none, of a reply that says nothing of what was asked.

    Args:
        reply: of whatever replied, if anything did.
        whom: was asked, with its host.
    """
    if reply.status == 0:
        return Answer(
            Known.NOT_ANSWERED, f"{whom} could not be asked: {reply.error}.", is_silence=True
        )
    said = f"{whom} answered {reply.status}, which says neither yes nor no."
    return Answer(Known.NOT_ANSWERED, said)


def document_of(reply: Reply) -> Any:
    """Return the JSON in a reply, None where there is none."""
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None


def asked(questions: Iterable[Question], sender: Sender) -> Iterator[Asked]:
    """Ask one question after the other, and yield each with its answer.

    After a silence the others are not asked: nobody is there, and each would take as long.
    """
    silence: Answer | None = None
    for question in questions:
        answer = question.ask(sender) if silence is None else silence
        yield question, answer
        if answer.is_silence:
            silence = answer


def exit_code(answers: Iterable[Asked]) -> int:
    """Return 0 when all answers are yes, 1 when one is no, and else 2."""
    known = {answer.known for _, answer in answers}
    if Known.NO in known:
        return 1
    return 2 if Known.NOT_ANSWERED in known else 0


def lines_of(answers: Sequence[Asked]) -> Iterator[str]:
    """Yield a line for each answer: the topic, a word, the sentence, one below the other."""
    width = max((len(question.topic) for question, _ in answers), default=0)
    word = max((len(answer.known.value) for _, answer in answers), default=0)
    for question, answer in answers:
        yield f"{question.topic:{width}}  {answer.known.value:{word}}  {answer.sentence}"
