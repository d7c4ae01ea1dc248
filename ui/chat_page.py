"""The chat page in Gradio: its parts, and which event changes which. What happens is in `ui.chat`.

Nothing here runs JavaScript from a string and no `gr.HTML` is used, because both need `unsafe-eval`; fragments are
Markdown components that hold one block of our own clean HTML, and `assets/kotae.js` does the rest. It sends its
commands through a hidden text field, the one way into the page's events that needs no evaluated code.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from html import escape
from typing import TYPE_CHECKING, Any, get_args

from tools.base import Consent
from ui.chat import Chat, Screen
from ui.http.asker import visitor_of
from ui.markup import clean

if TYPE_CHECKING:
    import gradio as gr

    from ui.strings import Strings

Update = dict[Any, Any]

_LOOKS = 0.02
"""Seconds after which Gradio looks whether something was asked; left to itself it does so 1,100 times a second."""


def build(chat: Chat, words: Strings, *, other: str, web: Consent, accounts: bool = False) -> gr.Blocks:
    """The page for one language. `other` is the address that switches to the other one; `web` tells whether web
    search may be used at all; with `accounts` people log in."""
    # Read by Gradio when it is imported.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    with gr.Blocks(title=words("app.name"), analytics_enabled=False, fill_width=True) as page:
        with gr.Row(elem_id="kotae-app"):
            with gr.Column(elem_id="kotae-nav"):
                _fragment(gr, _nav_head(words))
                threads = _fragment(gr, "", "kotae-threads")
                library = _fragment(gr, "", "kotae-state")
                _fragment(gr, _memory_button(words), "kotae-memory")
            with gr.Column(elem_id="kotae-main"):
                _fragment(gr, _head(words, other, accounts=accounts), "kotae-head")
                _fragment(gr, f'<p class="kotae-none">{escape(words("lib.loading"))}</p>', "kotae-library")
                _fragment(gr, f'<p class="kotae-none">{escape(words("spec.loading"))}</p>', "kotae-specialists")
                _fragment(gr, f'<p class="kotae-none">{escape(words("site.loading"))}</p>', "kotae-sites")
                _fragment(gr, f'<p class="kotae-none">{escape(words("insight.loading"))}</p>', "kotae-insights")
                _fragment(gr, f'<p class="kotae-none">{escape(words("option.loading"))}</p>', "kotae-settings")
                conversation = gr.Chatbot(
                    elem_id="kotae-chat",
                    show_label=False,
                    label=words("app.name"),
                    container=False,
                    height=None,
                    buttons=[],
                    feedback_options=None,
                    layout="panel",
                    latex_delimiters=[],
                    allow_tags=False,
                )
                with gr.Column(elem_id="kotae-ask"):
                    question = gr.Textbox(
                        elem_id="kotae-question",
                        label=words("ask.label"),
                        show_label=False,
                        container=False,
                        lines=1,
                        max_lines=8,
                        placeholder=words("ask.placeholder"),
                        autofocus=True,
                    )
                    with gr.Row(elem_id="kotae-ask-row"):
                        use_web = gr.Radio(
                            [(words.code("web", one), one) for one in ("on", "ask", "off")],
                            value=web,
                            label=words("ask.web"),
                            visible=web != "off",
                            container=False,
                            elem_id="kotae-web",
                            min_width=80,
                        )
                        _fragment(gr, f'<p class="kotae-keys">{escape(words("ask.keys"))}</p>', "kotae-keys")
                        stop = gr.Button(words("ask.stop"), elem_id="kotae-stop", visible=False, min_width=40)
                        send = gr.Button(words("ask.send"), elem_id="kotae-send", variant="primary", min_width=40)
            with gr.Column(elem_id="kotae-panel"):
                _fragment(gr, _panel(words))
        thread = gr.Textbox(visible="hidden", elem_id="kotae-thread")
        command = gr.Textbox(visible="hidden", elem_id="kotae-command")

        outputs = [conversation, thread, threads, library, question, send, stop, use_web]

        def shown(screen: Screen) -> Update:
            changes: Update = {}
            if screen.messages is not None or screen.welcome is not None:
                given = {"value": screen.messages, "placeholder": screen.welcome}
                changes[conversation] = gr.update(**{k: v for k, v in given.items() if v is not None})
            for part, value in ((thread, screen.thread), (threads, screen.threads), (library, screen.library)):
                if value is not None:
                    changes[part] = value
            if screen.question is not None:
                changes[question] = screen.question
            if screen.web is not None:
                changes[use_web] = gr.update(value=screen.web, visible=screen.web != "off" or web != "off")
            if screen.busy is not None:
                changes[send] = gr.update(visible=not screen.busy)
                changes[stop] = gr.update(visible=screen.busy)
            return changes

        def own(request: gr.Request) -> Chat:
            """The chat of whoever sent the request, as `ui.people.door` has let them in."""
            return chat.acting_for(visitor_of(request.request).asker)

        async def opened(request: gr.Request) -> Update:
            return shown(await own(request).open(str(request.query_params.get("thread", ""))))

        async def asked(text: str, at: str, on: str, request: gr.Request) -> AsyncIterator[Update]:
            async with aclosing(
                own(request).ask(str(request.session_hash), text or "", at or "", _consent(on))
            ) as screens:
                async for screen in screens:
                    yield shown(screen)

        async def acted(order: str, at: str, on: str, request: gr.Request) -> AsyncIterator[Update]:
            async with aclosing(
                own(request).act(str(request.session_hash), order or "", at or "", _consent(on))
            ) as screens:
                async for screen in screens:
                    yield shown(screen)

        async def stopped(request: gr.Request) -> None:
            async for _ in own(request).act(str(request.session_hash), '{"do": "stop"}', "", "off"):
                pass

        # Handlers are found by their annotations, which `from __future__ import annotations` left as text.
        for handler in (opened, asked, acted, stopped):
            _resolve(handler, gr)
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        many: dict[str, Any] = {**quiet, "concurrency_limit": 32, "trigger_mode": "multiple"}
        page.load(opened, None, outputs, **quiet)
        gr.on([question.submit, send.click], asked, [question, thread, use_web], outputs, **many)
        command.submit(acted, [command, thread, use_web], outputs, **many)
        stop.click(stopped, None, None, **many)
    page.queue(default_concurrency_limit=32, max_size=64)
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = _LOOKS
    return page


def _consent(said: str) -> Consent:
    """What the page says of the web; anything else is no leave."""
    return next((one for one in get_args(Consent) if one == said), "off")


def theme() -> Any:
    """Gradio's plainest theme on the fonts that the reader's system has; the rest is in `assets/kotae.css`."""
    import gradio as gr

    sans = ["system-ui", "-apple-system", "Segoe UI", "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", "sans-serif"]
    mono = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
    return gr.themes.Base(font=sans, font_mono=mono)


def _resolve(handler: Callable[..., Any], gr: Any) -> None:
    for name, kind in handler.__annotations__.items():
        if kind == "gr.Request":
            handler.__annotations__[name] = gr.Request


def _fragment(gr: Any, html: str, name: str | None = None) -> Any:
    return gr.Markdown(clean(html, links=_FIXED), elem_id=name, container=False, latex_delimiters=[])


_FIXED = ("/chat/en", "/chat/ja", "/language/en", "/language/ja")
"""The addresses that the page's own fixed fragments may lead to."""


