"""From one project to another over HTTP, by every kind of copy: once, twice, and cut off."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from analytics_records.mixpanel.columns import KEYS, schema
from singer_delivery.errors import ServiceRefused, SettingsError
from singer_delivery.sdk.source_project import with_source_project

from tests.fakes.mixpanel import FakeMixpanel
from tests.target_mixpanel.from_mixpanel.copying import ANON, AT_MS, a_row
from tests.target_mixpanel.running import by_account, run, state

PEOPLE = 30


def schemas() -> list[dict[str, Any]]:
    return [
        {"type": "SCHEMA", "stream": name, "schema": schema(name), "key_properties": list(key)}
        for name, key in KEYS.items()
    ]


def anon(number: int) -> str:
    return f"{number:08x}{ANON[8:]}"


def lives(mode: str) -> dict[str, list[dict[str, Any]]]:
    """Return the streams of a project: each person's visit before a login, and after it."""
    prefix = "$device:" if mode == "simplified" else ""
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in KEYS}
    for number in range(PEOPLE):
        user, device = f"user{number}@example.com", anon(number)
        is_restamped = number % 3 == 0
        for step in range(4):
            of: dict[str, Any] = {"$device_id": device, "distinct_id": prefix + device}
            if is_restamped and step < 2:
                of |= {"distinct_id": user, "$distinct_id_before_identity": prefix + device}
            if step >= 2:
                of |= {"$user_id": user, "distinct_id": user}
            at = AT_MS + 1000 * (100 * step + number)
            of["$insert_id"] = f"i{number}-{step}"
            row = a_row("Played", mode, uuid=f"{step:08}-0000-4000-8000-{number:012}", **of)
            made["events"].append(_at(row, at))
        if mode == "original":
            verb = a_row(
                "$identify", mode, uuid=f"99999999-0000-4000-8000-{number:012}",
                **{"$identified_id": user, "$anon_id": device, "$insert_id": f"v{number}"},
            )  # fmt: skip
            made["identities"].append(_at(verb, AT_MS + 1000 * (150 + number)))
        read_at = "2024-03-02T00:00:00.000Z"
        made["profiles"].append(
            {"distinct_id": user, "read_at": read_at, "properties": {"$email": user, "n": number}}
        )
    made["events"].sort(key=lambda row: (row["time"], row["uuid"]))
    made["events"] += made["identities"]
    made["group_profiles"].append(
        {"group_key": "company", "group_id": "acme", "read_at": read_at, "properties": {"a": 1}}
    )
    if mode == "simplified":
        for device in (anon(3), "nobody"):
            made["profiles"].append(
                {"distinct_id": prefix + device, "read_at": read_at, "properties": {"of": device}}
            )
    return made


def _at(row: dict[str, Any], at_ms: int) -> dict[str, Any]:
    seconds = (at_ms - AT_MS) // 1000
    row["time"] = f"2024-03-01T10:{seconds // 60:02}:{seconds % 60:02}.000Z"
    row["properties"]["time"] = at_ms
    return row


def messages(mode: str) -> list[dict[str, Any]]:
    rows = [
        {"type": "RECORD", "stream": name, "record": row}
        for name, of in lives(mode).items()
        for row in of
    ]
    return [*schemas(), *rows, state(done=True)]


KINDS = [
    (source, destination)
    for source in ("simplified", "original")
    for destination in ("simplified", "original")
]


