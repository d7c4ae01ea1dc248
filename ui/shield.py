"""What every request and every response passes: who may ask, which page may frame us, what a browser may load.

A page that another site shows in a browser on this machine can reach a loopback address; so requests are taken only
under our own name (against DNS rebinding), and changes only from our own pages (against cross-site requests), and
none that is longer than it needs to be.
"""

from __future__ import annotations

import html
import ipaddress
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response

from ui import strings
from ui.widget.cors import CrossOrigin, Entry

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from agent.settings import Settings
    from agent.state import Language
    from ui.widget.sites import Sites

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = frozenset({"/login", "/password"})
"""The pages whose form may be sent, to where it came from."""
_PAGE = re.compile(r"^/chat/(en|ja)(/.*)?$")
_GRADIO = re.compile(
    r"^/(?:$|assets/|static/|svelte/|theme\.css$|gradio_api/(?:queue/(?:join|data)$|heartbeat/|startup-events$|reset/?$"
    r"|cancel$|theme\.css$|app_id/?$))"
)
"""What the page needs of Gradio. Its other routes (uploads, a proxy, files, a development mode) are not served."""


_STYLES = ("kotae", "feedback", "library", "specialists", "memory", "sites", "insights", "settings")
_SCRIPTS = (
    "kotae",
    "messages",
    "feedback",
    "views",
    "library",
    "specialists",
    "memory",
    "sites",
    "insights",
    "settings",
)
"""Of `ui/assets`, in the order in which they are read."""
_BODY = 2**20
"""Bytes that any other request may carry. A question has some hundreds, a long one under 100,000."""


class Shield:
    """ASGI middleware; see the module."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        uploads: Mapping[str, int],
        sites: Sites | None = None,
        head: Callable[[Scope, str], str] = lambda scope, nonce: "",
    ) -> None:
        """`uploads`: the paths where a file may be sent, which is longer than anything else, with its most bytes;
        `sites`: those whose pages may show the widget; `head`: what the page gets besides, told the request and the
        nonce of its scripts."""
        self._app = app
        self._uploads = uploads
        self._head = head
        public = urlsplit(settings.public_url or "")
        self._public = (public.netloc, settings.public_url)
        self._hosts = _LOOPBACK | {settings.host, *settings.hosts, *([public.hostname] if public.hostname else [])}
        self._accounts = settings.accounts == "on"
        self._crossing = CrossOrigin(sites)
        self._frames = tuple(origin for origin in settings.embed_origins if _is_origin(origin))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        entry = await self._crossing.entry(scope["method"], scope["path"], headers.get("origin"))
        refusal = self._refusal(scope, headers, entry)
        if refusal is not None:
            await refusal(scope, receive, self._guarded(send, "", None, entry=entry))
            return
        page = _PAGE.match(scope["path"])
        language: Language | None = None
        if page is not None:
            language = next(one for one in strings.LANGUAGES if one == page.group(1))
            scope["headers"] = [  # compressed pages could not be given their nonce
                (k, v) for k, v in scope["headers"] if k != b"accept-encoding"
            ]
        nonce = secrets.token_urlsafe(16)
        document = scope["path"].endswith("/document") and scope["path"].startswith("/api/")
        guarded = self._guarded(send, nonce, language, entry=entry, document=document, scope=scope)
        await self._app(scope, receive, guarded)

    def _refusal(self, scope: Scope, headers: Headers, entry: Entry) -> Response | None:
        host = headers.get("host", "")
        if not self._known(_host_name(host), scope):
            return PlainTextResponse("Kotae is not served under this name.", status_code=421)
        if entry.kind == "refused":
            return PlainTextResponse("No page of this origin may show this site's widget.", status_code=403)
        if entry.kind == "visit" and scope["method"] == "OPTIONS":
            return Response(status_code=204, headers=dict(entry.preflight))
        ours = entry.kind == "ours" and scope["method"] not in _SAFE and not self._by_key(headers)
        own = self._public[1] if host == self._public[0] else f"{scope['scheme']}://{host}"
        if ours and not _same_site(headers, own):
            return PlainTextResponse("Only Kotae's own pages may do this.", status_code=403)
        # The server reads no more of a body than its length says, so the length alone can be held to the limit.
        if "transfer-encoding" in headers:
            return PlainTextResponse("A request must say how long it is.", status_code=411)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._uploads.get(scope["path"], _BODY):
            return PlainTextResponse("This request is too large.", status_code=413)
        page = _PAGE.match(scope["path"])
        if page is not None and not _GRADIO.match(page.group(2) or "/"):
            return PlainTextResponse("Not found.", status_code=404)
        return None

    def _known(self, host: str, scope: Scope) -> bool:
        """Whether Kotae is served under a name: one of the settings, or the very address that was connected to, which
        no other site's name can lead a browser to say."""
        return host in self._hosts or (
            self._accounts and host == (scope.get("server") or ("",))[0] and _is_address(host)
        )

    def _by_key(self, headers: Headers) -> bool:
        """Whether a program sent it: with a key, and without the cookie that a browser adds by itself."""
        return self._accounts and "cookie" not in headers and headers.get("authorization", "")[:7].lower() == "bearer "

    def _guarded(
        self,
        send: Send,
        nonce: str,
        language: Language | None,
        *,
        entry: Entry,
        document: bool = False,
        scope: Scope | None = None,
    ) -> Send:
        """`send` that sets our headers, and completes the HTML of the page."""
        held: list[Message] = []
        lowered = {name.lower() for name in entry.preflight} if entry.kind == "visit" else set()

        async def forward(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in [name for name in headers if name.startswith("access-control-")]:
                    if name not in lowered:
                        del headers[name]
                headers.update(self._headers(nonce, document=document, form=(scope or {}).get("path") in _FORMS))
                headers.update(entry.headers)
                if language and headers.get("content-type", "").startswith("text/html"):
                    held.append(message)
                    return
            elif held and message["type"] == "http.response.body":
                held.append(message)
                if message.get("more_body"):
                    return
                start, *bodies = held
                held.clear()
                raw = b"".join(body.get("body", b"") for body in bodies)
                assert language is not None
                assert scope is not None
                page = complete_page(raw.decode("utf-8"), language, nonce, self._head(scope, nonce))
                body = page.encode("utf-8")
                MutableHeaders(scope=start)["content-length"] = str(len(body))
                await send(start)
                message = {"type": "http.response.body", "body": body}
            await send(message)

        return forward

    def _headers(self, nonce: str, *, document: bool, form: bool) -> dict[str, str]:
        ancestors = " ".join(["'self'", *self._frames])
        forms = "'self'" if form else "'none'"
        if document:
            # A PDF is drawn by the browser's own viewer, which a sandbox would stop; nothing else may load.
            policy = f"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors {ancestors}"
        else:
            policy = (
                "default-src 'none'; "
                f"script-src 'self' 'nonce-{nonce}'; "
                "style-src 'self' 'unsafe-inline'; "  # Svelte sets style attributes
                "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
                f"base-uri 'self'; form-action {forms}; frame-ancestors {ancestors}"
            )
        headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        }
        if not self._frames:
            headers["X-Frame-Options"] = "SAMEORIGIN"
        return headers