def _icon(name: str, label: str, kind: str = "button") -> str:
    return (
        f'<button type="{kind}" class="kotae-icon kotae-do-{name}" title="{escape(label)}">'
        f'<span class="kotae-sr">{escape(label)}</span></button>'
    )


def _nav_head(words: Strings) -> str:
    return (
        f'<div class="kotae-nav-head"><p class="kotae-brand">{escape(words("app.name"))}'
        f'<span class="kotae-brand-ja" lang="ja">答え</span></p>{_icon("nav", words("nav.close"))}</div>'
        f'<button type="button" class="kotae-new">{escape(words("nav.new"))}</button>'
    )


def _memory_button(words: Strings) -> str:
    """What opens the dialog of `assets/memory.js`."""
    return f'<button type="button" class="kotae-memory-open">{escape(words("memory.title"))}</button>'


def _head(words: Strings, other: str, *, accounts: bool) -> str:
    account = _icon("account", words("account.title")) if accounts else ""
    return (
        f'<div class="kotae-bar">{_icon("nav", words("nav.open"))}'
        f'<p class="kotae-brand">{escape(words("app.name"))}</p>'
        f"{_tabs(words)}"
        f'<p class="kotae-tagline">{escape(words("app.tagline"))}</p>'
        f'<a class="kotae-language" href="{other}" title="{escape(words("head.language_hint"))}">'
        f"{escape(words('head.language'))}</a>"
        f"{account}{_icon('theme', words('head.theme'))}{_icon('panel', words('panel.title'))}</div>"
    )


def _tabs(words: Strings) -> str:
    """Chat and the pages beside it, which their own scripts fill when they are first opened."""
    tabs = "".join(
        f'<button type="button" class="kotae-tab kotae-tab-{name}" value="{name}">'
        f"{escape(words.code('tab', name))}</button>"
        for name in ("chat", "library", "specialists", "sites", "insights", "settings")
    )
    return f'<nav class="kotae-tabs">{tabs}</nav>'


def _panel(words: Strings) -> str:
    return (
        f'<div class="kotae-panel-head"><h2>{escape(words("panel.title"))}</h2>'
        f"{_icon('panel-close', words('panel.close'))}</div>"
        f'<div class="kotae-panel-body"><p class="kotae-none">{escape(words("panel.hint"))}</p></div>'
    )
