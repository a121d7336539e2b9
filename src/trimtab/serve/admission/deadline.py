"""Until when an answer is worth something: the server's time-out, or the shorter one that the client names."""

from collections.abc import Mapping

from trimtab.serve.errors import ApiError

HEADER = "x-request-timeout-ms"
_DIGITS = 12


def timeout_of(headers: Mapping[str, str], most: float) -> float:
    """Seconds from the request's arrival to its deadline, at most ``most``. Raises ApiError 400 on a bad header."""
    given = headers.get(HEADER)
    if given is None:
        return most
    text = given.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS) or int(text) == 0:
        raise ApiError(
            400, f"{HEADER} must be a whole number of milliseconds above 0.", param=HEADER, code="invalid_value"
        )
    return min(int(text) / 1000, most)
