"""What Mixpanel is asked before a run: whether it takes the login, and sees the project.

- `POST /import` with an empty list, which holds nothing that could be stored: 401 where the account
  or the token is not known, its role is too low, `project_id` is another one, or the project lives
  in another region (Mixpanel docs, "Import Events", "401 Unauthorized"); 200 where it is taken. Any
  other answer to an empty list is undocumented, and says nothing here.
- The same by the project's token alone, which `/engage` and `/groups` go by: they answer 200 to an
  unknown token, and drop every update.
- `GET /lookup-tables`: the tables there are, where a stream replaces one (docs, "List Lookup
  Tables").
- `GET /api/app/me` of the region's application: the projects that a service account sees, with
  name and time zone (mixpanel/mixpanel-headless). It is undocumented and may be megabytes long, so
  no run asks it.

No API tells which group keys a project has, how it merges ids, or what its plan takes in: of group
keys that the settings name the answer is that nobody knows. A secret is sent to no other region
than the one that the settings name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from singer_delivery.endpoint import Reply, Request, Sender, answer_of
from singer_delivery.io.addresses import host_of
from singer_delivery.proof.questions import (
    Answer,
    Known,
    Question,
    no,
    not_answered,
    yes,
)

from target_mixpanel.account import Account
from target_mixpanel.endpoint import LOOKUP_TABLES
from target_mixpanel.mixpanel import IMPORT

ME = "/api/app/me"
OK, UNAUTHORIZED, FORBIDDEN = 200, 401, 403


@dataclass(frozen=True)
class Wanted:
    """What a run wants of a project beside its events.

    Attributes:
        profiles: whether profiles of people or groups are updated.
        tables: ids of lookup tables to replace.
        group_keys: names of group keys that must be in the project's settings.
    """

    profiles: bool = True
    tables: Collection[str] = ()
    group_keys: Collection[str] = ()


def questions(account: Account, application: str, wanted: Wanted) -> list[Question]:
    """Return what can be asked in the name of an account.

    Args:
        account: of the project.
        application: the address of the region's application, without a trailing slash.
        wanted: what the run wants.
    """
    found = [Question("login", partial(_login, account))]
    if account.username and account.token and wanted.profiles:
        by_token = replace(account, username="", secret="")
        found.append(Question("project token", partial(_token, by_token)))
    if wanted.tables:
        found.append(Question("lookup tables", partial(_tables, account, wanted.tables)))
    if account.username:
        found.append(Question("project", partial(_project, account, application), is_of_runs=False))
    if wanted.group_keys:
        found.append(Question("group keys", partial(_keys, wanted.group_keys), is_of_runs=False))
    return found


def _login(account: Account, sender: Sender) -> Answer:
    reply = _import_of_nothing(account, sender)
    whom = f"Mixpanel at {account.host}"
    if _is_taken(reply):
        how = "the service account and its project" if account.username else "the project token"
        return yes(f"{whom} takes {how}.")
    if reply.status == UNAUTHORIZED:
        return no(f"{whom} refused the credentials (401). Check {account.what_to_check}.")
    return not_answered(reply, whom)


def _token(account: Account, sender: Sender) -> Answer:
    reply = _import_of_nothing(account, sender)
    whom = f"Mixpanel at {account.host}"
    if _is_taken(reply):
        return yes(f"{whom} knows the project token, by which profiles are updated.")
    if reply.status == UNAUTHORIZED:
        return no(
            f"{whom} knows no project with this token (401). Updates of profiles would be answered "
            f"200 all the same, and dropped. Check {account.what_to_check}."
        )
    return not_answered(reply, whom)


def _import_of_nothing(account: Account, sender: Sender) -> Reply:
    headers = {"Authorization": account.authorization, "Content-Type": "application/json"}
    return sender.send(Request(account.address(IMPORT, strict="1"), b"[]", headers))


def _is_taken(reply: Reply) -> bool:
    return reply.status == OK and answer_of(reply).get("num_records_imported") == 0


def _tables(account: Account, tables: Collection[str], sender: Sender) -> Answer:
    headers = {"Authorization": account.authorization}
    reply = sender.send(Request(account.address(LOOKUP_TABLES), b"", headers, method="GET"))
    results = answer_of(reply).get("results")
    if reply.status != OK or not isinstance(results, list):
        return not_answered(reply, f"Mixpanel at {account.host}")
    there = [each.get("id") for each in results if isinstance(each, Mapping)]
    missing = sorted(table for table in tables if table not in there)
    if missing:
        return no(
            f"The project has no lookup table {', '.join(missing)}. Create it first (Data "
            "Management > Lookup Tables), or mend its id under `streams`."
        )
    return yes("The project has the lookup tables that `streams` names.")


def _keys(group_keys: Collection[str], _sender: Sender) -> Answer:
    named = ", ".join(sorted(group_keys))
    said = (
        "Mixpanel tells nobody which group keys a project has. See that these are among them "
        f"before the first event is sent (Settings > Project > Group Keys): {named}."
    )
    return Answer(Known.NOT_ANSWERED, said)


def _project(account: Account, application: str, sender: Sender) -> Answer:
    headers = {"Authorization": account.authorization}
    reply = sender.send(Request(application + ME, b"", headers, method="GET"))
    whom = f"Mixpanel at {host_of(application)}"
    if reply.status in (UNAUTHORIZED, FORBIDDEN):
        return no(
            f"{whom} refused the service account ({reply.status}). Check its name and secret."
        )
    projects = _projects(reply)
    if projects is None:
        return not_answered(reply, whom)
    project = projects.get(account.project_id)
    if not isinstance(project, Mapping):
        return no(
            f"The service account sees no project {account.project_id}. Give it a role in the "
            "project, or check `project_id` and `region`."
        )
    zone = f", in the time zone {project['timezone']}" if project.get("timezone") else ""
    return yes(f"The service account sees project {account.project_id}{zone}.")


def _projects(reply: Reply) -> Mapping[str, Any] | None:
    """Return the projects of an account by their ids; None where the reply has none."""
    answer = answer_of(reply)
    results = answer.get("results", answer)
    projects = results.get("projects") if isinstance(results, Mapping) else None
    is_one = reply.status == OK and isinstance(projects, Mapping)
    return projects if is_one else None
