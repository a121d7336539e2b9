"""The dashboard's two routes: the page, and the switch behind the admin token."""

import secrets
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from trimtab.loop.status import Status
from trimtab.records import UserError
from trimtab.web.view import Page, page

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
_FORM_BYTES = 4096
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_dashboard(status: Callable[[], Status], rollback: Callable[[str | None], str], token: str) -> Starlette:
    """The app. ``rollback(digest or None)`` goes back and says in words where to; ``token`` guards it."""
    templates = Environment(
        loader=PackageLoader("trimtab.web"), autoescape=select_autoescape(), undefined=StrictUndefined
    )

    def render(view: Page, notice: str = "", code: int = 200) -> HTMLResponse:
        html = templates.get_template("dashboard.html").render(page=view, notice=notice)
        return HTMLResponse(html, status_code=code, headers=_HEADERS)

    def show(request: Request) -> Response:
        return render(page(status()), notice=request.query_params.get("notice", "")[:200])

    async def switch(request: Request) -> Response:
        if not _same_origin(request):
            return PlainTextResponse("the request comes from another page", status_code=403)
        form = await _form(request)
        if not secrets.compare_digest(form.get("token", "").encode(), token.encode()):
            return render(page(status()), notice="That is not the admin token: nothing was changed.", code=403)
        try:
            rollback(form.get("release") or None)
        except UserError as error:
            return render(page(status()), notice=str(error), code=409)
        return RedirectResponse("/?notice=Rolled+back.", status_code=303)

    return Starlette(routes=[Route("/", show), Route("/rollback", switch, methods=["POST"])])


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small urlencoded form; a larger body is read no further and counts as empty."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _FORM_BYTES:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=8))


def _same_origin(request: Request) -> bool:
    """Browsers send Origin with every POST; a missing one fails closed."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host", "")
