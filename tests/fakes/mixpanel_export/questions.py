"""What Mixpanel's application answers to who asks which projects an account sees. Pure.

Source: mixpanel/mixpanel-headless, `me.py`; the text of the 401 is assumed.
"""

from __future__ import annotations

import orjson

from tests.fakes.http.exchanges import Reply

ME = "/api/app/me"
JSON = {"Content-Type": "application/json"}
NO_LOGIN = Reply(401, b'{"status":"error","error":"Unauthorized"}', JSON)


def me(project_id: int, timezone: str, *, sees_project: bool) -> Reply:
    """Answer a service account that is known.

    Args:
        project_id: Of the project.
        timezone: Of the project.
        sees_project: Whether the account has a role in it.
    """
    id_ = project_id if sees_project else project_id + 1
    projects = {str(id_): {"id": id_, "name": "Project", "timezone": timezone}}
    return Reply(200, orjson.dumps({"status": "ok", "results": {"projects": projects}}), JSON)