def complete_page(page: str, language: Language, nonce: str, head: str = "") -> str:
    """Gradio's HTML with its language, our style and script, a nonce on each script, and no address of other hosts.
    `head` goes before our scripts."""
    words = strings.load(language)
    page = re.sub(r'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>', "", page)
    page = re.sub(r'<link\s[^>]*href="https?://[^>]*>', "", page)
    page = re.sub(r'(<html\s[^>]*?)lang="[^"]*"', rf'\1lang="{language}"', page, count=1)
    page = page.replace("<script", f'<script nonce="{nonce}"')
    table = json.dumps(dict(words.table), ensure_ascii=False).replace("<", "\\u003c")
    ours = (
        f'<meta name="description" content="{html.escape(words("app.tagline"))}">'
        '<meta name="color-scheme" content="light dark">'
        '<link rel="icon" href="/assets/kotae.svg" type="image/svg+xml">'
        + "".join(f'<link rel="stylesheet" href="/assets/{name}.css">' for name in _STYLES)
        + head
        + f'<script nonce="{nonce}" type="application/json" id="kotae-words">{table}</script>'
        + "".join(f'<script nonce="{nonce}" src="/assets/{name}.js"></script>' for name in _SCRIPTS)
    )
    return page.replace("</head>", f"{ours}</head>", 1)


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_origin(text: str) -> bool:
    """Whether `text` is a bare web origin, and so can stand in a policy without adding words to it."""
    return bool(re.fullmatch(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?", text))


def _same_site(headers: Headers, own: str | None) -> bool:
    origin = headers.get("origin")
    if origin is not None:
        return origin == own
    return headers.get("sec-fetch-site", "none") in ("same-origin", "none")
