"""The odd rows: what real exports hold among a million plain rows.

Each function spoils one row in one way and says what the row means now. They are dealt in turn, so
that an export of a few thousand rows holds each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tests.fakes.company.rows import COLUMNS_SINCE_2022, SECOND, time_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.company.truth import Meant

Row = dict[str, Any]
NOBODY: Row = {"user_properties": None, "groups": {}, "group_properties": {}}
OVERSIZE = "x" * 1_000_000
YEAR_2099 = 4_070_908_800 * SECOND
YEAR_1970 = 3_600 * SECOND


class Odd(NamedTuple):
    """One way to be odd; `fits` says which rows can be spoilt that way."""

    spoil: Callable[[Row, Meant], Meant]
    fits: Callable[[Meant], bool]


def _anyone(_meant: Meant) -> bool:
    return True


def _known_user(meant: Meant) -> bool:
    return meant.user is not None


def _anonymous(meant: Meant) -> bool:
    return meant.user is None and meant.device is not None


def _without_person(row: Row, meant: Meant) -> Meant:
    row.update(NOBODY)
    return meant._replace(person=None, initial=None, groups={}, group_properties={})


def _empty_user_id(row: Row, meant: Meant) -> Meant:
    row["user_id"] = ""
    return _without_person(row, meant)._replace(user=None)


def _user_id_null(row: Row, meant: Meant) -> Meant:
    row["user_id"] = "null"
    return _without_person(row, meant)._replace(user=None)


def _padded_ids(row: Row, meant: Meant) -> Meant:
    row["user_id"] = f"  {row['user_id']} "
    row["device_id"] = f"{row['device_id']} "
    return meant


def _no_ids(row: Row, meant: Meant) -> Meant:
    row.update(user_id=None, device_id=None, amplitude_id=None, session_id=-1)
    nobody = _without_person(row, meant)._replace(user=None, device=None, session=-1)
    return nobody._replace(amplitude_id=None, dead="no_identity")


def _amplitude_id_only(row: Row, meant: Meant) -> Meant:
    row.update(user_id=None, device_id=None, session_id=-1)
    return _without_person(row, meant)._replace(user=None, device=None, session=-1)


def _no_name(row: Row, meant: Meant) -> Meant:
    row["event_type"] = ""
    return _without_person(row, meant)._replace(name="", dead="no_event_name")


def _null_name(row: Row, meant: Meant) -> Meant:
    row["event_type"] = None
    return _without_person(row, meant)._replace(name="", dead="no_event_name")


def _long_name(row: Row, meant: Meant) -> Meant:
    name = "Imported " + "very " * 60 + "long"
    row["event_type"] = name
    return _without_person(row, meant)._replace(name=name, dead="event_name_too_long")


def _oversize(row: Row, meant: Meant) -> Meant:
    row["event_properties"] = {"attachment": OVERSIZE}
    return _without_person(row, meant)._replace(dead="event_too_large")


def _no_event_time(row: Row, meant: Meant) -> Meant:
    row["event_time"] = None
    return meant


def _t_in_times(row: Row, meant: Meant) -> Meant:
    row["event_time"] = row["event_time"].replace(" ", "T")
    return meant


def _far_future(row: Row, meant: Meant) -> Meant:
    return _broken_clock(row, meant, YEAR_2099)


def _long_past(row: Row, meant: Meant) -> Meant:
    return _broken_clock(row, meant, YEAR_1970)


def _broken_clock(row: Row, meant: Meant, moment: int) -> Meant:
    """The device's clock is wrong; the time at which the server got the row is not."""
    wrong = time_text(moment)
    row.update(event_time=wrong, client_event_time=wrong, client_upload_time=wrong)
    told = meant if meant.user else _without_person(row, meant)
    return told._replace(moment=meant.received, clock=moment)


def _null_insert_id(row: Row, meant: Meant) -> Meant:
    row["$insert_id"] = None
    return meant._replace(insert_id=None)


