"""Reading what anybody may have posted to us."""

import json
from typing import Any

from billing.providers.base import Forged


def json_object(body: bytes) -> dict[str, Any]:
    """A notification's body. Raises Forged for what is cut short, no JSON, no object, or nested without end."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Forged("its body is no JSON") from error
    if not isinstance(parsed, dict):
        raise Forged("its body is no JSON object")
    return parsed
