"""English country names and their ISO 3166-1 alpha-2 codes.

The names are those of ISO, as pycountry has them, and the names below: the short ones of MaxMind's
GeoIP databases, of CLDR and of the news. Add a name where one is missing. The comparison ignores
case, accents and punctuation, so only truly different words need an entry of their own.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import orjson

_ALSO = """
AE UAE
AG Antigua
AX Åland
BA Bosnia
BL Saint Barth
BN Brunei
BQ Caribbean Netherlands|Bonaire, Saint Eustatius and Saba
CC Cocos Islands|Keeling Islands
CD DR Congo|DRC|Congo - Kinshasa
CG Congo Republic|Congo - Brazzaville
CI Ivory Coast
CN Mainland China
CV Cape Verde
FK Malvinas
FO Faeroe Islands|Faroes
FR France, Metropolitan|Metropolitan France
GB UK|Great Britain|Britain|England|Scotland|Wales|Northern Ireland
GS South Georgia
HK Hong Kong SAR China|Hong Kong SAR
HM Heard and McDonald Islands
IE Republic of Ireland
IO Chagos Islands
KP DPRK
KR Korea
LA Lao PDR
LY Libyan Arab Jamahiriya
MK Macedonia|FYROM|Macedonia, the former Yugoslav Republic of
MM Burma|Myanmar (Burma)
MO Macau|Macao SAR China
NL Holland|Netherlands, Kingdom of the
PF Tahiti
PN Pitcairn Islands
PS Palestinian Territory|Palestinian Territories|Palestinian Territory, Occupied
RU Russia
SJ Svalbard
ST Sao Tome
SX St Maarten
SZ Swaziland
TC Turks and Caicos
TF French Southern and Antarctic Lands
TL East Timor
TR Turkey
TT Trinidad
UM U.S. Minor Outlying Islands|U.S. Outlying Islands
US USA|U.S.
VA Vatican City|Vatican|Vatican City State
VC Saint Vincent
VI United States Virgin Islands
WS Western Samoa
"""


_GEOIP = """
AX Åland Islands|BN Brunei|BO Bolivia|BQ Bonaire, Sint Eustatius, and Saba|CD DR Congo
CG Congo Republic|CI Ivory Coast|FK Falkland Islands|FM Federated States of Micronesia
HM Heard and McDonald Islands|IR Iran|KN St Kitts and Nevis|KP North Korea|KR South Korea|LA Laos
MD Moldova|MF Saint Martin|MO Macao|PN Pitcairn Islands|PS Palestine|RU Russia|SH Saint Helena
ST São Tomé and Príncipe|SX Sint Maarten|SY Syria|TR Türkiye|TW Taiwan|TZ Tanzania
UM U.S. Outlying Islands|VA Vatican City|VC St Vincent and Grenadines|VE Venezuela
VG British Virgin Islands|VI U.S. Virgin Islands|VN Vietnam|XK Kosovo
"""
"""Where MaxMind's GeoIP databases have other names than ISO."""


@lru_cache(maxsize=512)
def country_name(code: str) -> str | None:
    """Return the English name that GeoIP databases have for an ISO 3166-1 alpha-2 code, or None.

    Vendors that locate people by address write it: `United States`, where ISO has it longer.
    """
    return _geoip_names().get(code.strip().upper())


@cache
def _geoip_names() -> dict[str, str]:
    of_iso = {
        country["alpha_2"]: country.get("common_name", country["name"])
        for country in iso_entries("countries")
    }
    differing = (one.split(" ", 1) for one in _GEOIP.strip().replace("\n", "|").split("|"))
    return {**of_iso, **dict(differing)}


def iso_entries(database: str) -> list[dict[str, str]]:
    """Return the entries of one of pycountry's databases: `countries` or `languages`.

    They are read from its file: the objects that pycountry makes of them stay for good, 5 MB in
    each process.
    """
    import pycountry  # noqa: PLC0415 - a command that maps nothing starts without it

    of = getattr(pycountry, database)
    entries: list[dict[str, str]] = orjson.loads(Path(of.filename).read_bytes())[of.root_key]
    return entries


@lru_cache(maxsize=1024)
def country_code(name: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 code of a country's English name, or None when unknown.

    A two-letter code is taken for itself when it is one.
    """
    known = _known()
    code = known.by_name.get(plain(name))
    if code is None and name.upper() in known.codes:
        return name.upper()
    return code


def plain(name: str) -> str:
    """Return a name as it is compared: lower case, St as Saint, no accents, marks or "the"."""
    decomposed = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    letters = (c for c in decomposed if not unicodedata.combining(c))
    spaced = "".join(c if c.isalnum() else "" if c in "'.\u2019" else " " for c in letters)
    words = ("saint" if word == "st" else word for word in spaced.split())
    return " ".join(word for word in words if word != "the")


class _Known(NamedTuple):
    by_name: dict[str, str]
    codes: frozenset[str]


@cache
def _known() -> _Known:
    """Read the names once a country is asked for."""
    names = [
        (name, country["alpha_2"])
        for country in iso_entries("countries")
        for field in ("name", "official_name", "common_name")
        if (name := country.get(field))
    ]
    by_name = {
        **_unambiguous(names),
        **{plain(name): code for name, code in names},
        **{plain(name): code for name, code in _also()},
    }
    return _Known(by_name, frozenset(code for _, code in names))


def _unambiguous(names: list[tuple[str, str]]) -> dict[str, str]:
    """Return the other forms of names, but not those that two countries have, such as "Korea"."""
    codes: dict[str, set[str]] = defaultdict(set)
    for name, code in names:
        for form in _other_forms(name):
            codes[plain(form)].add(code)
    return {form: found.pop() for form, found in codes.items() if len(found) == 1}


def _other_forms(name: str) -> Iterator[str]:
    """Yield "Saint Martin" for "Saint Martin (French part)", and ISO names in spoken order."""
    yield name.partition(" (")[0]
    head, comma, tail = name.partition(", ")
    if comma:
        yield from (head, f"{tail} {head}")


def _also() -> Iterator[tuple[str, str]]:
    for line in _ALSO.strip().splitlines():
        code, names = line.split(" ", 1)
        yield from ((name, code) for name in names.split("|"))
