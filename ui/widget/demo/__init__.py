"""A small site of somebody else's, on a port of its own, that shows the widget: to try it, and to test it.

Its pages are as strict as pages get: no inline script or style, nothing from other hosts but the widget, and no HTML
made from text.
"""

from __future__ import annotations

import json
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

FOLDER = Path(__file__).resolve().parent


def policy(kotae: str) -> str:
    """The Content-Security-Policy of a strict page that shows the widget of the Kotae at `kotae`."""
    return (
        f"default-src 'none'; script-src {kotae}; connect-src {kotae}; img-src 'self' {kotae}; style-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )


def demo(kotae: str, site: str) -> Starlette:
    """The site. `kotae`: the origin where Kotae is served; `site`: the id of the site there."""

    async def page(request: Request) -> Response:
        language, name = request.path_params["language"], request.path_params.get("name", "")
        html = _html(language, name, kotae, site)
        if html is None:
            return Response("Not found.", 404)
        headers = {"Content-Security-Policy": policy(kotae), "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(html, headers=headers)

    async def style(_: Request) -> Response:
        return FileResponse(FOLDER / "style.css", media_type="text/css")

    async def home(_: Request) -> Response:
        return RedirectResponse("/en/")

    async def icon(_: Request) -> Response:
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/style.css", style),
            Route("/favicon.ico", icon),
            Route("/{language}/", page),
            Route("/{language}/{name}", page),
        ]
    )


def _html(language: str, name: str, kotae: str, site: str) -> str | None:
    all_ = _pages()
    if language not in all_ or name not in all_[language]["pages"]:
        return None
    told = all_[language]
    links = [f'<a href="/{language}/{to}">{escape(label)}</a>' for to, label in told["names"].items()]
    other = next(one for one in all_ if one != language)
    links.append(f'<a href="/{other}/{name}" lang="{other}" hreflang="{other}">{escape(told["other"])}</a>')
    return _template().substitute(
        language=language,
        title=escape(told["pages"][name]["title"]),
        brand=escape(told["brand"]),
        kotae=kotae,
        site=site,
        place='data-mode="inline" data-target="#chat"' if name == "inline" else "",
        links="".join(links),
        text="\n".join(f"<p>{escape(line)}</p>" for line in told["pages"][name]["text"]),
    )


@cache
def _pages() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "pages.json").read_text("utf-8"))
    return found


@cache
def _template() -> Template:
    return Template((FOLDER / "page.html").read_text("utf-8"))
