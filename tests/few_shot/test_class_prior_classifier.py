"""Normal classes with a learned prior: the plain method, the density, when the prior helps."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from scipy.stats import t
from sklearn.datasets import load_iris
from sklearn.neighbors import NearestCentroid

from sktransfer import ClassPriorClassifier, PrototypeClassifier
from tests.shelf import whole

IRIS, SPECIES = load_iris(return_X_y=True)
TURN = np.random.default_rng(5).normal(size=(6, 6))


def draw(seed, *, n_shots=1):
    """Forty classes that are known, five new ones, and rows of these to predict."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate(
        [np.repeat(np.arange(40), 8), 40 + np.repeat(np.arange(5), n_shots + 20)]
    )
    means = rng.normal(size=(45, 6)) * [2, 2, 1, 1, 0, 0]
    X = (means[codes] + rng.normal(size=(len(codes), 6)) * [0.5, 1, 0.5, 1, 3, 3]) @ TURN
    is_shot = np.concatenate([np.ones(320, bool), np.tile(np.arange(n_shots + 20) < n_shots, 5)])
    domain = np.where(codes[is_shot] < 40, "old", "target")
    return X[is_shot], codes[is_shot], domain, X[~is_shot], codes[~is_shot]


def test_without_a_source_it_is_nearest_centroid():
    plain, model = NearestCentroid().fit(IRIS, SPECIES), ClassPriorClassifier().fit(IRIS, SPECIES)
    assert_array_equal(model.predict(IRIS), plain.predict(IRIS))
    assert_allclose(model.location_ @ np.linalg.inv(model.basis_), plain.centroids_)
    assert np.isinf([*model.spread_, *model.dof_, model.prior_dof_]).all()
    distances = ((IRIS[:, None] - plain.centroids_) ** 2).sum(axis=2)
    variance = ((IRIS - plain.centroids_[SPECIES]) ** 2).sum() / 4 / (150 - 3)
    assert_allclose(model.predict_proba(IRIS), softmax(-distances / 2 / variance, axis=1))


def test_probabilities_are_those_of_students_t():
    X, y, domain, X_new, _ = draw(0)
    model = ClassPriorClassifier().fit(X, y, sample_domain=domain)
    Z = (X_new - model.mean_) @ model.basis_
    logs = [
        t(dof, location, scale).logpdf(Z).sum(axis=1)
        for location, scale, dof in zip(model.location_, model.scale_, model.dof_, strict=True)
    ]
    found = model.predict_proba(X_new)
    assert_allclose(found[:, 40:], softmax(np.transpose(logs), axis=1))
    assert_array_equal(found[:, :40], 0)
    assert_allclose(model.dof_, model.prior_dof_ + 1)


def test_the_prior_helps_with_one_row_a_class():
    scores = []
    for seed in range(10):
        X, y, domain, X_new, y_new = draw(seed)
        models = PrototypeClassifier(whiten=True), ClassPriorClassifier()
        fitted = [model.fit(X, y, sample_domain=domain) for model in models]
        fitted.append(ClassPriorClassifier().fit(X[320:], y[320:]))
        scores.append([model.score(X_new, y_new) for model in fitted])
    whitened, prior, alone = np.mean(scores, axis=0)
    assert prior > whitened + 0.02
    assert prior > alone + 0.2


def test_it_does_not_depend_on_the_units_and_axes_of_all_rows():
    """But for the shrinkage, which is small with 320 rows."""
    X, y, domain, X_new, _ = draw(0)
    model = ClassPriorClassifier()
    before = model.fit(X, y, sample_domain=domain).predict(X_new)
    after = model.fit(7 * X + 3, y, sample_domain=domain).predict(7 * X_new + 3)
    assert_array_equal(after, before)
    turned = np.linalg.qr(TURN)[0]
    after = model.fit(X @ turned, y, sample_domain=domain).predict(X_new @ turned)
    assert_array_equal(after, before)


def test_many_rows_of_a_class_outweigh_the_prior():
    X, y, domain, *_ = draw(0, n_shots=2000)
    model = ClassPriorClassifier().fit(X, y, sample_domain=domain)
    Z = (X - model.mean_) @ model.basis_
    for place in range(5):
        rows = Z[y == 40 + place]
        assert_allclose(model.location_[place], rows.mean(axis=0), atol=0.01)


@pytest.mark.parametrize("n_classes", [1, 6])
def test_a_source_that_teaches_no_prior_is_refused(n_classes):
    X = np.random.default_rng(0).normal(size=(10, 3))
    y = np.arange(10)
    y[:6] %= n_classes
    sentence = (
        "ClassPriorClassifier learns a prior from at least 2 source classes, one of them with rows "
        f"that differ, but the 6 labelled source rows of X have {n_classes} classes; label more "
        "source rows, or leave these out."
    )
    with pytest.raises(ValueError, match=whole(sentence)):
        ClassPriorClassifier().fit(X, y, sample_domain=["old"] * 6 + ["target"] * 4)
