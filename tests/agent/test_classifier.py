from __future__ import annotations

import numpy as np
import pytest

from agent.classifier import Training, calibration_error, features, sequences, softmax, temperature


def clusters(seed: int = 0) -> tuple[np.ndarray, list[int]]:
    centres = np.eye(4, 8, dtype=np.float32)
    noise = np.random.default_rng(seed).normal(0, 0.05, (80, 8)).astype(np.float32)
    return np.repeat(centres, 20, axis=0) + noise, [c for c in range(4) for _ in range(20)]


def trained(x: np.ndarray, labels: list[int], importance: list[float], classes: int) -> Training:
    return Training(x, [""] * len(x), labels, importance, classes)


def test_training_separates_what_is_separable() -> None:
    x, labels = clusters()
    training = trained(x, labels, [1.0] * 80, 4)
    classifier = training.fit(1.0)
    assert [int(classifier.probabilities(vector, "").argmax()) for vector in x] == labels
    assert training.validate().argmax(1).tolist() == labels


def test_kinds_that_no_plane_parts_are_told_apart() -> None:
    """Two kinds of one route lie opposite to each other, with the other route between them on every line."""
    around = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x = np.stack([np.cos(around), np.sin(around)], 1).astype(np.float32)
    labels = [int(abs(c) > abs(s)) for c, s in x]
    classifier = trained(x, labels, [1.0] * 48, 2).fit(1.0)
    right = [
        int(classifier.probabilities(vector, "").argmax()) == label for vector, label in zip(x, labels, strict=True)
    ]
    assert sum(right) >= 44


def test_the_letters_decide_where_the_embedding_does_not() -> None:
    texts = ["what is the weight of it", "what is the width of it", "and hello there", "and hello to you"]
    classifier = Training(np.ones((4, 3), np.float32), texts, [0, 0, 1, 1], [1.0] * 4, 2).fit(1.0)
    assert [int(classifier.probabilities(np.ones(3, np.float32), text).argmax()) for text in texts] == [0, 0, 1, 1]
    assert int(classifier.probabilities(np.ones(3, np.float32), "what is the length of it").argmax()) == 0


def test_training_ends_at_the_minimum_of_its_loss() -> None:
    """There the gradient is zero: each share is minus the weighted residual of its question over the penalty."""
    x, labels = clusters()
    importance = np.linspace(1, 3, 80)
    classifier = trained(x, labels, importance.tolist(), 4).fit(1.0)
    truth = np.eye(4)[labels]
    weight = importance / np.sqrt((truth * importance[:, None]).sum(0)[labels])
    weight /= weight.sum()
    p = np.stack([classifier.probabilities(vector, "") for vector in x])
    residual = weight[:, None] * (p - truth)
    assert np.abs(residual + 0.1 / 80 * classifier.shares).max() < 2e-4
    assert np.abs(residual.sum(0)).max() < 2e-4


def test_an_important_question_outweighs_ordinary_ones() -> None:
    x = np.array([[1, 0], [1, 0.02], [1, -0.02], [0, 1], [0, 1.02], [1, 0.05]], np.float32)
    labels = [0, 0, 0, 1, 1, 1]

    def of_the_last(importance: float) -> float:
        return float(trained(x, labels, [1.0] * 5 + [importance], 2).fit(1.0).probabilities(x[-1], "")[1])

    assert of_the_last(20) > of_the_last(1) + 0.1


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
