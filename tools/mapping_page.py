"""Writes the mappings as pages for people: `python -m tools.mapping_page`."""

from __future__ import annotations

from tools import (
    amplitude_from_mixpanel_page,
    amplitude_page,
    mixpanel_copy_page,
    mixpanel_page,
    posthog_from_mixpanel_page,
    posthog_page,
)

PAGES = (
    posthog_page,
    posthog_from_mixpanel_page,
    mixpanel_page,
    mixpanel_copy_page,
    amplitude_from_mixpanel_page,
    amplitude_page,
)

if __name__ == "__main__":
    for page in PAGES:
        page.PATH.write_text(page.render(), encoding="utf-8")
