from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from specialist_parts import a_card, a_split, added, an_adapter, an_evaluation, weights

from tools.specialist import keeping
from tools.specialist.card import load
from tools.specialist.errors import SpecialistError
from tools.specialist.registry import Registry

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "data" / "specialists")


def refused(reason: str, says: str = "") -> pytest.RaisesExc[SpecialistError]:
    def fits(error: SpecialistError) -> bool:
        return error.reason == reason and says in str(error) and "\n" not in str(error)

    return pytest.RaisesExc(SpecialistError, check=fits)


def test_nothing_is_made_before_something_is_kept(registry: Registry) -> None:
    assert registry.all() == ()
    assert registry.stamp() == registry.stamp()
    with refused("unknown", "There is no specialist banking; there are none yet"):
        registry.get("banking")
    assert not registry.folder.exists()


def test_a_training_becomes_a_version_with_all_that_belongs_to_it(registry: Registry, tmp_path: Path) -> None:
    version = registry.add(a_card(), an_adapter(tmp_path), a_split())
    assert (version.number, version.evaluation, version.folder) == (1, None, registry.folder / "banking/versions/1")
    assert version.adapter is not None
    assert version.adapter.read_bytes() == weights()
    assert load(version.folder) == version.card == a_card()
    assert registry.split_of("banking", 1) == a_split()
    assert sorted(p.name for p in version.folder.iterdir()) == ["adapter.gguf", "card.yaml", "data"]
    one = registry.get("banking")
    assert (one.name, one.promoted, one.versions, one.current, one.latest) == (
        "banking",
        None,
        (version,),
        None,
        version,
    )
    assert registry.all() == (one,)


def test_the_adapter_is_moved_and_not_copied_on_one_disk(registry: Registry, tmp_path: Path) -> None:
    file = an_adapter(tmp_path)
    inode = file.stat().st_ino
    version = registry.add(a_card(), file, None)
    assert version.adapter is not None
    assert version.adapter.stat().st_ino == inode
    assert not file.exists()


