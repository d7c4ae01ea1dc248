"""A script from a conversation that was really held: the questions, and what is worth expecting of the answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from agent.errors import ThreadError
from ui.conversing.variables import escaped
from ui.samples import sample_folders

if TYPE_CHECKING:
    from agent import Answer, Exchange, Settings

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w'-]+(?: [A-Z][\w'-]+)*|[ァ-ヶー]{3,}|[一-龥]{3,}")
_CITATION = re.compile(r"\s*\[\d+\]")
_TELLING = 3
"""Words of which an answer must have one; to have them all it would have to be worded the same."""


async def recorded(thread: str, settings: Settings) -> str:
    """The script of a conversation of the data folder; `last` is the latest one. Raises `ThreadError`."""
    from agent import Agent

    async with Agent.open(settings) as agent:
        threads = await agent.threads()
        found = next((t for t in threads if thread in ("last", t.id)), None)
        if found is None:
            raise ThreadError(f"There is no conversation {thread}; kotae ask --json prints the id of each.")
        return written(found.title, await agent.history(found.id))


def written(title: str, exchanges: Sequence[Exchange]) -> str:
    """The script as YAML. Questions whose answer was stopped are left out. Raises `ThreadError` when nothing is left.

    What the model said in each call is not kept, so the script has no lines for it: the configured model answers."""
    answered = [(e.question, e.answer) for e in exchanges if e.answer is not None]
    if not answered:
        raise ThreadError("There is no answer in this conversation to expect again.")
    answers = [answer for _, answer in answered]
    languages = {answer.language for answer in answers}
    script: dict[str, Any] = {"name": escaped(title), "about": "Recorded from a conversation."}
    if len(languages) == 1:
        script["language"] = languages.pop()
    if library := _library(answers):
        script["library"] = library
    if hits := _hits(answers):
        script["web"] = hits
    script["turns"] = [{"user": escaped(question), "expect": _expect(answer)} for question, answer in answered]
    return yaml.dump(script, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=110)


def _expect(answer: Answer) -> dict[str, Any]:
    expect: dict[str, Any] = {"refused": True} if answer.refused else {"route": answer.place, "refused": False}
    if answer.refused:
        return expect
    cited = {n for s in answer.sentences if s.supported for n in s.cites}
    names = [_named(s.passage.url, s.passage.title) for s in answer.sources if s.n in cited]
    if names:
        expect["cites"] = [escaped(name) for name in dict.fromkeys(names)]
        if words := telling(answer.text):
            expect["contains"] = [[escaped(word) for word in words]]
    return expect


def telling(text: str) -> list[str]:
    """A few words of an answer that another wording would keep: its numbers, then its names."""
    bare = _CITATION.sub("", text)
    found = [*_NUMBER.findall(bare), *_NAME.findall(bare)]
    return list(dict.fromkeys(found))[:_TELLING]


def _library(answers: Sequence[Answer]) -> str | list[dict[str, str]]:
    """The documents that were shown as sources, by their files; `sample` if they are those that come with Kotae."""
    sources = [s.passage for answer in answers for s in answer.sources if s.passage.kind == "library"]
    files = list(
        dict.fromkeys(passage.url for passage in sources if not passage.url.startswith(("http://", "https://")))
    )
    samples = [folder.resolve() for folder in sample_folders()]
    if files and all(any(Path(file).resolve().is_relative_to(folder) for folder in samples) for file in files):
        return "sample"
    titles = {passage.url: passage.title for passage in sources}
    rows = []
    for file in files:
        row = {"path": escaped(_unique(Path(file), files))}
        if Path(file).is_file():
            row["file"] = escaped(file)
        else:  # it has gone since; what was shown of it stays
            shown = [p.text for p in sources if p.url == file]
            row["text"] = escaped(f"# {titles[file]}\n\n" + "\n\n".join(dict.fromkeys(shown)))
        rows.append(row)
    return rows


def _hits(answers: Sequence[Answer]) -> list[dict[str, str]]:
    found = {s.passage.url: s.passage for a in answers for s in a.sources if s.passage.kind == "web"}
    return [{"title": escaped(p.title), "url": escaped(url), "text": escaped(p.text)} for url, p in found.items()]


def _unique(file: Path, files: Sequence[str]) -> str:
    """The name of a file, with its folder where another one is called the same."""
    alike = sum(Path(other).name == file.name for other in files)
    return file.name if alike == 1 else f"{file.parent.name}/{file.name}"


def _named(url: str, title: str) -> str:
    return url if url.startswith(("http://", "https://")) else (Path(url).name or title)


class _Plain(yaml.SafeDumper):
    """Texts of several lines as they read."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)
