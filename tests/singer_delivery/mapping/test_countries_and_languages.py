"""Names of countries and languages become the codes that they always became."""

from __future__ import annotations

import subprocess
import sys

import pytest
from singer_delivery.mapping.countries import plain
from singer_delivery.mapping.values import (
    country_code,
    country_name,
    is_language_code,
    language_code,
)

from tests.singer_delivery.mapping.known_names import COUNTRIES, LANGUAGES
from tools.connectors import plugins


def pairs(table: str) -> list[tuple[str, str]]:
    """Names and their codes."""
    lines = (line.split(" ", 1) for line in table.strip().splitlines())
    return [(name, code) for code, names in lines for name in names.split("|")]


@pytest.mark.parametrize(("name", "code"), pairs(COUNTRIES))
def test_a_country_keeps_its_code(name, code):
    assert country_code(name) == code


@pytest.mark.parametrize(("name", "code"), pairs(LANGUAGES))
def test_a_language_keeps_its_code(name, code):
    assert language_code(name) == code


def test_every_iso_country_has_a_name_and_no_name_two_countries():
    named = {(plain(name), code) for name, code in pairs(COUNTRIES)}
    assert len({code for _, code in named}) == 249
    assert len({name for name, _ in named}) == len(named)


def test_language_codes_are_two_letters():
    assert all(len(code) == 2 and code.islower() for _, code in pairs(LANGUAGES))


@pytest.mark.parametrize("name", ["Atlantis", "XX", "XK", "EU", "", " ", "Virgin Islands", "GBR"])
def test_what_is_no_country_has_no_code(name):
    assert country_code(name) is None


@pytest.mark.parametrize("name", ["Klingon", "", "Old English", "Ancient Greek", "1234"])
def test_what_is_no_language_has_no_code(name):
    assert language_code(name) is None


@pytest.mark.parametrize("code", sorted({code for _, code in pairs(COUNTRIES)}))
def test_a_code_of_a_country_is_itself_in_any_case(code):
    assert country_code(code) == country_code(code.lower()) == code


@pytest.mark.parametrize("text", ["en", "pt-BR", "zh_Hant_TW", "gsw", "de-CH-1996"])
def test_a_code_of_a_language_is_itself(text):
    assert is_language_code(text)
    assert language_code(text) == text


@pytest.mark.parametrize("text", ["Lao", "lao", "English", "e", "en-", "en US"])
def test_a_name_is_no_code(text):
    assert not is_language_code(text)


@pytest.mark.parametrize("plugin", plugins(), ids=lambda plugin: plugin.name)
def test_a_command_starts_without_reading_names(plugin):
    """They take 35 ms, and a command must start in half a second."""
    module = plugin.plugin.partition(":")[0]
    code = f"import sys, {module}; sys.exit('pycountry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_names_that_are_not_asked_for_leave_memory():
    code = (
        "import gc, sys\n"
        "from singer_delivery.mapping import values\n"
        "print(values.language_code('German'), values.country_code('Germany'), "
        "values.country_name('DE'))\n"
        "from pycountry.db import Data\n"
        "print(sum(isinstance(each, Data) for each in gc.get_objects()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["de", "DE", "Germany", "0"]


def test_every_code_has_a_name_that_leads_back_to_it():
    codes = {code for _, code in pairs(COUNTRIES)}
    names = {code: country_name(code) for code in codes}
    assert {code: country_code(name or "") for code, name in names.items()} == {
        code: code for code in codes
    }
    assert len({*names.values()}) == 249


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("US", "United States"), ("gb", "United Kingdom"), ("KR", "South Korea"), ("RU", "Russia"),
        ("CI", "Ivory Coast"), ("TR", "Türkiye"), ("CZ", "Czechia"), (" de ", "Germany"),
        ("VN", "Vietnam"), ("XK", "Kosovo"), ("ZZ", None), ("", None), ("Germany", None),
    ],
)  # fmt: skip
def test_a_country_is_named_as_geoip_databases_name_it(code, name):
    assert country_name(code) == name
