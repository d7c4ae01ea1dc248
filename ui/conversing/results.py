"""What came of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ui.conversing.script import Expect
    from ui.conversing.targets import Played


@dataclass(frozen=True)
class Difference:
    """One expectation that was not met, both sides in words."""

    what: str
    expected: str
    got: str


@dataclass(frozen=True)
class TurnResult:
    """A turn as it was played, and where it differs."""

    user: str
    expect: Expect
    played: Played
    differences: tuple[Difference, ...]
    unseen: tuple[str, ...] = ()
    """Expectations on what the target cannot see. They were not checked."""
    remarks: tuple[str, ...] = ()
    """What is worth a look and no difference, such as a turn that took longer than was hoped."""
    said: tuple[tuple[str, str], ...] = ()
    """In a scripted run, the end of each prompt and the line that answered it."""
    thread: str = "main"

    @property
    def ok(self) -> bool:
        return not self.differences


@dataclass(frozen=True)
class ConversationResult:
    """What came of a script. `live`: a real model answered."""

    name: str
    live: bool
    turns: tuple[TurnResult, ...]
    target: str = "graph"
    outcome: tuple[Difference, ...] = ()
    """What the whole conversation failed in, beside its turns: the success that a simulated user did not have."""
    judged: str = ""
    """Why the model found that a simulated user had success, or had not."""
    skipped: str = ""
    """Why it was not played."""

    @property
    def ok(self) -> bool:
        return all(turn.ok for turn in self.turns) and not self.outcome

    @property
    def seconds(self) -> float:
        return sum(turn.played.seconds for turn in self.turns)

    @property
    def unseen(self) -> tuple[str, ...]:
        """What of all turns could not be checked on this target, each once."""
        return tuple(dict.fromkeys(what for turn in self.turns for what in turn.unseen))

    def as_json(self) -> dict[str, Any]:
        """The object that `kotae converse --json` prints for a script."""
        return {
            "name": self.name,
            "target": self.target,
            "live": self.live,
            "ok": self.ok,
            "skipped": self.skipped,
            "differences": [asdict(d) for d in self.outcome],
            "judged": self.judged,
            "turns": [
                {
                    "user": turn.user,
                    "thread": turn.thread,
                    "ok": turn.ok,
                    "expect": turn.expect.model_dump(exclude_none=True),
                    "differences": [asdict(d) for d in turn.differences],
                    "unseen": list(turn.unseen),
                    "remarks": list(turn.remarks),
                    "played": turn.played.as_json(),
                }
                for turn in self.turns
            ],
        }


def summary(results: Sequence[ConversationResult]) -> tuple[int, int]:
    """How many conversations and how many turns differ."""
    return sum(not r.ok for r in results), sum(not t.ok for r in results for t in r.turns)


def explained(result: ConversationResult) -> str:
    """Where a conversation differs, as plain text: what was asked, what was expected, what came."""
    lines = []
    for n, turn in enumerate(result.turns, 1):
        if not turn.ok:
            lines.append(f"turn {n} of {len(result.turns)}: {turn.user[:500]}")
            for difference in turn.differences:
                lines += _both(difference)
            if turn.played.text:
                lines.append(f"  answer: {turn.played.text}")
    for difference in result.outcome:
        lines += ["the whole conversation:", *_both(difference)]
    return "\n".join(lines)


def _both(difference: Difference) -> list[str]:
    return [
        f"  {difference.what}",
        f"    expected: {difference.expected}",
        f"    came:     {difference.got}",
    ]
