from __future__ import annotations

import numpy as np
import pytest

from agent.classifier import Training, calibration_error, features, sequences, softmax, temperature


def clusters(seed: int = 0) -> tuple[np.ndarray, list[int]]:
    centres = np.eye(4, 8, dtype=np.float32)
    noise = np.random.default_rng(seed).normal(0, 0.05, (80, 8)).astype(np.float32)
    return np.repeat(centres, 20, axis=0) + noise, [c for c in range(4) for _ in range(20)]


def test_training_separates_what_is_separable() -> None:
    x, labels = clusters()
    training = Training(x, labels, [1.0] * 80, 4)
    weights = training.fit(1.0).weights
    assert (x @ weights[:-1] + weights[-1]).argmax(1).tolist() == labels
    assert training.validate().argmax(1).tolist() == labels


def test_training_minimises_its_loss() -> None:
    """At the minimum the gradient of the regularised loss is zero, checked from the weights, not from the dual."""
    x, labels = clusters()
    importance = np.linspace(1, 3, 80)
    weights = Training(x, labels, importance.tolist(), 4).fit(1.0).weights.astype(np.float64)
    truth = np.eye(4)[labels]
    total = (truth * importance[:, None]).sum(0)
    weight = importance / np.sqrt(total[labels])
    weight /= weight.sum()
    residual = weight[:, None] * (softmax(x @ weights[:-1] + weights[-1]) - truth)
    gradient = (x - x.mean(0)).T @ residual + 0.1 / 80 * weights[:-1]
    assert np.abs(gradient).max() < 2e-4
    assert np.abs(residual.sum(0)).max() < 2e-4


def test_an_important_question_outweighs_ordinary_ones() -> None:
    x = np.array([[1, 0], [1, 0.02], [1, -0.02], [0, 1], [0, 1.02], [1, 0.05]], np.float32)
    labels = [0, 0, 0, 1, 1, 1]

    def of_the_last(importance: float) -> float:
        weights = Training(x, labels, [1.0] * 5 + [importance], 2).fit(1.0).weights
        return float(softmax((x[-1] @ weights[:-1] + weights[-1]).astype(np.float64))[1])

    assert of_the_last(20) > of_the_last(1)


def test_sequences_are_the_same_however_the_letters_are_written() -> None:
    for one, other in (("ＡＢＣ　１２", "abc 12"), ("What  is\nthis", "what is this")):
        assert np.array_equal(sequences(one)[0], sequences(other)[0])
    assert not np.array_equal(sequences("abc")[0], sequences("abd")[0])
    assert np.linalg.norm(sequences("どちらが先？")[1]) == pytest.approx(0.8)
    assert len(sequences("")[0]) > 0
    long = sequences("x" * 100_000)
    assert np.array_equal(long[0], sequences("x" * 400)[0])


def test_features_put_both_beside_each_other() -> None:
    vectors = np.ones((2, 3), np.float32)
    x = features(vectors, ["one", "two"])
    assert (x[:, :3] == 1).all()
    buckets, amounts = sequences("two")
    assert x[1, 3 + buckets] == pytest.approx(amounts)
    assert np.count_nonzero(x[1, 3:]) == len(buckets)


def test_temperature_makes_overconfident_scores_honest() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 1.5, (4000, 3))
    labels = [int(rng.choice(3, p=p)) for p in softmax(truth)]
    assert temperature(truth, labels) == pytest.approx(1, rel=0.1)
    assert temperature(truth * 4, labels) == pytest.approx(4, rel=0.1)
    p = softmax(truth * 4)
    right = [bool(a == b) for a, b in zip(p.argmax(1), labels, strict=True)]
    fitted = softmax(truth * 4 / temperature(truth * 4, labels))
    assert calibration_error(fitted.max(1).tolist(), right) < 0.03 < calibration_error(p.max(1).tolist(), right)


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [
        ([], [], 0.0),
        ([1.0, 1.0], [True, True], 0.0),
        ([0.95] * 10, [True] * 5 + [False] * 5, 0.45),
        # one bin each: .2 off for half of them, .1 off for the other half
        ([0.7, 0.7, 0.4, 0.4], [True, False, True, False], 0.5 * 0.2 + 0.5 * 0.1),
        # within a bin too much and too little cancel out: the mean of the bin counts
        ([0.75, 0.75], [True, False], 0.25),
        ([0.5, 0.41], [True, False], 0.045),
    ],
)
def test_calibration_error(confidence: list[float], right: list[bool], error: float) -> None:
    assert calibration_error(confidence, right) == pytest.approx(error)


def test_a_bin_holds_its_upper_end() -> None:
    # .6 and .61 stand in different bins, .51 and .6 in the same
    assert calibration_error([0.6, 0.61], [True, False]) == pytest.approx((0.4 + 0.61) / 2)
    assert calibration_error([0.51, 0.6], [True, False]) == pytest.approx(0.11 / 2)
