"""Trees as arrays: how they are read, SER and STRUT by their definitions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, norm
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sktransfer._kernels.trees import (
    Tree,
    _hellinger,
    average_of,
    choose_threshold,
    choose_thresholds,
    expand_and_reduce,
    leaves_of,
    read_tree,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4)).astype(np.float32)
NUMBERS = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2]
CLASSES = np.digitize(NUMBERS, [-0.5, 0.5])
CODES = np.eye(3)[CLASSES]
WEIGHT = RNG.integers(1, 4, size=80).astype(float)


def tree_of(model):
    return read_tree(model.tree_, model.tree_.value[:, 0, :])


def grown_tree(X, y, weight, **params):
    kind = DecisionTreeClassifier if y.dtype.kind == "i" else DecisionTreeRegressor
    return tree_of(kind(random_state=0, **params).fit(X, y, sample_weight=weight))


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
def test_a_forest_says_the_same_as_its_trees_in_arrays(kind):
    y = CLASSES if kind is RandomForestClassifier else NUMBERS
    forest = kind(10, random_state=0).fit(X, y)
    rows = RNG.normal(size=(300, 4)).astype(np.float32)
    said = average_of([tree_of(tree) for tree in forest.estimators_], rows)
    if kind is RandomForestClassifier:
        assert_allclose(said, forest.predict_proba(rows))
    else:
        assert_allclose(said[:, 0], forest.predict(rows))
    assert_array_equal(leaves_of(tree_of(forest[0]), rows), forest[0].apply(rows))


def test_the_spread_of_a_grown_tree_is_the_variance_of_its_nodes():
    model = DecisionTreeRegressor(random_state=0).fit(X, NUMBERS, sample_weight=WEIGHT)
    assert_allclose(tree_of(model).spread, model.tree_.impurity, atol=1e-12)


def test_a_tree_of_one_leaf_says_it_everywhere():
    tree = grown_tree(X, np.ones(80), WEIGHT)
    assert len(tree.left) == 1
    assert_array_equal(average_of([tree], X), np.ones((80, 1)))


def slow_threshold(values, codes, weight, sides):
    """STRUT's threshold of classes, by one split after the other."""
    cuts = np.unique(values)
    cuts = (cuts[:-1].astype(float) + cuts[1:]) / 2
    whole, found = entropy(weight @ codes, base=2), []
    for cut in cuts:
        parts = [values <= cut, values > cut]
        shares = [weight[part].sum() / weight.sum() for part in parts]
        counts = [weight[part] @ codes[part] for part in parts]
        gain = whole - sum(s * entropy(c, base=2) for s, c in zip(shares, counts, strict=True))
        divergence = [
            1
            - sum(
                s * jensenshannon(c, q, base=2) ** 2
                for s, c, q in zip(shares, counts, order, strict=True)
            )
            for order in (sides, sides[::-1])
        ]
        found.append((gain, max(divergence), divergence[1] > divergence[0]))
    gains = [0, *(gain for gain, _, _ in found), 0]
    peaks = [k for k in range(len(cuts)) if gains[k + 1] >= max(gains[k], gains[k + 2])]
    best = max(peaks, key=lambda k: found[k][1])
    return cuts[best], found[best][2]


@pytest.mark.parametrize("seed", range(8))
def test_a_threshold_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=30).round(1).astype(np.float32)
    codes = np.eye(3)[rng.integers(3, size=30)]
    sides = rng.dirichlet(np.ones(3), size=2)
    nodes = np.vstack([sides.mean(axis=0), sides])
    leaf = np.array([-1, -1])
    source = Tree(np.r_[1, leaf], np.r_[2, leaf], np.r_[0, leaf], np.zeros(3), nodes, np.zeros(3))
    found = choose_threshold(source, 0, values, codes, WEIGHT[:30])
    expected = slow_threshold(values, codes, WEIGHT[:30], list(sides))
    assert_allclose(found[0], expected[0])
    assert found[1] == expected[1]


def test_the_distance_of_normal_distributions_is_half_the_integral_of_squares():
    grid = np.linspace(-30, 30, 20001)
    for mean, variance in ((0.0, 1.0), (0.7, 0.2), (-1.0, 3.0)):
        roots = [np.sqrt(norm.pdf(grid, m, v**0.5)) for m, v in ((mean, variance), (0.2, 0.5))]
        expected = np.trapezoid((roots[0] - roots[1]) ** 2, grid) / 2
        found = _hellinger(np.array([[mean, variance]]), np.array([0.2, 0.5]))
        assert_allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("numbers", [CODES, NUMBERS[:, None]], ids=["classes", "numbers"])
