"""Stripe's notifications: signed with the endpoint's secret over the raw body (docs.stripe.com/webhooks/signature)."""

import json
import time
from typing import Any

import stripe

from billing.providers.base import About, Forged, Incoming, Notice
from billing.providers.stripe.reading import id_of, subscription_details

TOLERANCE = 300  # seconds
LONGEST_ID = 255  # Stripe says that none is longer


def read(incoming: Incoming, secret: str) -> Notice:
    """Raises Forged. The digests are compared by `hmac.compare_digest`."""
    header = incoming.headers.get("stripe-signature", "")
    try:
        stripe.WebhookSignature.verify_header(incoming.body, header, secret, TOLERANCE)
        _refuse_the_future(header)
        event = json.loads(incoming.body)
    except (stripe.SignatureVerificationError, ValueError, TypeError, RecursionError) as error:
        raise Forged("not signed by stripe, too old, or no event") from error
    if not _is_event(event):
        raise Forged("no event of stripe's")
    about = () if event.get("account") else _about(event["data"]["object"])  # an account connected to ours: not ours
    return Notice(event["id"], event["type"][:120], about)


def _refuse_the_future(header: str) -> None:
    """The library minds only what is too old. Raises ValueError."""
    signed_at = next(int(part[2:]) for part in header.split(",") if part.startswith("t="))
    if signed_at > time.time() + TOLERANCE:
        raise ValueError("signed in the future")


def _is_event(event: Any) -> bool:
    return (
        isinstance(event, dict)
        and event.get("object") == "event"
        and isinstance(event.get("id"), str)
        and 0 < len(event["id"]) <= LONGEST_ID
        and isinstance(event.get("type"), str)
        and isinstance(event.get("data"), dict)
        and isinstance(event["data"].get("object"), dict)
    )


def _about(thing: dict[str, Any]) -> tuple[About, ...]:
    """A charge is looked at by its intent, which stays the same through declines and refunds."""
    kind = thing.get("object")
    if kind == "checkout.session":
        return _one("checkout", thing.get("id"))
    if kind == "payment_intent":
        return _one("charge", thing.get("id"))
    if kind == "charge":
        return _one("charge", thing.get("payment_intent") or thing.get("id"))
    if kind in ("refund", "dispute"):
        return _one("charge", thing.get("payment_intent") or thing.get("charge"))
    if kind == "subscription":
        return _one("subscription", thing.get("id"))
    if kind == "invoice":
        return _one("subscription", subscription_details(thing).get("subscription"))
    return ()


def _one(what: Any, found: Any) -> tuple[About, ...]:
    thing_id = id_of(found)
    return (About(what, thing_id),) if 0 < len(thing_id) <= LONGEST_ID else ()
