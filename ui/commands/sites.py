"""`kotae site`: the websites that show the chat widget, and a made-up one to try it on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.options import AsJson, DataDir, OfCollections, load_settings
from ui.terminal import Terminal

if TYPE_CHECKING:
    from agent import Settings
    from tools.base import Consent
    from ui.widget.site import Site
    from ui.widget.sites import Sites

DEMO_PORT = 7870
_DEMO = "Demo"

site_app = typer.Typer(help="Show the chat on other websites.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The site's name or id.")]
Origins = Annotated[
    list[str] | None,
    typer.Option("--origin", metavar="ADDRESS", help="An address of the site, such as https://www.example.com; all."),
]
Web = Annotated[str, typer.Option("--web", metavar="on|ask|off", help="Whether its questions may go to a web search.")]
Served = Annotated[str, typer.Option("--url", metavar="URL", help="Where Kotae is served; otherwise as it is set.")]


@site_app.callback(invoke_without_command=True)
def sites(context: typer.Context) -> None:
    """Show the chat on other websites. Without a command: list them."""
    if context.invoked_subcommand is None:
        list_sites()


@site_app.command("list")
def list_sites(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the sites."""
    terminal, kept = Terminal(), _kept(load_settings(data_dir=data_dir))
    found = kept.all()
    if as_json:
        terminal.data([site.model_dump(mode="json") for site in found])
    elif found:
        rows = [
            (site.id, site.name, "\n".join(site.origins) or "none", ", ".join(site.collections) or "none", site.web)
            for site in found
        ]
        terminal.table(("ID", "Name", "Addresses", "Collections", "Web"), rows)
    else:
        terminal.note("No website shows the chat yet: kotae site add NAME --origin https://www.example.com")


@site_app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call the site.")],
    origins: Origins = None,
    collections: OfCollections = None,
    web: Web = "off",
    url: Served = "",
    data_dir: DataDir = None,
) -> None:
    """Make a site, and print the line for its pages. Its look is set on the page, under Sites."""
    terminal, settings = Terminal(), load_settings(data_dir=data_dir)
    site = _made(settings, name, origins or [], collections or ["default"], web)
    _kept(settings).put(site)
    if not site.origins:
        terminal.note("It has no address yet, so it is shown nowhere; give it one with --origin, or on the page.")
    terminal.say(_snippet(settings, site, url))


@site_app.command("show")
def show(name: Name, url: Served = "", data_dir: DataDir = None) -> None:
    """Print the line that is pasted into the pages of a site."""
    settings = load_settings(data_dir=data_dir)
    Terminal().say(_snippet(settings, _named(_kept(settings), name), url))


@site_app.command("remove")
def remove(name: Name, data_dir: DataDir = None) -> None:
    """Delete a site with all conversations of its visitors."""
    terminal, settings = Terminal(), load_settings(data_dir=data_dir)
    kept = _kept(settings)
    site = _named(kept, name)
    count = asyncio.run(_forget(settings, site))
    kept.remove(site.id)
    terminal.say(f"Deleted {site.name}, and {count} conversations of its visitors.")


@site_app.command("demo")
def demo(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where the made-up site is served.")
    ] = DEMO_PORT,
    data_dir: DataDir = None,
) -> None:
    """Serve a small made-up site that shows the widget; `kotae serve` has to run beside it. Ctrl-C ends it."""
    import contextlib

    import uvicorn

    from ui.serve import listen
    from ui.widget.demo import demo as demo_app

    terminal, settings = Terminal(), load_settings(data_dir=data_dir)
    kept = _kept(settings)
    with contextlib.closing(listen("127.0.0.1", port)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        everything = _collections(settings)
        known = next((site for site in kept.all() if site.name == _DEMO), None)
        site = _made(settings, _DEMO, [address], everything, "ask")
        if known is not None:
            site = site.model_copy(update={"id": known.id, "look": known.look, "logo": known.logo})
        kept.put(site)
        terminal.say(f"The made-up site is at {address}/en/ and {address}/ja/ (Ctrl-C ends it).")
        terminal.note(f"It shows the chat of {_base(settings)}: run kotae serve beside it.")
        server = uvicorn.Server(uvicorn.Config(demo_app(_base(settings), site.id), log_level="warning"))
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(server.serve(sockets=[listener]))


def _kept(settings: Settings) -> Sites:
    from ui.widget.sites import Sites

    return Sites(settings.data_dir)


def _named(kept: Sites, name: str) -> Site:
    from ui.widget.sites import SiteUnknown

    found = [site for site in kept.all() if name in (site.id, site.name)]
    if len(found) != 1:
        what = "no site" if not found else "more than one site"
        raise SiteUnknown(f"There is {what} called {name!r}; kotae site list shows their ids.")
    return found[0]


def _made(settings: Settings, name: str, origins: list[str], collections: list[str], web: Consent | str) -> Site:
    """Raises `KotaeError` with what does not fit."""
    from pydantic import ValidationError

    from agent.errors import KotaeError
    from ui.widget.site import Site
    from ui.widget.sites import Sites

    known = _collections(settings)
    if unknown := [one for one in collections if one not in known]:
        raise KotaeError(f"There is no collection {unknown[0]!r}; there are {', '.join(known)}.")
    given = {"id": Sites.new_id(), "name": name, "origins": origins, "collections": collections, "web": web}
    try:
        return Site.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise KotaeError(f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}.") from error


def _collections(settings: Settings) -> list[str]:
    from ui.commands.options import opened_library

    with opened_library(settings) as library:
        return [one.name for one in library.collections()] or ["default"]


async def _forget(settings: Settings, site: Site) -> int:
    from agent import Agent

    async with Agent.open(settings) as agent:
        return await agent.forget_askers(site.askers)


def _snippet(settings: Settings, site: Site, url: str) -> str:
    from ui.render_sites import snippet

    return snippet(url.rstrip("/") or _base(settings), site.id)


def _base(settings: Settings) -> str:
    if settings.public_url:
        return settings.public_url
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"
