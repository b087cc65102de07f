"""What people do: the events of a session, as the SDKs name them."""

from __future__ import annotations

from typing import Any

from tests.fakes.company.rows import CAMPAIGNS, PAGES, PRODUCTS, REFERRERS, SCREENS, Dice

Properties = dict[str, Any]
Deed = tuple[str, Properties]


def page_viewed(dice: Dice) -> Deed:
    """Return a page view as Amplitude's browser SDK reports it."""
    path, title = dice.pick(PAGES)
    properties: Properties = {
        "[Amplitude] Page Domain": "www.example.com",
        "[Amplitude] Page Location": f"https://www.example.com{path}?ref=demo",
        "[Amplitude] Page Path": path,
        "[Amplitude] Page Title": title,
        "[Amplitude] Page URL": f"https://www.example.com{path}",
        "[Amplitude] Page Counter": 1 + dice.below(9),
        "[Amplitude] Page View ID": dice.uuid(),
    }
    referrer, campaign = dice.pick(REFERRERS), dice.pick(CAMPAIGNS)
    if referrer:
        properties.update(referrer=referrer, referring_domain=referrer.split("/")[2])
    if campaign:
        properties.update(zip(("utm_source", "utm_medium", "utm_campaign"), campaign, strict=True))
    return "[Amplitude] Page Viewed", properties


def element_clicked(dice: Dice) -> Deed:
    """Return a click or a change of an element, as autocapture reports it."""
    path, title = dice.pick(PAGES)
    properties: Properties = {
        "[Amplitude] Element Tag": "button",
        "[Amplitude] Element Text": f"Open {title}",
        "[Amplitude] Element ID": f"open-{dice.below(40)}",
        "[Amplitude] Element Class": "button button-primary",
        "[Amplitude] Element Aria Label": None,
        "[Amplitude] Page URL": f"https://www.example.com{path}",
    }
    kind = "Changed" if dice.random() < 0.2 else "Clicked"
    return f"[Amplitude] Element {kind}", properties


def screen_viewed(dice: Dice) -> Deed:
    """Return a screen view as the mobile SDKs report it."""
    return "[Amplitude] Screen Viewed", {
        "[Amplitude] Screen Name": dice.pick(SCREENS),
        "[Amplitude] From Background": dice.random() < 0.3,
        "orientation": "portrait",
    }


def product_viewed(dice: Dice) -> Deed:
    """Return a look at a product."""
    sku, name, cents = dice.pick(PRODUCTS)
    return "Product Viewed", {
        "sku": sku,
        "name": name,
        "price": cents / 100,
        "position": dice.below(30),
        "tags": ["home", "sale"] if dice.random() < 0.3 else ["home"],
        "variant": {"color": "blue"},
    }


def searched(dice: Dice) -> Deed:
    """Return a search."""
    _, name, _ = dice.pick(PRODUCTS)
    return "Search Performed", {
        "query": name.lower(),
        "results": dice.below(200),
        "filters": {"price_max": 10 * dice.below(50), "sort": "newest"},
        "duration_ms": dice.below(900),
    }


def added_to_cart(dice: Dice) -> Deed:
    """Return a product put into the cart."""
    sku, name, cents = dice.pick(PRODUCTS)
    return "Added to Cart", {
        "sku": sku,
        "name": name,
        "price": cents / 100,
        "quantity": 1 + dice.below(3),
    }


def revenue(dice: Dice) -> Deed:
    """Return a purchase as the SDKs' revenue call reports it."""
    sku, _, cents = dice.pick(PRODUCTS)
    quantity = 1 + dice.below(3)
    return "revenue_amount", {
        "$productId": sku,
        "$price": cents / 100,
        "$quantity": quantity,
        "$revenue": cents * quantity / 100,
        "$revenueType": "purchase",
        "$currency": "EUR",
        "$receipt": None,
        "$receiptSig": None,
    }


WEB = (
    page_viewed,
    page_viewed,
    page_viewed,
    element_clicked,
    element_clicked,
    product_viewed,
    searched,
    added_to_cart,
)
MOBILE = (screen_viewed, screen_viewed, product_viewed, product_viewed, searched, added_to_cart)