@pytest.mark.parametrize(("source", "destination"), KINDS)
def test_everything_arrives_once_and_is_of_the_right_person(
    tmp_path: Any, source: str, destination: str
) -> None:
    with FakeMixpanel(identity_merge=destination, group_keys=["company"]) as mixpanel:
        config = {**by_account(mixpanel), "identity_merge": destination, "retention_years": 20}
        config["project_token"] = mixpanel.credentials.token
        for _ in range(2):
            target = run(tmp_path, config, *messages(source))
            assert target.states[-1] == {"done": True}
        played = [each for each in mixpanel.stored() if each["event"] == "Played"]
        assert len(played) == 4 * PEOPLE
        counts = Counter(mixpanel.resolve(each["distinct_id"]) for each in played)
        assert {*counts.values()} == {4}, "one person each"
        for number in range(PEOPLE):
            mine = {f"user{number}@example.com", anon(number)}
            of = {mixpanel.resolve(each["distinct_id"]) for each in played
                  if each["insert_id"].startswith(f"i{number}-")}  # fmt: skip
            assert len(of) == 1
            assert of <= mine
        of_nobody = "$device:nobody" if destination == "simplified" else "nobody"
        assert (of_nobody in mixpanel.profiles()) == (source == "simplified")
        assert "$device:" + anon(3) not in mixpanel.profiles(), "it has an owner"
        assert mixpanel.profiles()["user3@example.com"] == {"$email": "user3@example.com", "n": 3}
        assert mixpanel.group_profiles() == {("company", "acme"): {"a": 1}}
        assert mixpanel.conflicts == []
        assert mixpanel.refused_merges == []
        told = len(mixpanel.merges) + sum(
            each["event"] == "Identity Linked" for each in mixpanel.arrivals
        )
        assert told == (0 if source == destination == "simplified" else PEOPLE)
        assert len(mixpanel.arrivals) >= 8 * PEOPLE, "both runs sent all of them"
    assert not (tmp_path / "dead.singer").exists()


@pytest.mark.parametrize(
    ("told", "is_in"), [("simplified", "original"), ("original", "simplified")]
)
def test_a_wrong_identity_merge_stops_the_run_with_a_sentence(
    tmp_path: Any, told: str, is_in: str
) -> None:
    with FakeMixpanel(identity_merge=is_in) as mixpanel:
        config = {**by_account(mixpanel), "identity_merge": told, "retention_years": 20,
                  "profiles": False, "groups": False}  # fmt: skip
        with pytest.raises(ServiceRefused, match=f"`identity_merge: {is_in}`"):
            run(tmp_path, config, *messages("original"))


def test_a_project_is_not_copied_into_itself(tmp_path: Any, caplog: Any) -> None:
    with FakeMixpanel() as mixpanel:
        config = {**by_account(mixpanel), "project_token": mixpanel.credentials.token}
        for project_id, is_same in (("12", False), (str(config["project_id"]), True)):
            told = [
                {**each, "schema": with_source_project(each["schema"], "mixpanel", project_id)}
                for each in schemas()
            ]
            if is_same:
                with pytest.raises(SettingsError, match="very Mixpanel project"):
                    run(tmp_path, config, *told)
            else:
                run(tmp_path, config, *told)
        assert "Nothing says whether" not in caplog.text
        run(tmp_path, config, *schemas())
        assert caplog.text.count("Nothing says whether") == 1


def test_group_keys_are_named_before_the_first_event(tmp_path: Any, caplog: Any) -> None:
    with FakeMixpanel(group_keys=["company"]) as mixpanel:
        config = {**by_account(mixpanel), "retention_years": 20}
        config["project_token"] = mixpanel.credentials.token
        run(tmp_path, config, *messages("simplified"))
    said = [record.getMessage() for record in caplog.records if "Groups of" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("Groups of `company` are sent")


def test_devices_without_their_link_are_counted_when_the_run_ends(tmp_path: Any) -> None:
    rows = messages("simplified")
    with FakeMixpanel(group_keys=["company"]) as mixpanel:
        config = {**by_account(mixpanel), "retention_years": 20}
        config["project_token"] = mixpanel.credentials.token
        whole = run(tmp_path, config, *rows).run.report
        assert whole.notes["link_out_of_range"] == 0
    with FakeMixpanel(group_keys=["company"]) as mixpanel:
        config = {**by_account(mixpanel), "retention_years": 20}
        config["project_token"] = mixpanel.credentials.token
        (tmp_path / "cut").mkdir()
        anonymous = [
            each for each in rows if "$user_id" not in each.get("record", {}).get("properties", {})
        ]
        cut = run(tmp_path / "cut", config, *anonymous).run.report
        assert cut.notes["link_out_of_range"] == PEOPLE / 3
