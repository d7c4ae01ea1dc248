import json
import re
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import get_args

import pytest

from agent.feedback import REASONS
from agent.insights import LISTINGS, Outcome
from agent.models.catalogue import SpeedClass
from agent.models.pull import Stage
from agent.settings import _FAULTS, Settings
from agent.specialists.preparing import Left
from agent.specialists.workplace import What
from tools.library import DocumentState, WatchState
from tools.specialist import check
from tools.specialist.card import Use
from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Contender, Metric
from tools.specialist.example import Role
from tools.specialist.personal import KINDS
from tools.specialist.plan import Method
from tools.specialist.read import Fault
from tools.specialist.versions import AGAINST
from ui import strings
from ui.insights import PERIODS
from ui.library_jobs import ItemState, JobState
from ui.model_work import Reason
from ui.render_documents import COLUMNS
from ui.render_settings import PARTS
from ui.render_specialists import State
from ui.settings_fields import control
from ui.specialist_orders import Settings as Advanced
from ui.strings import StringError, Strings

UI = Path(strings.__file__).resolve().parent.parent
UNABLE = re.findall(r"`(\w+)` \(", SpecialistError.__doc__ or "")
FAULTS = re.findall(r"`(\w+)`(?= \(| and)", Fault.__doc__ or "")
EN, JA = (strings.load(language) for language in strings.LANGUAGES)


def variables(text: str) -> set[str]:
    return set(Template(text).get_identifiers())


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(EN.table) == list(JA.table)


@pytest.mark.parametrize("key", EN.table)
def test_both_languages_fill_the_same_variables_and_say_something(key: str) -> None:
    assert variables(EN.table[key]) == variables(JA.table[key])
    assert EN.table[key].strip()
    assert JA.table[key].strip()
    assert Template(EN.table[key]).is_valid()
    assert Template(JA.table[key]).is_valid()


def test_a_key_stands_once_in_all_files() -> None:
    for language in strings.LANGUAGES:
        pairs = [json.loads(path.read_text("utf-8"), object_pairs_hook=list) for path in strings.files(language)]
        keys = [key for file in pairs for key, _ in file]
        assert sorted(keys) == sorted(set(keys))


def test_visitors_have_words_of_their_own_for_what_is_there() -> None:
    """The same in both languages, and none of them speaks of commands that a visitor cannot type."""
    en, ja = (json.loads((strings.FOLDER / f"visitors.{one}.json").read_text("utf-8")) for one in strings.LANGUAGES)
    assert list(en) == list(ja)
    for key in en:
        assert variables(en[key]) == variables(ja[key]) == variables(EN.table.get(key, ""))
    for language in strings.LANGUAGES:
        told = strings.load(language).for_visitors().table
        shown = {
            k: text for k, text in told.items() if k.split(".")[0] in ("notice", "error", "widget", "panel", "answer")
        }
        assert [key for key, text in shown.items() if "kotae " in text] == []


def used(source: str) -> tuple[set[str], set[str]]:
    """The keys and the families that a source file names."""
    keys = set(re.findall(r"""words\(\s*["']([a-z_.]+)["']""", source))
    keys |= set(re.findall(r'words\["([a-z_.]+)"\]', source))  # JavaScript
    keys |= set(re.findall(r'"([a-z_]+\.[a-z_]+)"\s+if\b', source)) | set(
        re.findall(r'else\s+"([a-z_]+\.[a-z_]+)"', source)
    )
    keys |= set(re.findall(r'\? "([a-z]+\.[a-z_]+)" : "', source)) | set(re.findall(r'" : "([a-z]+\.[a-z_]+)"', source))
    keys |= set(re.findall(r'"((?:lib|panel|spec|site)\.[a-z_]+)"', source))  # handed on in JavaScript
    keys |= set(re.findall(r'"(?:navigation|main|complementary)", "([a-z_.]+)"', source))
    families = set(re.findall(r"""words\.(?:code|items|place)\(\s*["']([a-z_]+)["']""", source))
    families |= set(re.findall(r"words\[`([a-z]+)\.\$", source))
    families |= set(re.findall(r"""words\(\s*f["']([a-z_]+)\.\{""", source))
    return keys, families


def test_no_text_is_unused_and_none_is_missing() -> None:
    files = [*UI.glob("*.py"), *UI.glob("http/*.py"), *UI.glob("people/*.py"), *(UI / "assets").glob("*.js")]
    keys: set[str] = set()
    families: set[str] = set()
    for path in files:
        found = used(path.read_text("utf-8"))
        keys |= found[0]
        families |= found[1]
    known = set(EN.table)
    assert {key for key in keys if key.split(".")[0] in {k.split(".")[0] for k in known}} <= known
    assert not {key for key in known if key not in keys and key.split(".")[0] not in families}
    assert families <= {key.split(".")[0] for key in known}