def _old_era(row: Row, meant: Meant) -> Meant:
    for column in COLUMNS_SINCE_2022:
        del row[column]
    row.update({"$schema": 12, "is_attribution_event": False, "paying": "true"})
    return meant


def _odd_shapes(row: Row, meant: Meant) -> Meant:
    row["event_properties"] = {
        "items": [{"sku": "sku-1001", "tags": ["a", "b"]}, {"sku": "sku-1002", "tags": []}],
        "cart.total.gross": 129.5,
        "Is gift?": True,
        "id": "inner-7",
        "user_id": "not-the-user",
        "timestamp": "last tuesday",
        "City": "Köln",
        "city": "Cologne",
        "deep": {"er": {"and": {"deeper": [[1], [2, [3]]]}}},
        "nothing": None,
        "empty": "",
    }
    return meant


def _steering_keys(row: Row, meant: Meant) -> Meant:
    row["event_properties"] = {
        "$set": {"admin": True},
        "$unset": ["plan"],
        "$ip": "192.0.2.99",
        "$groups": {"company": "intruder"},
        "$process_person_profile": False,
        "$anon_distinct_id": "someone-else",
        "distinct_id": "someone-else",
        "token": "not-a-token",
    }
    return meant


def _unicode_and_numbers(row: Row, meant: Meant) -> Meant:
    row["event_properties"] = {
        "title": "Zażółć gęślą jaźń 🚀 日本語 \u202eright to left",
        "control": "line\nbreak\ttab \u0000 nul",
        "big": 9_007_199_254_740_993,
        "bigger": 18_446_744_073_709_551_615,
        "negative": -9_223_372_036_854_775_808,
        "float": 1.0,
        "tiny": 1e-300,
    }
    return meant


def _unknown_column(row: Row, meant: Meant) -> Meant:
    row["experiment_cohort"] = "blue"
    return meant


def _reserved_name(row: Row, meant: Meant) -> Meant:
    row["event_type"] = "$feature_flag_called"
    return meant._replace(name="$feature_flag_called")


def _number_as_group(row: Row, meant: Meant) -> Meant:
    row["groups"] = {"cohort": [42]}
    row["group_properties"] = {"cohort": {"42": {"label": "forty-two"}}}
    return meant._replace(
        groups={"cohort": "42"}, group_properties={("cohort", "42"): {"label": "forty-two"}}
    )


def _group_identify(row: Row, meant: Meant) -> Meant:
    row["event_type"] = "$groupidentify"
    _without_person(row, meant)
    row["groups"] = {"campaign": ["spring"]}
    row["group_properties"] = {"campaign": {"spring": {"channel": "radio"}}}
    return meant._replace(
        name="$groupidentify",
        kind="groupidentify",
        person=None,
        initial=None,
        groups={"campaign": "spring"},
        group_properties={("campaign", "spring"): {"channel": "radio"}},
    )


ODDITIES = (
    Odd(_empty_user_id, _known_user),
    Odd(_padded_ids, _known_user),
    Odd(_user_id_null, _known_user),
    Odd(_no_event_time, _anyone),
    Odd(_far_future, _anyone),
    Odd(_long_past, _anyone),
    Odd(_t_in_times, _anyone),
    Odd(_no_ids, _anonymous),
    Odd(_amplitude_id_only, _anonymous),
    Odd(_no_name, _anonymous),
    Odd(_null_name, _anonymous),
    Odd(_long_name, _anonymous),
    Odd(_null_insert_id, _anyone),
    Odd(_old_era, _anyone),
    Odd(_odd_shapes, _anyone),
    Odd(_steering_keys, _anyone),
    Odd(_unicode_and_numbers, _anyone),
    Odd(_unknown_column, _anyone),
    Odd(_reserved_name, _anyone),
    Odd(_number_as_group, _known_user),
    Odd(_group_identify, _known_user),
)
ONCE = Odd(_oversize, _anonymous)
