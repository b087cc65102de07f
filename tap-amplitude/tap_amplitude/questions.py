"""What Amplitude is asked before a run: whether it takes the keys.

The list of annotations is the cheapest thing on the host of the Export API that asks for the same
keys (Amplitude docs, "Chart Annotations"; PostHog's own source probes so): 401 or 403 for keys that
are wrong or of another region, 200 for right ones. Projects that are older have it under `/api/2`.
A 403 that does not speak of the key may be a plan without charts, and says nothing.

The other region is not asked: the secret key must not travel to an address that nobody named.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from singer_delivery.endpoint import Reply, Request, Sender
from singer_delivery.io.secrets import login_of
from singer_delivery.proof.questions import Answer, Question, document_of, no, not_answered, yes
from singer_delivery.tap.http import Refusal, text_of

from tap_amplitude.account import Account
from tap_amplitude.client import ABOUT_KEY, FORBIDDEN, NOT_FOUND, UNAUTHORIZED, which_key

PATHS = ("/api/3/annotations", "/api/2/annotations")
OK = 200


def questions(account: Account) -> list[Question]:
    """Return what can be asked with the keys of a project."""
    return [Question("keys", partial(_keys, account))]


def _keys(account: Account, sender: Sender) -> Answer:
    reply = Reply(0)
    for path in PATHS:
        reply = sender.send(_request(account, path))
        if reply.status != NOT_FOUND:
            break
    if reply.status == OK and isinstance(document_of(reply), Mapping):
        return yes(f"Amplitude at {account.base_url} takes api_key and secret_key.")
    refusal = Refusal(reply.status, text_of(reply.body), reply.headers)
    is_about_keys = refusal.status == FORBIDDEN and ABOUT_KEY.search(refusal.text)
    if refusal.status == UNAUTHORIZED or is_about_keys:
        return no(which_key(refusal.status, account.without_keys(refusal.whole), account))
    return not_answered(reply, f"Amplitude at {account.base_url}")


def _request(account: Account, path: str) -> Request:
    login = login_of(account.api_key, account.secret_key)
    headers = {"Authorization": f"Basic {login}"}
    return Request(account.base_url + path, b"", headers, method="GET")
