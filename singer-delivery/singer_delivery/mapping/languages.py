"""English language names and their ISO 639-1 codes.

The names are those of ISO, as pycountry has them, and the names below, which devices and CLDR use.
A name that is missing costs nothing: it travels under its own name instead of as a code.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from singer_delivery.mapping.countries import iso_entries, plain

_ALSO = {
    "Castilian": "es",
    "Farsi": "fa",
    "Flemish": "nl",
    "Frisian": "fy",
    "Greek": "el",
    "Haitian Creole": "ht",
    "Kyrgyz": "ky",
    "Mandarin": "zh",
    "Moldovan": "ro",
    "Odia": "or",
    "Pashto": "ps",
    "Punjabi": "pa",
    "Sinhalese": "si",
    "Tongan": "to",
    "Uyghur": "ug",
}
_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


@lru_cache(maxsize=1024)
def is_language_code(text: str) -> bool:
    """Tell whether a text is a language code such as `en`, `pt-BR` or `zh_Hant_TW`, not a name.

    A known name wins: "Lao" is the language, not a code of three letters.
    """
    return _CODE.fullmatch(text) is not None and plain(text) not in _codes()


@lru_cache(maxsize=1024)
def language_code(name: str) -> str | None:
    """Return the ISO 639-1 code of a language's English name, a code as it is, or None.

    A qualified name counts as the language it qualifies: "English (United States)" is "en".
    """
    if is_language_code(name):
        return name
    return _codes().get(plain(name.partition("(")[0]))


@cache
def _codes() -> dict[str, str]:
    """Read the names once a language is asked for.

    The same holds here: ISO qualifies some names, as in "Swahili (macrolanguage)".
    """
    names = {
        plain(name.partition(" (")[0]): language["alpha_2"]
        for language in iso_entries("languages")
        if "alpha_2" in language
        for field in ("name", "common_name", "inverted_name")
        if (name := language.get(field))
    }
    return names | {plain(name): code for name, code in _ALSO.items()}
