"""What three kinds of answers come to. No service is asked: senders answer from a list."""

from __future__ import annotations

from singer_delivery.endpoint import Reply, Request, Sender
from singer_delivery.proof.questions import (
    Answer,
    Known,
    Question,
    asked,
    exit_code,
    lines_of,
    no,
    not_answered,
    yes,
)

OF_NOBODY = Request("http://127.0.0.1:1/", b"")
YES, NO = yes("It is known."), no("It is not known: mend it.")
DOWN = not_answered(Reply(503), "The service")
SILENT = not_answered(Reply(0, error="the connection failed"), "The service")


class Counting:
    """Counts requests, and answers none of them."""

    count = 0

    def send(self, request: Request) -> Reply:
        assert request is OF_NOBODY
        self.count += 1
        return Reply(0, error="the connection failed")


def question(answer: Answer) -> Question:
    def ask(sender: Sender) -> Answer:
        sender.send(OF_NOBODY)
        return answer

    return Question("key", ask)


def test_an_outage_says_neither_yes_nor_no():
    for reply in (Reply(500), Reply(503), Reply(429), Reply(404), Reply(0, error="no reply")):
        assert not_answered(reply, "The service").known is Known.NOT_ANSWERED


def test_each_question_is_asked_while_somebody_answers():
    sender = Counting()
    answers = list(asked([question(DOWN), question(NO), question(YES)], sender))
    assert [answer for _, answer in answers] == [DOWN, NO, YES]
    assert sender.count == 3


def test_after_a_silence_nothing_more_is_asked_and_all_is_open():
    sender = Counting()
    answers = list(asked([question(YES), question(SILENT), question(YES)], sender))
    assert [answer for _, answer in answers] == [YES, SILENT, SILENT]
    assert sender.count == 2


def test_exit_codes():
    def code(*answers: Answer) -> int:
        return exit_code([(question(answer), answer) for answer in answers])

    assert code() == code(YES, YES) == 0
    assert code(YES, NO) == code(NO, DOWN) == 1
    assert code(YES, DOWN) == code(SILENT) == 2


def test_lines_stand_one_below_the_other():
    answers = [(Question("key", lambda _: YES), YES), (Question("a plan", lambda _: DOWN), DOWN)]
    assert list(lines_of(answers)) == [
        "key     yes           It is known.",
        "a plan  not answered  The service answered 503, which says neither yes nor no.",
    ]
