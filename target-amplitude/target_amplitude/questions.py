"""What Amplitude is asked before a run: whether it knows the project's key.

A request to `/batch` without events stores nothing: it gets 200 with a key of the region, and 400
`Invalid API key` with any other (Amplitude-Node #59; Amplitude-Swift #260). A key is public, as
every browser that sends events shows it; so the other region may be asked for it, too.

Whether the plan takes in what a run brings, and whether groups have the Accounts add-on, no API
tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from singer_delivery.endpoint import NOTHING_LOST, Sender, answer_of
from singer_delivery.proof.questions import Answer, Question, no, not_answered, yes

from target_amplitude import replies
from target_amplitude.account import Account
from target_amplitude.endpoint import BatchEndpoint

OK, BAD_REQUEST, FORBIDDEN = 200, 400, 403


def questions(
    account: Account, batch: BatchEndpoint, elsewhere: Mapping[str, str]
) -> list[Question]:
    """Return what can be asked of a project.

    Args:
        account: of the project.
        batch: sends the question; it finds out whether requests may be compressed.
        elsewhere: the addresses of the other regions, by their names.
    """
    return [Question("project key", partial(_key, account, batch, elsewhere))]


def _key(
    account: Account, batch: BatchEndpoint, elsewhere: Mapping[str, str], sender: Sender
) -> Answer:
    reply = batch.opening(sender)
    answer = answer_of(reply)
    code = replies.code_of(reply, answer)
    if code == OK and answer.get("code") == OK:
        return yes(f"Amplitude at {account.host} knows the key.")
    if code == BAD_REQUEST and replies.is_wrong_key(answer):
        return no(_where(account, batch, elsewhere, sender))
    if code == FORBIDDEN:
        return no(replies.forbidden(account).detail)
    return not_answered(reply, f"Amplitude at {account.host}")


def _where(
    account: Account, batch: BatchEndpoint, elsewhere: Mapping[str, str], sender: Sender
) -> str:
    """Say where the key is known, if it is in another region."""
    for region, address in elsewhere.items():
        other = replace(account, base_url=address, region=region)
        reply = batch.for_account(other).opening(sender)
        answer = answer_of(reply)
        if replies.code_of(reply, answer) == OK and answer.get("code") == OK:
            return (
                f"Amplitude at {account.host} knows no project with this key: it lives in another "
                f"region. Set `region` to {region}. {NOTHING_LOST}"
            )
    return replies.wrong_key(account).detail
