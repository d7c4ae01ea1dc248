"""`kotae models`: which language models there are, getting one, choosing one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.documents import size, stopped_by_interrupt
from ui.commands.options import AsJson, load_settings
from ui.terminal import Terminal

if TYPE_CHECKING:
    from agent import KotaeError, Settings
    from agent.models.catalogue import Catalogue, CatalogueModel
    from agent.models.pull import PullProgress

models_app = typer.Typer(help="List, download and choose language models.")


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List, download and choose language models. Without a command: list."""
    if context.invoked_subcommand is None:
        list_models()


@models_app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models of the catalogue and say which one is in use."""
    from agent.models.catalogue import Catalogue

    terminal = Terminal()
    settings = load_settings()
    catalogue = Catalogue.load()
    chosen = catalogue.find(settings.model)
    if as_json:
        terminal.data(
            {
                "in_use": chosen.name if chosen else settings.model,
                "models": [
                    {
                        "name": m.name,
                        "aliases": list(m.aliases),
                        "title": m.title,
                        "languages": list(m.languages),
                        "bytes": m.bytes,
                        "memory": m.memory,
                        "licence": m.licence,
                        "speed": m.speed.model_dump(),
                        "downloaded": is_downloaded(m, settings),
                        "in_use": m is chosen,
                    }
                    for m in catalogue.models
                ],
            }
        )
        return
    rows = [_row(m, settings, in_use=m is chosen) for m in catalogue.models]
    columns = ("", "Name", "Languages", "Size", "Memory", "Reads", "Writes", "Licence", "Downloaded")
    terminal.table(columns, rows, right=("Size", "Memory"))
    if chosen is None:
        terminal.say(f"* in use: {settings.model}")


@models_app.command("pull")
def pull_model(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A model of the list.", show_default=False)] = None,
) -> None:
    """Download a model; without a name the one in use. Runs again from where it was interrupted."""

    from agent.models.catalogue import Catalogue

    terminal = Terminal()
    settings = load_settings()
    catalogue = Catalogue.load()
    model = catalogue.find(name or settings.model)
    if model is None:
        raise _unknown(name or settings.model, catalogue)
    path = _pull(model, settings, terminal)
    terminal.say(f"{model.name} is ready: {path}")


def _pull(model: CatalogueModel, settings: Settings, terminal: Terminal) -> Path:
    from agent import ModelUnavailable
    from agent.models.pull import pull

    if not terminal.interactive and not is_downloaded(model, settings):
        terminal.note(f"Downloading {model.title} ({size(model.bytes)}) into {settings.models_dir}")
    with stopped_by_interrupt() as stop, terminal.bar("stage", "bytes") as bar:
        task = None if bar is None else bar.add_task(model.name, total=model.bytes, stage="", bytes="")

        def show(progress: PullProgress) -> None:
            if progress.note:
                terminal.note(progress.note, "yellow")
            if bar is not None and task is not None:
                done = f"{size(progress.done)} of {size(progress.total)}"
                bar.update(task, completed=progress.done, total=progress.total, bytes=done, stage=progress.stage)

        try:
            return pull(model, settings.models_dir, progress=show, stop=stop)
        except ModelUnavailable as error:
            if stop.is_set():
                terminal.note(str(error), "yellow")
                raise typer.Exit(130) from error
            raise


@models_app.command("use")
def use_model(
    model: Annotated[
        str, typer.Argument(metavar="NAME|PATH|URL", help="A name of the list, a .gguf file, provider:model or a URL.")
    ],
) -> None:
    """Choose the model that answers, for this and every later run."""
    import os

    from agent.models.catalogue import Catalogue
    from ui.commands.upkeep import store

    terminal = Terminal()
    value, known = resolve(model, Catalogue.load())
    file = store("model", value)
    terminal.say(f"{value} is in use from now on (setting `model` in {file}).")
    if "KOTAE_MODEL" in os.environ:
        terminal.note("The variable KOTAE_MODEL is set and still wins over it.", "yellow")
    if known is not None and not is_downloaded(known, load_settings()):
        terminal.note(f"It is not downloaded yet: kotae models pull {known.name}  ({size(known.bytes)})", "yellow")


def resolve(given: str, catalogue: Catalogue) -> tuple[str, CatalogueModel | None]:
    """What the setting `model` becomes, and the catalogue's entry if it is one. Raises `ModelMissing` otherwise."""
    from agent import ModelMissing

    if (known := catalogue.find(given)) is not None:
        return known.name, known
    if "://" not in given and (given.endswith(".gguf") or "/" in given or Path(given).is_file()):
        path = Path(given).expanduser().resolve()
        if not path.is_file():
            raise ModelMissing(f"There is no file {path}; name a model file (.gguf) that is there.")
        return str(path), None
    if given.startswith(("http://", "https://")) or given.partition(":")[2]:
        return given, None
    raise _unknown(given, catalogue)


def is_downloaded(model: CatalogueModel, settings: Settings) -> bool:
    """See `agent.models.files.is_downloaded`."""
    from agent.models import files

    return files.is_downloaded(model, settings.models_dir)


def _row(model: CatalogueModel, settings: Settings, *, in_use: bool) -> tuple[str, ...]:
    return (
        "*" if in_use else " ",
        ", ".join(model.names),
        " ".join(model.languages),
        size(model.bytes),
        size(model.memory),
        model.speed.prompt,
        model.speed.output,
        model.licence,
        "yes" if is_downloaded(model, settings) else "no",
    )


def _unknown(name: str, catalogue: Catalogue) -> KotaeError:
    from agent import KotaeError, ModelMissing

    if "/" in name or ":" in name or name.endswith(".gguf"):
        return KotaeError(f"{name} is no model of the catalogue and needs no download; `kotae models list` shows them.")
    near = catalogue.similar(name)
    hint = f"did you mean {near!r}?" if near else "`kotae models list` shows them."
    return ModelMissing(f"There is no model {name!r} in the catalogue; {hint}")