def test_rows_of_the_source_leave_its_thresholds(numbers):
    """Each is the best split of its feature and diverges by nothing, so that nothing gains more."""
    labels = CLASSES if numbers.shape[1] > 1 else NUMBERS
    params = {"criterion": "entropy"} if numbers.shape[1] > 1 else {}
    source = grown_tree(X, labels, WEIGHT, **params)
    tree = choose_thresholds(source, X, numbers, WEIGHT)
    assert_array_equal(np.sort(tree.feature), np.sort(source.feature))
    assert_allclose(np.sort(tree.threshold), np.sort(source.threshold))
    rows = RNG.normal(size=(300, 4)).astype(np.float32)
    assert_allclose(average_of([tree], rows), average_of([source], rows), atol=1e-12)


def test_rows_of_opposite_values_turn_every_node():
    source = grown_tree(X, CLASSES, WEIGHT, criterion="entropy")
    tree = choose_thresholds(source, -X, CODES, WEIGHT)
    rows = RNG.normal(size=(300, 4)).astype(np.float32)
    assert_allclose(average_of([tree], -rows), average_of([source], rows))


def test_a_drift_of_values_and_a_gain_of_numbers_are_followed():
    source = grown_tree(X, NUMBERS, WEIGHT)
    moved = (2 * X + 1).astype(np.float32)
    tree = choose_thresholds(source, moved, 5 + 3 * NUMBERS[:, None], WEIGHT)
    rows = RNG.normal(size=(300, 4)).astype(np.float32)
    said = average_of([tree], 2 * rows + 1)
    assert_allclose(said, 5 + 3 * average_of([source], rows), atol=1e-5)


def stump():
    """A source that splits at 0 and again at -1; its leaves are of the first class, then second."""
    return Tree(
        left=np.array([1, 2, -1, -1, -1]),
        right=np.array([4, 3, -1, -1, -1]),
        feature=np.array([0, 0, -2, -2, -2]),
        threshold=np.array([0.0, -1.0, -2.0, -2.0, -2.0]),
        values=np.array([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0], [0.8, 0.2], [0.0, 1.0]]),
        spread=np.zeros(5),
    )


def expanded(values, classes, grow=None):
    values = np.array(values, dtype=np.float32)[:, None]
    codes, weight = np.eye(2)[classes], np.ones(len(classes))
    tree = expand_and_reduce(stump(), values, codes, weight, grow=grow)
    return tree


def test_a_subtree_that_helps_no_row_is_cut():
    """Rows of one class left of 0: the split at -1 makes no error fewer."""
    tree = expanded([-2.0, -0.5, 1.0, 2.0], [0, 0, 1, 1])
    assert_allclose(tree.threshold[tree.left >= 0], [0.0])
    assert_array_equal(average_of([tree], np.array([[-9.0], [9.0]], dtype=np.float32)), np.eye(2))


def test_a_subtree_that_no_row_reaches_keeps_the_shares_of_the_source():
    tree = expanded([-2.0, -0.5], [1, 0])
    assert_allclose(tree.threshold[tree.left >= 0], [0.0, -1.0])
    said = average_of([tree], np.array([[-2.0], [-0.5], [3.0]], dtype=np.float32))
    assert_array_equal(said, [[0, 1], [1, 0], [0, 1]])
    right = expanded([1.0, 2.0, 3.0], [1, 0, 1], grow=lambda rows: leaf_of([1 / 3, 2 / 3]))
    assert len(right.left) == 1  # one error with the subtree, and one as a leaf


def leaf_of(value):
    nothing = np.array([-1])
    return Tree(nothing, nothing, nothing, np.zeros(1), np.array([value]), np.zeros(1))


def test_a_leaf_of_two_classes_grows():
    seen = []

    def grow(rows):
        seen.append(rows.tolist())
        return grown_tree(np.array([[1.0], [2.0], [3.0]]), np.array([1, 0, 1]), None)

    tree = expanded([-2.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], grow=grow)
    assert seen == [[1, 2, 3]]
    rows = np.array([[-2.0], [1.0], [2.0], [3.0]], dtype=np.float32)
    assert_array_equal(average_of([tree], rows).argmax(axis=1), [0, 1, 0, 1])


@pytest.mark.parametrize("numbers", [CODES, NUMBERS[:, None]], ids=["classes", "numbers"])
def test_rows_of_the_source_leave_what_it_says_of_them(numbers):
    labels = CLASSES if numbers.shape[1] > 1 else NUMBERS
    source = grown_tree(X, labels, WEIGHT)
    tree = expand_and_reduce(source, X, numbers, WEIGHT, grow=None)
    assert_allclose(average_of([tree], X), numbers, atol=1e-12)
    assert len(tree.left) == len(source.left)
