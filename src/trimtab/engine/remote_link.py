"""HTTP to one server: what is tried again and when, and every failure as one sentence for a person."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from trimtab.engine.sse import BadStream
from trimtab.records import UserError

TRIES = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 20.0  # seconds
_AGAIN = frozenset((408, 429, 500, 502, 503, 504))
_WORDS = 300  # characters of the server's own words in an error
_BODY = 1 << 26  # bytes of an answer that is read whole

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is: ``url`` up to and with ``/v1``, the ``model`` as it names it.

    ``key_env``: the environment variable that holds its API key, empty for none. ``timeout_seconds``: the longest
    wait for an answer to begin, and between two of its events. Raises UserError.
    """

    url: str
    model: str
    key_env: str = ""
    timeout_seconds: float = 120.0

    def __post_init__(self) -> None:
        try:
            parsed = httpx.URL(self.url)
        except (httpx.InvalidURL, TypeError) as error:
            raise _wrong("url", f"{self.url!r} is no URL ({error})", "such as http://127.0.0.1:8000/v1") from error
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.userinfo:
            raise _wrong("url", f"{self.url!r} is no server's URL", "such as http://127.0.0.1:8000/v1, without a key")
        if not self.model:
            raise _wrong("model", "no model is named", "its name in the server's /v1/models")
        if self.timeout_seconds <= 0:
            raise _wrong("timeout_seconds", f"{self.timeout_seconds} is no time", "more than 0")

    def key(self, environ: Mapping[str, str] = os.environ) -> str:
        """The API key, empty where none is needed. Raises UserError where the variable is not set."""
        if self.key_env and not environ.get(self.key_env):
            raise _wrong("key_env", f"the environment variable {self.key_env} is not set", "the server's API key in it")
        return environ[self.key_env].strip() if self.key_env else ""


class Failed(Exception):
    """A request that failed for good: the message says how, for a person."""

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


class TryAgain(Failed):
    """A failure that a second try may mend. ``after``: the server's Retry-After, as it stands."""

    def __init__(self, message: str, status: int = 0, after: str = "") -> None:
        self.after = after
        super().__init__(message, status)


def pause_before(failure: int, after: str, now: datetime) -> float | None:
    """Seconds to wait after the ``failure``-th failure (from 1); None: there is no next try.

    Doubles from half a second; never sooner than the server's Retry-After (seconds or a date, RFC 9110 10.2.3),
    and no next try where that is too far away.
    """
    asked = _asked(after, now)
    if failure >= TRIES or asked > _LONGEST_PAUSE:
        return None
    return max(asked, _FIRST_PAUSE * 2.0 ** (failure - 1))


class Link:
    """One connection pool, used on one event loop. Proxies and credentials of the surroundings are not taken up."""

    def __init__(self, endpoint: Endpoint, sleep: Sleep = asyncio.sleep) -> None:
        self.endpoint, self._sleep = endpoint, sleep
        self._key = endpoint.key()
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self._client = httpx.AsyncClient(headers=headers, limits=limits, timeout=None, trust_env=False)
        self._base = endpoint.url.rstrip("/")

    async def tried(self, attempt: Callable[[], Awaitable[Any]]) -> Any:
        """What ``attempt`` gives, tried again after each TryAgain as ``pause_before`` says. Raises Failed."""
        for failure in range(1, TRIES + 1):
            try:
                return await attempt()
            except TryAgain as error:
                pause = pause_before(failure, error.after, datetime.now(UTC))
                if pause is None:
                    tries = f" ({failure} tries)" if failure > 1 else ""
                    raise Failed(f"{error}{tries}", error.status) from error
                await self._sleep(pause)
        raise AssertionError("the last failure has no pause")

    async def json(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON at ``path`` below the URL (``/..`` above it), posted to where there is a body. Raises Failed."""
        return await self.tried(lambda: self._json(path, body))

    async def _json(self, path: str, body: Mapping[str, Any] | None) -> Any:
        async with asyncio_timeout(self.endpoint.timeout_seconds), self.open(path, body) as response:
            data = await _read(response, _BODY)
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Failed(f"{self._base}{path} answered what is no JSON") from error

    @asynccontextmanager
    async def open(self, path: str, body: Mapping[str, Any] | None) -> AsyncIterator[httpx.Response]:
        """An answer with status 200, its body unread; leaving closes it. Raises Failed, TryAgain."""
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"content-type": "application/json"}
        request = self._client.build_request(
            "GET" if body is None else "POST", self._at(path), content=content, headers=headers
        )
        try:
            response = await self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise TryAgain(f"{self._base} does not answer ({_said(error)})") from error
        try:
            if response.status_code != 200:
                await self._refuse(path, response)
            yield response
        except httpx.TransportError as error:
            raise TryAgain(f"{self._base} broke off ({_said(error)})") from error
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._client.aclose()

    def _at(self, path: str) -> str:
        """``path`` below the URL; one that begins with ``/..`` beside its ``/v1``."""
        if path.startswith("/.."):
            return self._base.removesuffix("/v1") + path.removeprefix("/..")
        return self._base + path

    async def _refuse(self, path: str, response: httpx.Response) -> None:
        status, words = response.status_code, ""
        with suppress(httpx.TransportError, BadStream):
            words = words_of(await _read(response, 1 << 16))
        if self._key:
            words = words.replace(self._key, "…")
        said = f"{self._base}{path} answered {status}" + (f": {words}" if words else "")
        if status == 401:
            held = f"the key in {self.endpoint.key_env}" if self._key else "no key was sent: serving.endpoint.key_env"
            said += f" ({held})"
        if status in _AGAIN:
            raise TryAgain(said, status, response.headers.get("retry-after", ""))
        raise Failed(said, status)


def asyncio_timeout(seconds: float) -> "_Deadline":
    """A deadline that can be moved; passing it is a Failed that says so."""
    return _Deadline(seconds)


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> "_Deadline":
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        try:
            await self._timeout.__aexit__(*raised)
        except TimeoutError as error:
            raise Failed(f"nothing came for {self._seconds:g} s") from error

    def again(self, seconds: float | None = None) -> None:
        """Wait as long from now on, or ``seconds``."""
        self._timeout.reschedule(asyncio.get_running_loop().time() + (self._seconds if seconds is None else seconds))


def words_of(body: bytes) -> str:
    """What an error's body says: OpenAI's ``error.message``, else its text; short and on one line."""
    text = body.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        said = json.loads(text)
        if isinstance(said, dict):
            error = said.get("error", said)
            text = str(error.get("message") or error.get("detail") or text) if isinstance(error, dict) else str(error)
    return " ".join(text.split())[:_WORDS]


async def _read(response: httpx.Response, most: int) -> bytes:
    data = bytearray()
    async for part in response.aiter_bytes():
        data += part
        if len(data) > most:
            raise BadStream(f"the answer is longer than {most} bytes")
    return bytes(data)


def _asked(after: str, now: datetime) -> float:
    text = after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    return 0.0


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _wrong(field: str, message: str, expected: str) -> UserError:
    return UserError(message, field=f"serving.endpoint.{field}", expected=expected)
