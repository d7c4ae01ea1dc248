"""What an examination found, as the command line tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.specialist.evaluation import Evaluation
    from ui.terminal import Terminal

_CONTENDERS = {
    "specialist": "specialist",
    "base": "base model",
    "few_shot": "base with examples",
    "retrieval": "base with retrieval",
}
_METRICS = {
    "exact": "share of right answers",
    "slots": "F1 of keys and values",
    "text": "chrF of the texts",
    "grounded": "share of right answers and refusals",
}


def report(terminal: Terminal, found: Evaluation) -> None:
    """A table of the contenders, and the gate's word."""
    rows = []
    for name, title in _CONTENDERS.items():
        score = found.scores.get(name)  # type: ignore[call-overload]
        if score is None:
            continue
        margin = found.margins.get(name)  # type: ignore[call-overload]
        over = f"{margin.difference:+.3f} ({margin.low:+.3f} to {margin.high:+.3f})" if margin is not None else ""
        valid = f"{100 * score.valid:.0f} %" if score.valid is not None else ""
        interval = f"{score.low:.3f} to {score.high:.3f}"
        rows.append((title, f"{score.score:.3f}", interval, over, valid, f"{score.seconds:.2f}"))
    columns = ("", "score", "95 % interval", "specialist better by", "in form", "seconds")
    terminal.table(columns, rows, right=("score", "in form", "seconds"))
    off = "unchanged" if found.unchanged else "changed"
    shares = ", ".join(
        f"{state} {share:.2f}" for state, share in found.general.items() if state in ("base", "specialist")
    )
    minutes = f"{found.seconds / 60:.1f} minutes" if found.seconds >= 90 else f"{found.seconds:.0f} s"
    half = f" (with examples or retrieval on {found.fewest}, which was enough)" if found.fewest < found.examples else ""
    terminal.note(
        f"{_METRICS[found.metric]} on {found.examples} held-out examples{half} · "
        f"{found.general_examples} general questions: "
        f"{shares}; with the specialist off {off} · {minutes}"
    )
    from tools.specialist.versions import AGAINST

    if found.passed:
        terminal.say("Passed.", "bold green")
    else:
        terminal.say(f"Not passed: {'; '.join(AGAINST[code] for code in found.failed)}.", "bold yellow")


def figures(found: Evaluation | None) -> dict[str, Any] | None:
    """The figures as JSON; None for a version that was not examined."""
    return None if found is None else found.model_dump(mode="json", exclude={"base", "data"})


def summary(found: Evaluation | None) -> tuple[str, str]:
    """Score, and by how much it is better than the base, for a row of a table."""
    if found is None:
        return "", ""
    return f"{found.scores['specialist'].score:.3f}", f"{found.margins['base'].difference:+.3f}"