@pytest.mark.parametrize(
    ("family", "codes"),
    [
        ("route", ["library", "web", "direct", "clarify"]),
        ("goes", ["library", "web", "direct", "clarify"]),
        ("doing", ["understand", "route", "gather", "judge", "answer", "reflect", "clarify", "abstain", "specialist"]),
        ("step", ["understand", "route", "gather", "judge", "answer", "reflect", "clarify", "abstain", "specialist"]),
        ("why", ["asked", "classifier", "correction", "cue", "model", "followup", "library_match", "fallback"]),
        ("reason", [reason for reason in REASONS if reason != "wrong_route"]),
        ("place", ["library", "web", "direct"]),
        ("follows", ["library", "web", "direct"]),
        ("unsaid", ["unknown_turn", "same_route", "not_kept", "route", "unfit"]),
        ("why", ["open", "several", "chosen", "never_mind", "specialist", "documents_first", "specialist_unusable"]),
        ("verdict", ["stated", "not_stated", "unrelated", "nothing_found", "several"]),
        (
            "notice",
            [
                "web_unavailable",
                "web_off",
                "asked_web_off",
                "library_empty",
                "library_broken",
                "library_busy",
                "library_other_embedder",
                "library_full",
                "out_of_time",
                "some_removed",
                "orders_left_out",
                "specialist_unusable",
            ],
        ),
        ("panel", ["library", "web", "specialist"]),
        ("item", get_args(ItemState)),
        ("job", get_args(JobState)),
        ("state", get_args(DocumentState)),
        ("watch", ["off", *get_args(WatchState)]),
        ("kind", ["file", "folder", "url"]),
        ("column", COLUMNS),
        ("stage", ["vector", "words", "tokens", "fused"]),
        (
            "cannot",
            ["empty", "no_room", "broken_off", "stopped", "no_path", "not_there", "relative", "held", "unknown"],
        ),
        ("stands", get_args(State)),
        ("method", get_args(Method)),
        ("use", get_args(Use)),
        ("making", get_args(What)),
        ("against", AGAINST),
        ("contender", get_args(Contender)),
        ("metric", get_args(Metric)),
        ("recognised", get_args(Metric)),
        ("finding", get_args(check.Code)),
        ("left", get_args(Left)),
        ("personal", KINDS),
        ("part", get_args(check.Where)),
        ("role", get_args(Role)),
        ("setting", [name for name in Advanced.model_fields if name not in ("alpha", "looks", "patience")]),
        ("unable", [code for code in UNABLE if code != "stopped"]),
        ("fault", FAULTS),
        ("outcome", get_args(Outcome)),
        ("opt", Settings.model_fields),
        ("purpose", Settings.model_fields),
        ("choice", {choice for key in Settings.model_fields for choice in control(key).choices}),
        ("group", PARTS),
        ("fetching", get_args(Stage)),
        ("download", get_args(Reason)),
        ("speed", get_args(SpeedClass)),
        ("misfit", set(_FAULTS.values())),
        ("listing", LISTINGS),
        ("period", [str(days) for days in PERIODS]),
        ("tongue", strings.LANGUAGES),
        ("month", [str(n) for n in range(1, 13)]),
        ("cannot", [f"library_{code}" for code in ("name", "unknown", "empty", "busy", "full", "broken")]),
    ],
)
def test_there_are_words_for_every_code_of_the_agent(family: str, codes: Iterable[str]) -> None:
    for words in (EN, JA):
        assert [code for code in codes if f"{family}.{code}" not in words.table] == []


def test_a_code_without_words_is_silent() -> None:
    assert EN.code("why", "something_new") == ""


@pytest.mark.parametrize(
    ("given", "fault"),
    [({}, r"missing \$n"), ({"n": 1, "x": 2}, "surplus x"), ({"m": 1}, r"missing \$n, surplus m")],
)
def test_filling_is_strict(given: dict[str, object], fault: str) -> None:
    with pytest.raises(StringError, match=fault):
        EN("ago.minutes", **given)


def test_unknown_keys_and_languages_are_errors() -> None:
    with pytest.raises(StringError, match=r"nothing\.here"):
        EN("nothing.here")
    with pytest.raises(StringError, match="fr"):
        strings.load("fr")  # type: ignore[arg-type]


def test_a_dollar_in_a_value_is_not_a_variable() -> None:
    words = Strings("en", {"a": "$x costs"})
    assert words("a", x="$5 ${y}") == "$5 ${y} costs"
