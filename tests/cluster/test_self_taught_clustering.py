"""SelfTaughtClustering: what the source teaches, limits, invariances and messages."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from sktransfer import SelfTaughtClustering
from tests.shelf import whole


def draw_topics(n_target, n_source=300, *, length=6, n_words=120, seed=0):
    """Texts of four topics in the target, and of four other mixtures of words in the source.

    Words belong to eight groups; a topic prefers two groups.
    """
    rng = np.random.default_rng(seed)
    group = np.arange(n_words) % 8
    pairs = {"target": [(0, 1), (2, 3), (4, 5), (6, 7)], "old": [(0, 2), (1, 4), (3, 6), (5, 7)]}

    def texts(whose, count):
        topic = rng.integers(4, size=count)
        rows = []
        for each in topic:
            chance = np.where(np.isin(group, pairs[whose][each]), 0.9 / 2, 0.1 / 6)
            rows.append(rng.multinomial(length, chance / chance.sum()))
        return np.array(rows, dtype=float), topic

    X_target, y_target = texts("target", n_target)
    X_old, _ = texts("old", n_source)
    return (
        np.concatenate([X_old, X_target]),
        np.repeat(["old", "target"], [n_source, n_target]),
        (y_target),
    )


def score(X, sample_domain, topic, **params):
    clustering = SelfTaughtClustering(4, n_feature_clusters=8, random_state=0, **params)
    labels = clustering.fit_predict(X, sample_domain=sample_domain)
    return adjusted_rand_score(topic, labels[sample_domain == "target"])


def test_groups_of_words_of_the_source_find_the_topics_of_a_small_target():
    drawn = [draw_topics(40, 500, length=10, n_words=300, seed=seed) for seed in range(3)]
    alone = np.mean([score(*each, source_weight=0) for each in drawn])
    taught = np.mean([score(*each, source_weight=20) for each in drawn])
    assert taught > alone + 0.2


def test_without_weight_the_source_teaches_nothing():
    X, sample_domain, _ = draw_topics(40)
    is_target = sample_domain == "target"
    params = {"n_clusters": 4, "n_feature_clusters": 8, "random_state": 0}
    with_source = SelfTaughtClustering(source_weight=0, **params)
    with_source.fit(X, sample_domain=sample_domain)
    first = with_source.objective_[-1]
    alone = SelfTaughtClustering(**params).fit(X[is_target])
    assert_allclose(alone.objective_[-1], first, rtol=0.1)  # other starts, the same loss
    assert (alone.source_labels_ == -1).all()
    assert alone.source_domains_ == ()


def test_labels_are_of_the_rows_of_their_domain_and_predict_repeats_them():
    X, sample_domain, _ = draw_topics(60)
    is_target = sample_domain == "target"
    clustering = SelfTaughtClustering(4, n_source_clusters=6, n_feature_clusters=8, random_state=0)
    clustering.fit(X, sample_domain=sample_domain)
    assert_array_equal(clustering.labels_ == -1, ~is_target)
    assert_array_equal(clustering.source_labels_ == -1, is_target)
    assert set(clustering.source_labels_[~is_target]) == set(range(6))
    assert_array_equal(clustering.predict(X[is_target]), clustering.labels_[is_target])
    assert len(clustering.objective_) == clustering.n_iter_
    assert (np.diff(clustering.objective_) <= 1e-12).all()


@pytest.mark.parametrize("change", ["unit", "order", "names", "sparse", "rows of zeros"])
def test_what_changes_nothing(change):
    X, sample_domain, _ = draw_topics(30, 50)
    params = {"n_clusters": 4, "n_feature_clusters": 8, "n_init": 3, "random_state": 0}
    expected = SelfTaughtClustering(**params).fit(X, sample_domain=sample_domain).labels_
    order = np.random.default_rng(1).permutation(len(X))
    if change == "unit":
        X = np.where((sample_domain == "target")[:, None], 8 * X, X)
    elif change == "order":
        X, sample_domain, expected = X[order], sample_domain[order], expected[order]
    elif change == "names":
        sample_domain = np.where(sample_domain == "old", np.resize(["a", "b"], len(X)), "target")
    elif change == "sparse":
        X = csr_array(X)
    else:
        X = np.concatenate([X, np.zeros((3, X.shape[1]))])
        sample_domain = np.append(sample_domain, ["old"] * 3)
    found = SelfTaughtClustering(**params).fit(X, sample_domain=sample_domain).labels_
    if change == "rows of zeros":  # the starts are drawn from other rows
        found = found[:-3]
        assert adjusted_rand_score(found, expected) > 0.9
    else:
        assert_array_equal(found, expected)


def test_messages():
    X = np.array([[1.0, 2.0], [3.0, -1.0], [1.0, 1.0]])
    with pytest.raises(
        ValueError,
        match=whole(
            "Negative values in data passed to X of SelfTaughtClustering, which reads counts, but "
            "the smallest is -1; pass counts, or subtract the minimum of each column."
        ),
    ):
        SelfTaughtClustering(2).fit(X)
    with pytest.raises(
        ValueError,
        match=whole(
            "SelfTaughtClustering reads counts, but the source rows of X are all 0; pass rows with "
            "a value above 0."
        ),
    ):
        SelfTaughtClustering(1).fit(X[[0, 2, 0]] * [[1], [1], [0]], sample_domain=[-1, -1, 1])
    with pytest.raises(
        ValueError,
        match=whole(
            "n_clusters=8 is more than the 3 target rows of X; choose fewer clusters, or add "
            "target rows."
        ),
    ):
        SelfTaughtClustering().fit(np.abs(X))
    fitted = SelfTaughtClustering(2, random_state=0).fit(np.abs(X))
    with pytest.raises(ValueError, match="Negative values"):
        fitted.predict(X)
