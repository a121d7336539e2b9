"""Refusals and failures in the shape that OpenAI's clients understand."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trimtab.records import UserError

_TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """What the client is told: ``{"error": {"message", "type", "param", "code"}}`` under ``status``."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers = dict(headers or {})
        super().__init__(message)

    @property
    def body(self) -> dict[str, Any]:
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        return JSONResponse(self.body, self.status, headers={**(headers or {}), **self.headers})


def unknown_model(model: str) -> ApiError:
    """The same whether it never was or is not for this key."""
    return ApiError(
        404,
        f"The model {model!r} does not exist here; GET /v1/models lists what does.",
        param="model",
        code="model_not_found",
    )


def bad_request(error: UserError) -> ApiError:
    """A person's mistake as a 400 that names the field."""
    plain = UserError(error.message, expected=error.expected, fix=error.fix)
    return ApiError(400, str(plain), param=error.field, code="invalid_value")


async def on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405, in the same shape."""
    assert isinstance(error, HTTPException)
    where = f"{request.method} {request.url.path}"
    return ApiError(error.status_code, f"{error.detail}: {where}", headers=error.headers).response()


async def on_failure(request: Request, error: Exception) -> Response:
    """Our own mistake: the log has the details, the client has none of them."""
    return ApiError(500, "The server failed on this request.", code="internal_error").response()