def test_from_another_disk_the_adapter_is_copied(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", other_disk)
    version = registry.add(a_card(), an_adapter(tmp_path), None)
    assert version.adapter is not None
    assert version.adapter.read_bytes() == weights()


def test_few_shot_has_no_adapter_and_may_have_no_data(registry: Registry) -> None:
    version = registry.add(a_card(adapter=""), None, None)
    assert version.adapter is None
    with refused("data", "keeps no examples"):
        registry.split_of("banking", 1)


def test_card_and_adapter_must_belong_together(registry: Registry, tmp_path: Path) -> None:
    for card, file in ((a_card(), None), (a_card(adapter=""), an_adapter(tmp_path))):
        with refused("card", "do not belong together"):
            registry.add(card, file, None)
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(weights()[:-1])
    with refused("card", "torn.gguf cannot be used as an adapter: it is cut off"):
        registry.add(a_card(), torn, None)
    with refused("card", "cannot be read"):
        registry.add(a_card(), tmp_path / "missing.gguf", None)
    assert registry.all() == ()
    assert torn.exists()


def test_only_what_is_proven_is_promoted(registry: Registry, tmp_path: Path) -> None:
    added(registry, tmp_path)
    with refused("not_proven", "Version 1 of banking is not proven: it was not examined here"):
        registry.promote("banking", 1)
    registry.record("banking", 1, an_evaluation(passed=False, failed=("not_better_than_base", "forgets")))
    with refused("not_proven", "not surely better than its base model, and it answers general questions worse"):
        registry.promote("banking", 1)
    registry.record("banking", 1, an_evaluation(base="c" * 64))
    with refused("not_proven", "on another base model"):
        registry.promote("banking", 1)
    assert registry.get("banking").promoted is None
    registry.record("banking", 1, an_evaluation())
    assert registry.promote("banking", 1).promoted == 1
    assert registry.get("banking").current == registry.version("banking")


def test_what_is_not_proven_may_be_promoted_on_purpose_and_that_is_noted(registry: Registry, tmp_path: Path) -> None:
    added(registry, tmp_path)
    assert registry.promote("banking", 1, unproven=True).promoted == 1
    assert [(event.how, event.version) for event in registry.history("banking")] == [("unproven", 1)]


def test_a_rollback_leads_to_what_was_before_and_to_nothing_at_last(registry: Registry, tmp_path: Path) -> None:
    for mark in (1.0, 2.0, 3.0):
        number = added(registry, tmp_path, mark=mark, proven=True).number
        registry.promote("banking", number)
        registry.promote("banking", number)
    assert [registry.rollback("banking").promoted for _ in range(3)] == [2, 1, None]
    with refused("unknown", "nothing to go back to"):
        registry.rollback("banking")
    assert [(e.how, e.version) for e in registry.history("banking")] == [
        ("promoted", 1), ("promoted", 2), ("promoted", 3),
        ("rolled_back", 2), ("rolled_back", 1), ("rolled_back", None),
    ]  # fmt: skip


def test_retiring_can_be_taken_back(registry: Registry, tmp_path: Path) -> None:
    added(registry, tmp_path, proven=True)
    registry.promote("banking", 1)
    assert registry.retire("banking").promoted is None
    assert registry.retire("banking").promoted is None
    assert registry.rollback("banking").promoted == 1


def test_a_rollback_passes_over_what_was_removed(registry: Registry, tmp_path: Path) -> None:
    for mark in (1.0, 2.0, 3.0):
        registry.promote("banking", added(registry, tmp_path, mark=mark, proven=True).number)
    registry.remove("banking", 2)
    assert registry.rollback("banking").promoted == 1


def test_a_promoted_version_is_removed_only_with_the_whole(registry: Registry, tmp_path: Path) -> None:
    registry.promote("banking", added(registry, tmp_path, proven=True).number)
    added(registry, tmp_path, mark=2.0)
    with refused("promoted", "roll back or retire it first"):
        registry.remove("banking", 1)
    registry.remove("banking", 2)
    assert [v.number for v in registry.get("banking").versions] == [1]
    registry.work("banking")
    registry.remove("banking")
    assert registry.all() == ()
    assert [p.name for p in registry.folder.iterdir()] == [".locks"]
    for number in (None, 1):
        with refused("unknown"):
            registry.remove("banking", number)


def test_no_number_is_given_twice(registry: Registry, tmp_path: Path) -> None:
    for mark in (1.0, 2.0):
        added(registry, tmp_path, mark=mark)
    registry.remove("banking", 2)
    registry.remove("banking", 1)
    assert registry.all() == ()
    assert added(registry, tmp_path).number == 3


def test_unknown_names_and_numbers(registry: Registry, tmp_path: Path) -> None:
    added(registry, tmp_path)
    with refused("unknown", "There is no specialist card; there are banking."):
        registry.get("card")
    for number in (0, 2, -1):
        with refused("unknown", f"no version {number}; there are 1."):
            registry.version("banking", number)
    with refused("unknown"):
        registry.record("banking", 2, an_evaluation())


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "A", "a\n", "x" * 65, "/etc", "-a", "a-", "名前", "a\0"]
)
def test_no_other_name_leads_anywhere(registry: Registry, tmp_path: Path, name: str) -> None:
    added(registry, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for act in (registry.get, registry.rollback, registry.retire, registry.remove, registry.work, registry.history):
        with refused("unknown", "has a name of small letters"):
            act(name)
    with refused("unknown"):
        registry.promote(name, 1)
    with refused("unknown"), registry.training(name):
        raise AssertionError
    with refused("unknown"):
        registry.take_in(tmp_path / "x.zip", name=name or "..")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_cannot_be_read_is_passed_over_and_counts_as_nothing(registry: Registry, tmp_path: Path) -> None:
    for mark in (1.0, 2.0):
        added(registry, tmp_path, mark=mark, proven=True)
    added(registry, tmp_path, "honorific", proven=True)
    registry.promote("banking", 2)
    registry.promote("honorific", 1)
    folder = registry.folder / "banking"
    (folder / "versions/2/card.yaml").write_text("{")
    assert registry.get("banking").promoted is None
    assert [v.number for v in registry.get("banking").versions] == [1]
    (folder / "versions/1/evaluation.json").write_text("{}")
    assert registry.version("banking", 1).evaluation is None
    (folder / "versions/1/adapter.gguf").unlink()
    assert [one.name for one in registry.all()] == ["honorific"]
    (registry.folder / "honorific/promoted.json").write_bytes(b"\xff")
    assert registry.get("honorific").promoted is None
    (registry.folder / "honorific/versions/1/data/test.jsonl").write_text("[]\n")
    with refused("data", "damaged"):
        registry.split_of("honorific", 1)
    shutil.copytree(registry.folder / "honorific", registry.folder / "other")
    assert [one.name for one in registry.all()] == ["honorific"]


def test_the_stamp_changes_with_what_is_in_use_whoever_changes_it(registry: Registry, tmp_path: Path) -> None:
    added(registry, tmp_path, proven=True)
    seen = [registry.stamp()]
    assert registry.stamp() == seen[0]
    code = "import sys; from pathlib import Path; from tools.specialist.registry import Registry;"
    other = f"{code} Registry(Path(sys.argv[1])).promote('banking', 1)"
    subprocess.run(
        [sys.executable, "-c", other, registry.folder], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    for act in (lambda: None, lambda: registry.rollback("banking"), lambda: registry.remove("banking")):
        act()
        assert registry.stamp() not in seen
        seen.append(registry.stamp())


HOLDER = """
import sys
from pathlib import Path
from tools.specialist.registry import Registry
with Registry(Path(sys.argv[1])).training("banking"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_name_is_trained_by_one_program_at_a_time_and_free_when_that_dies(registry: Registry) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, registry.folder],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with refused("busy", "banking is being trained"), registry.training("banking"):
        raise AssertionError
    with registry.training("other"):
        pass
    with refused("busy"):
        registry.remove("banking")
    other.kill()
    other.wait()
    with registry.training("banking"), refused("busy"), registry.training("banking"):
        raise AssertionError
    with registry.training("banking"):
        pass


def test_versions_that_are_added_at_once_all_get_a_number(registry: Registry, tmp_path: Path) -> None:
    def add(mark: int) -> None:
        added(registry, tmp_path, mark=mark)

    threads = [threading.Thread(target=add, args=(mark,)) for mark in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = registry.get("banking").versions
    assert [v.number for v in versions] == list(range(1, 9))
    found = {v.adapter.read_bytes() for v in versions if v.adapter is not None}
    assert found == {weights(mark) for mark in range(1, 9)}


def test_a_full_disk_leaves_what_there_was(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.promote("banking", added(registry, tmp_path, proven=True).number)
    before = registry.get("banking")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = an_adapter(tmp_path, 2.0)
    with monkeypatch.context() as disk:
        disk.setattr(keeping.os, "fsync", full)
        for act in (
            lambda: registry.add(a_card(), file, a_split()),
            lambda: registry.record("banking", 1, an_evaluation(passed=False)),
            lambda: registry.rollback("banking"),
        ):
            with refused("failed", "No space left on device"):
                act()
    assert registry.get("banking") == before
    assert file.read_bytes() == weights(2.0)
    assert sorted(p.name for p in (registry.folder / "banking").rglob(".*")) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "specialists").write_text("a file")
    registry = Registry(tmp_path / "specialists")
    assert registry.all() == ()
    assert registry.stamp()
    with refused("failed", "cannot be written"):
        registry.add(a_card(adapter=""), None, None)
    with refused("failed"):
        registry.work("banking")
