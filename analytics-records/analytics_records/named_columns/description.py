"""What a user writes under `streams` of one stream: read, checked, and held against its schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple, NoReturn

from singer_delivery.errors import SettingsError

from analytics_records.named_columns.times import Reader, reader

EVENT, PERSON, GROUP = "event", "person", "group"

_FORMS = {
    EVENT: (
        ("distinct_id", "timestamp"),
        ("uuid", "insert_id", "anonymous_id", "timestamp_format", "properties", "groups", PERSON),
    ),
    PERSON: ((), ("timestamp", "timestamp_format", "anonymous_id", "properties")),
    GROUP: (("key",), ("timestamp", "timestamp_format", "properties")),
}
"""What a stream is loaded as, and what its description then needs and may have."""

HOW = (
    "Name its columns under `streams`, in one of three ways: "
    "{event: <name>, distinct_id: <column>, timestamp: <column>}, {person: <column>} or "
    "{group: <type>, key: <column>}; docs/streams.md has all of it."
)

Properties = str | tuple[str, ...] | None
"""Which columns hold properties: one object, several columns, or all that are not named."""


class GroupColumns(NamedTuple):
    """The columns that say which group of a type a record names.

    Attributes:
        type: of the group.
        key: the column with its key.
        properties: columns with what is known of it; empty for none.
    """

    type: str
    key: str
    properties: Properties


@dataclass(frozen=True)
class Description:
    """How a stream is loaded.

    Attributes:
        stream: its name.
        form: what its records are: "event", "person" or "group".
        name: of the events, or type of the groups; empty where a column says it.
        name_column: the column that names the event; empty where all have one name.
        id: the column of the id of who did it, of the person or of the group.
        device: the column of the second id, which is linked as a device is.
        time: the column of the time.
        read_time: reads it.
        has_format: whether the user says how times are written.
        properties: which columns hold properties.
        groups: of an event.
        person: which columns hold properties of the person of an event; empty for none.
        row_id: the column of the id of the record itself.
        makes_uuid: whether a uuid is made of that id where it is none.
        numbers_copies: whether equal records without an id of their own are told apart.
        columns: the columns that are named, each with where.
    """

    stream: str
    form: str
    name: str
    name_column: str
    id: str
    device: str | None
    time: str | None
    read_time: Reader = field(compare=False)
    has_format: bool
    properties: Properties
    groups: tuple[GroupColumns, ...]
    person: Properties
    row_id: str | None
    makes_uuid: bool
    numbers_copies: bool
    columns: tuple[tuple[str, str], ...]


def described(stream: str, words: Mapping[str, Any], longest_name: int) -> Description:
    """Return what is written of a stream.

    Args:
        stream: its name.
        words: under its name in `streams`.
        longest_name: how many characters the destination takes for the name of an event.

    Raises:
        ValueError: it is no description; with a sentence for people.
    """
    said = {word: value for word, value in words.items() if value is not None}
    return _Reading(stream, said).description(longest_name)


def check_columns(it: Description, schema: Mapping[str, Any]) -> None:
    """Check that a stream has the columns that are named.

    Nothing is said of a schema without columns, or of one that allows others.

    Raises:
        SettingsError: it lacks one; the sentence names it, and others like it.
    """
    has = schema.get("properties") or {}
    if not has or schema.get("additionalProperties") or schema.get("patternProperties"):
        return
    for where, column in it.columns:
        if column not in has:
            msg = (
                f"Stream '{it.stream}' has no column `{column}`, which `streams` names as its "
                f"`{where}`.{_like(column, has)} Mend `streams`, or select the column in the tap."
            )
            raise SettingsError(msg)


def _like(name: str, known: Iterable[str]) -> str:
    """Return the question whether one of the known names is meant; empty if none is like it."""
    by_case = {each.casefold(): each for each in known}
    close = get_close_matches(name.casefold(), by_case, n=3, cutoff=0.6)
    listed = " or ".join(f"`{by_case[each]}`" for each in close)
    return f" Did you mean {listed}?" if close else ""


class _Reading:
    """Reads the description of one stream, word by word, and notes the columns."""

    def __init__(self, stream: str, words: dict[str, Any]) -> None:
        self._stream, self._words = stream, words
        self._columns: list[tuple[str, str]] = []
        self._form = self._form_of()

    def description(self, longest_name: int) -> Description:
        self._check_words()
        name, name_column = self._name()
        if len(name) > longest_name:
            self._refuse(f"names it with over {longest_name} characters", self._form)
        id_word = {EVENT: "distinct_id", PERSON: PERSON, GROUP: "key"}[self._form]
        row_id, numbers_copies = self._row_id()
        return Description(
            stream=self._stream,
            form=self._form,
            name=name,
            name_column=name_column,
            id=self._column(id_word),
            device=self._optional("anonymous_id"),
            time=self._optional("timestamp"),
            read_time=self._reader(),
            has_format="timestamp_format" in self._words,
            properties=self._properties(self._words.get("properties"), "properties"),
            groups=tuple(self._groups()),
            person=self._person(),
            row_id=row_id,
            makes_uuid="insert_id" in self._words,
            numbers_copies=numbers_copies,
            columns=tuple(self._columns),
        )

    def _form_of(self) -> str:
        forms = [form for form in _FORMS if form in self._words]
        is_event = EVENT in forms and not isinstance(self._words.get(PERSON), str)
        if is_event and GROUP not in forms:
            return EVENT
        if len(forms) != 1:
            msg = f"The stream `{self._stream}` is not described in one of the three ways. {HOW}"
            raise ValueError(msg)
        return forms[0]

    def _check_words(self) -> None:
        needed, allowed = _FORMS[self._form]
        known = (self._form, *needed, *allowed)
        missing = [word for word in needed if word not in self._words]
        unknown = [word for word in self._words if word not in known]
        if missing:
            self._refuse("lacks", *missing)
        if unknown:
            self._refuse("has the unknown", *unknown, hint=_like(unknown[0], known))
        for word in ("timestamp_format", "anonymous_id"):
            if word in self._words and "timestamp" not in self._words:
                self._refuse("needs a `timestamp` beside", word)
        if "uuid" in self._words and "insert_id" in self._words:
            self._refuse("has two ids for a record", "uuid", "insert_id")

    def _name(self) -> tuple[str, str]:
        """Return the name that all records have, or the column that names each."""
        if self._form == PERSON:
            return "", ""
        value = self._words[self._form]
        if self._form == EVENT and isinstance(value, Mapping):
            return "", self._only(value, EVENT, "column")
        if not isinstance(value, str):
            self._refuse("needs a text for", self._form)
        return self._text(self._form), ""

    def _row_id(self) -> tuple[str | None, bool]:
        value = self._words.get("insert_id")
        if isinstance(value, Mapping):
            if dict(value) != {"row_number": True}:
                self._refuse("takes a column or {row_number: true} as", "insert_id")
            return None, True
        return self._optional("insert_id") or self._optional("uuid"), False

    def _groups(self) -> Iterator[GroupColumns]:
        value = self._words.get("groups") or {}
        if not isinstance(value, Mapping):
            self._refuse("takes {<type>: <column>} as", "groups")
        for group_type, of in value.items():
            where = f"groups.{group_type}"
            if isinstance(of, Mapping):
                properties = self._properties(of.get("properties"), f"{where}.properties")
                if of.keys() - {"key", "properties"} or properties is None:
                    self._refuse("takes {key: <column>, properties: <column>} as", where)
                yield GroupColumns(group_type, self._named(of.get("key"), where), properties)
            else:
                yield GroupColumns(group_type, self._named(of, where), ())

    def _person(self) -> Properties:
        if self._form != EVENT or PERSON not in self._words:
            return ()
        value = self._words[PERSON]
        properties = None
        if isinstance(value, Mapping) and value.keys() == {"properties"}:
            properties = self._properties(value["properties"], "person.properties")
        if properties is None:
            self._refuse("takes {properties: <column>} as", PERSON)
        return properties

    def _properties(self, value: Any, where: str) -> Properties:
        if value is None:
            return None
        if isinstance(value, (list, tuple)):
            return tuple(self._named(each, where) for each in value)
        return self._named(value, where)

    def _reader(self) -> Reader:
        written = None
        if "timestamp_format" in self._words:
            written = self._text("timestamp_format")
        try:
            return reader(written)
        except ValueError as error:
            msg = f"In the description of the stream `{self._stream}`, {error}"
            raise ValueError(msg) from None

    def _only(self, value: Mapping[str, Any], where: str, key: str) -> str:
        if value.keys() != {key}:
            self._refuse(f"takes a name or {{{key}: <column>}} as", where)
        return self._named(value[key], where)

    def _column(self, word: str) -> str:
        return self._named(self._words[word], word)

    def _optional(self, word: str) -> str | None:
        return self._column(word) if word in self._words else None

    def _text(self, word: str) -> str:
        value = self._words[word]
        if not isinstance(value, str):
            self._refuse("needs a text for", word)
        if not value.strip():
            self._refuse("leaves empty", word)
        return value

    def _named(self, value: Any, where: str) -> str:
        """Return a column, and note that it is named."""
        if not isinstance(value, str):
            self._refuse("needs the name of a column for", where)
        if not value.strip():
            self._refuse("leaves empty", where)
        self._columns.append((where, value))
        return value

    def _refuse(self, what: str, *words: str, hint: str = "") -> NoReturn:
        listed = ", ".join(f"`{word}`" for word in words)
        msg = f"The description of the stream `{self._stream}` {what} {listed}.{hint} {HOW}"
        raise ValueError(msg)
