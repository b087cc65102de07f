"""English language names and their ISO 639-1 codes.

The languages people set their devices to, by the names that exports have ("English", "Chinese").
A name that is missing costs nothing: it travels under its own name instead of as a code.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TABLE = """
af Afrikaans|am Amharic|ar Arabic|as Assamese|az Azerbaijani|be Belarusian|bg Bulgarian|bn Bengali
bn Bangla|bo Tibetan|br Breton|bs Bosnian|ca Catalan|co Corsican|cs Czech|cy Welsh|da Danish
de German
el Greek|en English|eo Esperanto|es Spanish|es Castilian|et Estonian|eu Basque|fa Persian|fa Farsi
fi Finnish|fo Faroese|fr French|fy Western Frisian|fy Frisian|ga Irish|gd Scottish Gaelic
gl Galician|gu Gujarati|ha Hausa|he Hebrew|hi Hindi|hr Croatian|ht Haitian Creole|hu Hungarian
hy Armenian|id Indonesian|ig Igbo|is Icelandic|it Italian|ja Japanese|jv Javanese|ka Georgian
kk Kazakh|kl Kalaallisut|km Khmer|kn Kannada|ko Korean|ku Kurdish|ky Kyrgyz|la Latin
lb Luxembourgish|lo Lao|lt Lithuanian|lv Latvian|mg Malagasy|mi Maori|mk Macedonian|ml Malayalam
mn Mongolian|mr Marathi|ms Malay|mt Maltese|my Burmese|nb Norwegian Bokmål|nb Norwegian Bokmal
ne Nepali|nl Dutch|nl Flemish|nn Norwegian Nynorsk|no Norwegian|oc Occitan|om Oromo|or Oriya|or Odia
pa Punjabi|pl Polish|ps Pashto|ps Pushto|pt Portuguese|qu Quechua|rm Romansh|ro Romanian|ro Moldovan
ru Russian|rw Kinyarwanda|sa Sanskrit|sd Sindhi|se Northern Sami|si Sinhala|si Sinhalese|sk Slovak
sl Slovenian|sm Samoan|sn Shona|so Somali|sq Albanian|sr Serbian|st Southern Sotho|su Sundanese
sv Swedish|sw Swahili|ta Tamil|te Telugu|tg Tajik|th Thai|ti Tigrinya|tk Turkmen|tl Tagalog
tn Tswana|to Tongan|tr Turkish|tt Tatar|ug Uyghur|uk Ukrainian|ur Urdu|uz Uzbek|vi Vietnamese
wo Wolof|xh Xhosa|yi Yiddish|yo Yoruba|zh Chinese|zh Mandarin|zu Zulu
"""

CODES = {
    name.casefold(): code
    for code, name in (
        entry.split(" ", 1) for entry in _TABLE.strip().replace("\n", "|").split("|")
    )
}
"""English name, case folded, to code."""

_IS_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


@lru_cache(maxsize=1024)
def is_language_code(text: str) -> bool:
    """Tell whether a text is a language code such as `en`, `pt-BR` or `zh_Hant_TW`, not a name.

    A known name wins: "Lao" is the language, not a code of three letters.
    """
    return text.casefold() not in CODES and _IS_CODE.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def language_code(name: str) -> str | None:
    """Return the ISO 639-1 code of a language's English name, a code as it is, or None.

    A qualified name counts as the language it qualifies: "English (United States)" is "en".
    """
    if is_language_code(name):
        return name
    return CODES.get(name.partition("(")[0].strip().casefold())
