"""What Mixpanel is asked before a run, where the fakes of `tests/targets/` say too little."""

from __future__ import annotations

import pytest
from singer_delivery.endpoint import Reply, Request
from target_mixpanel.account import Account
from target_mixpanel.questions import Wanted, questions

ACCOUNT = Account("https://api.mixpanel.com", "token", "1", "robot", "s3cret")


class Answering:
    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def send(self, _request: Request) -> Reply:
        return self._reply


@pytest.mark.parametrize("reply", [Reply(401), Reply(500), Reply(0, error="no route")])
def test_a_login_in_an_address_stays_unsaid(reply: Reply) -> None:
    for question in questions(ACCOUNT, "https://me:hidden@proxy.test:8080", Wanted()):
        assert "hidden" not in question.ask(Answering(reply)).sentence


def test_lookup_tables_of_another_form_are_none_of_ours() -> None:
    reply = Reply(200, b'{"results": [{"id": ["a"]}, {"id": {}}, 5, {"id": "b"}]}')
    found = {
        each.topic: each for each in questions(ACCOUNT, "https://x.test", Wanted(tables=["a"]))
    }
    answer = found["lookup tables"].ask(Answering(reply))
    assert answer.sentence.startswith("The project has no lookup table a.")
