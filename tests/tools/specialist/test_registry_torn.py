"""Killed at any moment: a specialist is as it was or as it is to be, and nothing of a training is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from specialist_parts import added, an_adapter, weights

from tests.tools.nursery import Nursery
from tools.specialist.registry import Registry
from tools.specialist.versions import state

ROOT = Path(__file__).resolve().parents[3]
PARTS = Path(__file__).parent
KILLS = 25

NURSERY = """
    # Everything is loaded once; each line asks for a child that does the work, and that dies before the n-th time that
    # it touches a name in the folder, or that may be killed from outside.
    import os, random, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from specialist_parts import a_card, a_split, added, an_adapter, an_evaluation
    from tools.specialist.registry import Registry

    TOUCHES = {"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "shutil.rmtree"}

    def die_before(n, folder):
        seen = 0
        def hook(event, arguments):
            nonlocal seen
            if event in TOUCHES and arguments and str(arguments[0]).startswith(folder):
                seen += 1
                if seen == n:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)

    def act(do, root):
        registry = Registry(root / "specialists")
        if do == "add":
            registry.add(a_card(), root / "work.gguf", a_split("new"))
        elif do == "record":
            registry.record("banking", 1, an_evaluation(passed=False, failed=("forgets",)))
        elif do == "promote":
            registry.promote("banking", 2, unproven=True)
        elif do == "rollback":
            registry.rollback("banking")
        elif do == "remove":
            registry.remove("banking", 2)
        elif do == "remove all":
            registry.remove("banking")
        elif do == "take in":
            registry.take_in(root / "export.zip")
        else:
            draw = random.Random(int(do))
            while True:
                step = draw.choice(["add", "record", "promote", "rollback", "remove"])
                if step == "add":
                    added(registry, root, mark=draw.random())
                    continue
                try:
                    numbers = [v.number for v in registry.get("banking").versions]
                    pick = draw.choice(numbers)
                    if step == "record": registry.record("banking", pick, an_evaluation())
                    elif step == "promote": registry.promote("banking", pick, unproven=True)
                    elif step == "rollback": registry.rollback("banking")
                    elif len(numbers) > 3: registry.remove("banking", pick)
                except Exception as error:
                    assert getattr(error, "reason", "") in ("unknown", "promoted"), error

    print("ready", flush=True)
    for line in sys.stdin:
        do, root, n = line.rstrip("\\n").split("\\t")
        child = os.fork()
        if child == 0:
            if int(n):
                die_before(int(n), root)
            act(do, Path(root))
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery(NURSERY, PARTS, ROOT)
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 is promoted, version 2 is there, a third has just been trained, an export lies beside."""
    root = tmp_path_factory.mktemp("before")
    registry = Registry(root / "specialists")
    registry.promote("banking", added(registry, root, proven=True).number)
    added(registry, root, mark=2.0)
    added(registry, root, "other", mark=3.0)
    registry.export("banking", 1, root / "export.zip", data=True)
    an_adapter(root, 4.0).rename(root / "work.gguf")
    return root


def content(root: Path) -> dict[str, Any]:
    """All of it, as far as it can be met; every version must be whole."""
    registry = Registry(root / "specialists")
    found: dict[str, Any] = {}
    for one in registry.all():
        folder = registry.folder / one.name
        there = {int(p.name) for p in (folder / "versions").iterdir() if not p.name.startswith(".")}
        assert there == {v.number for v in one.versions}, "a version cannot be read"
        kept = state(folder)
        assert kept.version == one.promoted
        assert kept.last >= max(there)
        found[one.name] = {
            "promoted": (one.promoted, kept.before, [(e.how, e.version) for e in kept.history]),
            **{
                str(v.number): (
                    v.card,
                    v.adapter.read_bytes() if v.adapter else b"",
                    v.evaluation,
                    registry.split_of(one.name, v.number),
                )
                for v in one.versions
            },
        }
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("do", ["add", "record", "promote", "rollback", "remove", "remove all", "take in"])
def test_killed_before_every_single_step(nursery: Nursery, before: Path, tmp_path: Path, do: str) -> None:
    def fresh(name: str) -> Path:
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        return Path(shutil.copytree(before, tmp_path / name))

    old = content(before)
    after = fresh("after")
    assert nursery.run(do, after, 0) == 0
    new = content(after)
    assert new != old
    met = []
    n = 0
    while True:
        n += 1
        root = fresh("killed")
        code = nursery.run(do, root, n)
        found = content(root)
        assert found in (old, new), n
        met.append(found == new)
        if do == "add" and found == old:
            assert (root / "work.gguf").read_bytes() == weights(4.0), "the training is lost"
        if code == 0:
            break
        assert code == -signal.SIGKILL
        if do == "add" and found == old:  # done again, it succeeds, and nothing is left over
            assert nursery.run(do, root, 0) == 0
            assert content(root).keys() == new.keys()
            assert not list((root / "specialists").rglob(".new-*"))
    assert n > 3, "the steps were not counted"
    assert met[0] is False
    assert met == sorted(met), "once it is done it stays done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_killed_at_random_moments_of_all_kinds_of_changes(nursery: Nursery, before: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(before, tmp_path / "busy"))
    draw = random.Random(5)
    seen = set()
    for seed in range(KILLS):
        assert nursery.run(seed, root, 0, kill_after=draw.uniform(0.02, 0.3)) == -signal.SIGKILL
        found = content(root)
        assert found["other"] == content(before)["other"]
        seen.add(str(found["banking"].keys()) + str(found["banking"]["promoted"]))
    assert len(seen) > KILLS // 2, "nothing happened between the kills"
