"""The dashboard's two routes: the page, and the switch behind the admin token."""

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from trimtab.loop.status import Status
from trimtab.records import UserError
from trimtab.web.view import Page, page

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
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
        form = await request.form(max_fields=4)
        if not secrets.compare_digest(str(form.get("token", "")).encode(), token.encode()):
            return render(page(status()), notice="That is not the admin token: nothing was changed.", code=403)
        try:
            rollback(str(form.get("release") or "") or None)
        except UserError as error:
            return render(page(status()), notice=str(error), code=409)
        return RedirectResponse("/?notice=Rolled+back.", status_code=303)

    return Starlette(routes=[Route("/", show), Route("/rollback", switch, methods=["POST"])])


def _same_origin(request: Request) -> bool:
    """Browsers send Origin with every POST; a missing one fails closed."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host", "")
