"""Everything about people that the application serves, and what the page is told of whoever reads it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ui.people.roles import Visitor

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Scope

    from agent import Agent, Settings
    from ui.http.turns import Turns
    from ui.people.accounts import Accounts
    from ui.people.watch import Watch


def open_accounts(settings: Settings, given: Accounts | None = None) -> Accounts | None:
    """The accounts of an installation, `given` ones if there are some; None where nobody logs in."""
    if settings.accounts == "off":
        return None
    from ui.people.accounts import Accounts

    return given or Accounts(settings)


def serve_people(app: FastAPI, accounts: Accounts, agent: Agent, turns: Turns) -> Watch:
    """Add the pages and routes. Removing somebody ends their `turns`. Returns what ends what is open to them, which is
    to run as long as the application does."""
    from ui.people.account import serve_account
    from ui.people.login import serve_login
    from ui.people.managing import serve_managing
    from ui.people.watch import Watch

    serve_login(app, accounts)
    serve_account(app, accounts)
    serve_managing(app, accounts, agent, turns)
    return Watch(accounts, turns)


def person_head(scope: Scope, nonce: str) -> str:
    """What the page's head says of whoever reads it, and the script for that; "" where nobody logs in."""
    visitor = scope.get("state", {}).get("visitor")
    if not isinstance(visitor, Visitor) or visitor.person is None:
        return ""
    return (
        f'<meta name="kotae-person" content="{escape(visitor.person.name)}" data-role="{visitor.person.role}">'
        '<link rel="stylesheet" href="/assets/people.css">'
        f'<script nonce="{nonce}" src="/assets/people.js" defer></script>'
    )
