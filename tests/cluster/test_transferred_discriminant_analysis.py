"""TransferredDiscriminantAnalysis: planted directions, limits, invariances and messages."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from sktransfer import TransferredDiscriminantAnalysis
from tests.shelf import whole


def draw_persons(seed=0, *, n_source=200, n_target=120):
    """Rows of ten known and four unknown persons; light changes rows more than persons do."""
    rng = np.random.default_rng(seed)
    person_axes, light = rng.normal(size=(4, 20)), 4 * rng.normal(size=(3, 20))

    def rows(count, n_persons, offset):
        y = np.arange(count) % n_persons
        faces = 2 * rng.normal(size=(n_persons, 4)) @ person_axes
        X = faces[y] + rng.normal(size=(count, 3)) @ light + rng.normal(size=(count, 20))
        return X + offset, y

    X_old, y_old = rows(n_source, 10, 3)
    X_target, y_target = rows(n_target, 4, 0)
    X = np.concatenate([X_old, X_target])
    return (
        X,
        np.concatenate([y_old, y_target + 100]),
        np.repeat(["old", "target"], [n_source, n_target]),
    )


def fit(X, y, sample_domain, **params):
    model = TransferredDiscriminantAnalysis(4, random_state=0, **params)
    return model.fit(X, y, sample_domain=sample_domain)


def test_unknown_persons_are_parted_by_directions_of_known_ones():
    scores = []
    for seed in range(5):
        X, y, sample_domain = draw_persons(seed)
        is_target = sample_domain == "target"
        kmeans = KMeans(4, n_init=10, random_state=0).fit(X[is_target])
        found = fit(X, y, sample_domain, ridge=0.01).labels_[is_target]
        pair = [adjusted_rand_score(y[is_target], each) for each in (kmeans.labels_, found)]
        scores.append(pair)
    alone, transferred = np.mean(scores, axis=0)
    assert transferred > alone + 0.3


def test_the_objective_grows_and_predict_repeats_the_labels():
    X, y, sample_domain = draw_persons()
    is_target = sample_domain == "target"
    model = fit(X, y, sample_domain)
    assert (np.diff(model.objective_) >= -1e-12).all()
    assert len(model.objective_) == model.n_iter_
    assert_array_equal(model.predict(X[is_target]), model.labels_[is_target])
    assert_array_equal(model.labels_ == -1, ~is_target)
    mapped = model.transform(X, sample_domain=sample_domain)
    assert mapped.shape == (320, model.n_components_) == (320, 3)
    for whose in (is_target, ~is_target):
        assert_allclose(mapped[whose].mean(axis=0), 0, atol=1e-10)
    means = [mapped[model.labels_ == k].mean(axis=0) for k in range(4)]
    assert_allclose(model.cluster_centers_, means, atol=1e-10)


def test_without_a_source_it_starts_from_k_means_along_principal_components():
    X, y, sample_domain = draw_persons()
    X = X[sample_domain == "target"]
    model = TransferredDiscriminantAnalysis(4, random_state=0).fit(X, y[-len(X) :])
    start = KMeans(4, n_init=10, random_state=0).fit(PCA(3).fit_transform(X))
    means = np.array([(X - X.mean(axis=0))[start.labels_ == k].mean(axis=0) for k in range(4)])
    between = (means.T * np.bincount(start.labels_) / len(X)) @ means
    assert_allclose(model.objective_[0], np.linalg.eigvalsh(between).sum(), rtol=0.02)
    assert adjusted_rand_score(start.labels_, model.labels_) > 0.5


def test_source_rows_without_a_label_are_left_out():
    X, y, sample_domain = draw_persons()
    y = y.astype(float)
    y[:50] = np.nan
    found = fit(X, y, sample_domain)
    expected = fit(X[50:], y[50:], sample_domain[50:])
    assert_array_equal(found.labels_[50:], expected.labels_)
    assert_allclose(found.components_, expected.components_)


@pytest.mark.parametrize("change", ["shift", "apart", "turn", "unit", "order", "names of classes"])
def test_what_changes_no_cluster(change):
    X, y, sample_domain = draw_persons()
    before = fit(X, y, sample_domain)
    expected = before.labels_
    rng = np.random.default_rng(0)
    if change == "shift":
        X = X + rng.normal(size=20)
    elif change == "apart":
        X = X + (sample_domain == "old")[:, None] * 50 * rng.normal(size=20)
    elif change == "turn":
        X = X @ np.linalg.qr(rng.normal(size=(20, 20)))[0]
    elif change == "unit":
        X = 7 * X
    elif change == "order":
        order = rng.permutation(len(X))
        X, y, sample_domain, expected = X[order], y[order], sample_domain[order], expected[order]
    else:
        y = np.array([f"person {100 - label}" for label in y])
    after = fit(X, y, sample_domain)
    found = after.labels_
    if change in ("shift", "apart"):
        assert_allclose(after.components_, before.components_, atol=1e-8)
    is_target = sample_domain == "target"
    if change in ("order", "names of classes"):
        assert_array_equal(found, expected)
    assert adjusted_rand_score(found[is_target], expected[is_target]) == 1


def test_messages():
    X, y, sample_domain = draw_persons()
    with pytest.raises(
        ValueError,
        match=whole(
            "n_clusters=500 is more than the 120 target rows of X; choose fewer clusters, or add "
            "target rows."
        ),
    ):
        TransferredDiscriminantAnalysis(500).fit(X, y, sample_domain=sample_domain)
    with pytest.raises(
        ValueError,
        match=whole(
            "TransferredDiscriminantAnalysis reads the labels of source rows, but no source row "
            "has one; label some, or leave sample_domain out."
        ),
    ):
        fit(X, np.full(len(X), np.nan), sample_domain)
