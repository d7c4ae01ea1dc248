from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.specialist.train.packing import Row, bundles, pack, steps

TOKENS = st.lists(st.integers(1, 3), min_size=1, max_size=5).map(tuple)
ROWS = st.lists(st.builds(Row, TOKENS, TOKENS), min_size=1, max_size=12)


@given(ROWS)
def test_every_row_sees_itself_and_nothing_else(rows: list[Row]) -> None:
    packed = pack(rows)
    seen = packed.visible()
    paths = {tuple(packed.ids[seen[last]]) for last in range(len(packed.ids))}
    assert {row.ids for row in rows} <= paths
    for last in range(len(packed.ids)):
        path = np.flatnonzero(seen[last])
        assert list(packed.position[path]) == list(range(len(path)))
        assert any(row.ids[: len(path)] == tuple(packed.ids[path]) for row in rows)


@given(ROWS)
def test_every_token_of_every_answer_is_learned_once(rows: list[Row]) -> None:
    packed = pack(rows)
    seen = packed.visible()
    learned: dict[tuple[int, ...], float] = {}
    for at, target, weight in zip(packed.at, packed.target, packed.weight, strict=True):
        learned[(*packed.ids[seen[at]], target)] = weight
    wanted: dict[tuple[int, ...], float] = {}
    for row in rows:
        for end in range(len(row.prompt), len(row.ids)):
            wanted[row.ids[: end + 1]] = wanted.get(row.ids[: end + 1], 0) + 1
    assert learned == wanted


def test_what_rows_begin_with_stands_once() -> None:
    rows = [Row((1,) * 50 + (n,), (n, 2)) for n in range(10, 20)]
    assert len(pack(rows).ids) == 50 + 10 * 3
    assert pack(rows).alone == 10 * 53


@given(ROWS, st.integers(1, 5), st.integers(8, 40), st.integers(0, 3))
def test_an_epoch_has_every_row_once_and_depends_on_the_seed_alone(
    rows: list[Row], batch: int, longest: int, seed: int
) -> None:
    epoch = list(steps(rows, batch=batch, longest=longest, seed=seed))
    again = list(steps(rows, batch=batch, longest=longest, seed=seed))
    assert sum(p.rows for step in epoch for p in step) == len(rows)
    assert [[p.ids.tolist() for p in step] for step in epoch] == [[p.ids.tolist() for p in step] for step in again]
    for step in epoch:
        assert all(len(p.ids) <= max(longest, *(len(row.ids) for row in rows)) for p in step)


def test_rows_over_the_same_passages_stay_together() -> None:
    passages = [tuple(range(100 * n, 100 * n + 60)) for n in range(1, 4)]
    rows = [Row((1, 2, *p, 7, q), (9,)) for p in passages for q in range(5)]
    groups = bundles(rows, longest=500, most=8)
    assert [len(g) for g in groups] == [5, 5, 5]
    assert all(len({row.prompt[2] for row in g}) == 1 for g in groups)
    assert [len(g) for g in bundles(rows, longest=500, most=3)] == [3, 2, 3, 2, 3, 2]
    assert max(len(pack(g).ids) for g in bundles(rows, longest=70, most=8)) <= 70


@pytest.mark.parametrize("block", [4, 256])
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_a_packed_row_has_the_loss_and_the_gradient_that_it_has_alone(
    kind: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    from tools.specialist.train import attention
    from tools.specialist.train.base import Base
    from tools.specialist.train.learner import learn, measure

    monkeypatch.setattr(attention, "_BLOCK", block)
    torch.manual_seed(1)
    config = AutoConfig.for_model(
        kind,
        vocab_size=40,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    base = Base(AutoModelForCausalLM.from_config(config, attn_implementation=attention.NAME), None, torch.float32)
    rng = np.random.default_rng(2)

    def some(n: int) -> tuple[int, ...]:
        return tuple(int(x) for x in rng.integers(1, 40, n))

    start, passage = some(6), some(9)
    rows = [Row(start + passage + some(3), some(2)) for _ in range(3)] + [Row(start + some(4), some(n)) for n in (1, 5)]
    rows.append(rows[0])  # the same example twice counts twice
    weight = base.model.model.layers[0].self_attn.q_proj.weight

    def measured(packs: list[list[Row]]) -> tuple[float, torch.Tensor]:
        weight.grad = None
        total = sum(learn(base, pack(group), 0.5) for group in packs)
        assert total == pytest.approx(sum(measure(base, pack(group)) for group in packs), rel=1e-5)
        return total, weight.grad.clone()

    together, gradient = measured([rows])
    alone, wanted = measured([[row] for row in rows])
    assert together == pytest.approx(alone, rel=1e-5)
    assert torch.allclose(gradient, wanted, rtol=1e-3, atol=1e-5)
    # and a wrong mask would be noticed
    base.model.set_attn_implementation("sdpa")
    plain = base.model(torch.tensor([rows[0].ids]), labels=torch.tensor([[-100] * 18 + list(rows[0].answer)]))
    base.model.set_attn_implementation(attention.NAME)
    assert measure(base, pack(rows[:1])) == pytest.approx(plain.loss.item() * 2, rel=1e-5)


@settings(max_examples=30)
@given(ROWS)
def test_bundles_keep_every_row(rows: list[Row]) -> None:
    kept = [row for group in bundles(rows, longest=12, most=3) for row in group]
    assert sorted(r.ids for r in kept) == sorted(r.ids for r in rows)


def test_the_loss_is_taken_in_parts_and_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    from tools.specialist.train import attention, learner
    from tools.specialist.train.base import Base

    torch.manual_seed(2)
    config = AutoConfig.for_model(
        "llama", vocab_size=20, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    base = Base(AutoModelForCausalLM.from_config(config, attn_implementation=attention.NAME), None, torch.float32)
    packed = pack([Row((1, 2), tuple(range(3, 12))), Row((1, 5), (6, 7))])
    weight = base.model.model.layers[0].mlp.up_proj.weight
    found = []
    for at_once in (100, 2):
        monkeypatch.setattr(learner, "_AT_ONCE", at_once)
        weight.grad = None
        found.append((learner.learn(base, packed, 1.0), weight.grad))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-5)
