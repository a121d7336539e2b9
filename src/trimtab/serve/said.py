"""What a person said of an answer, from its JSON."""

from typing import Any

from trimtab.records import Feedback, UserError, feedback_from_json
from trimtab.serve.body import fingerprint
from trimtab.serve.errors import ApiError, bad_request

_FIELDS = frozenset({"id", "trace", "user", "thumb", "edit", "escalated", "severity", "comment"})


def feedback_of(body: Any, now: float) -> Feedback:
    """The feedback, under an id of its content where it brings none. Raises ApiError 400 that names the field."""
    unknown = sorted(set(body) - _FIELDS) if isinstance(body, dict) else []
    if unknown:
        raise ApiError(400, f"Unrecognized request argument supplied: {unknown[0]}", param=unknown[0])
    try:
        return feedback_from_json(body, id=f"fb-{fingerprint(body)[:32]}", time=now)
    except UserError as error:
        raise bad_request(error) from error
