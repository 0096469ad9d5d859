"""Nearest class means: the definition, the plain method, and the use of source rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import normalize

from sktransfer import PrototypeClassifier
from tests.shelf import whole

IRIS, SPECIES = load_iris(return_X_y=True)
RNG = np.random.default_rng(0)
SOURCE_CODES = np.arange(90) % 6
SOURCE = RNG.normal(size=(6, 5))[SOURCE_CODES] * 3 + RNG.normal(size=(90, 5)) * [1, 1, 1, 5, 5] + 7
TARGET_CODES = np.arange(9) % 3
TARGET = RNG.normal(size=(3, 5))[TARGET_CODES] + RNG.normal(size=(9, 5)) * 0.3 + 7
X = np.concatenate([SOURCE, TARGET])
Y = np.array([*"abcdef", "u", "v", "w"])[np.concatenate([SOURCE_CODES, 6 + TARGET_CODES])]
DOMAIN = np.repeat(["old", "target"], [90, 9])
NEW = RNG.normal(size=(50, 5)) + 7


def fitted(**params):
    return PrototypeClassifier(**params).fit(X, Y, sample_domain=DOMAIN)


def test_without_a_source_and_a_scale_it_is_nearest_centroid():
    plain = NearestCentroid().fit(IRIS, SPECIES)
    model = PrototypeClassifier(normalize=False, whiten=True).fit(IRIS, SPECIES)
    assert_allclose(model.prototypes_, plain.centroids_)
    assert_array_equal(model.predict(IRIS), plain.predict(IRIS))
    assert model.whitening_ is None
    assert_array_equal(model.offset_, np.zeros(4))


def test_without_a_source_it_is_nearest_centroid_of_unit_rows():
    plain = NearestCentroid().fit(normalize(IRIS), SPECIES)
    model = PrototypeClassifier().fit(IRIS, SPECIES)
    assert_array_equal(model.predict(IRIS), plain.predict(normalize(IRIS)))


def test_the_steps_of_simple_shot():
    """The mean of the source off, unit length, class means of the target rows."""
    mean = SOURCE.mean(axis=0)
    plain = NearestCentroid().fit(normalize(TARGET - mean), Y[90:])
    model = fitted()
    assert_allclose(model.prototypes_, plain.centroids_)
    assert_array_equal(model.predict(NEW), plain.predict(normalize(NEW - mean)))
    assert_array_equal(fitted(center=False).offset_, 0)


def test_source_rows_have_the_identity_as_covariance_after_the_whitening():
    many = np.tile(SOURCE, (2000, 1))  # so many rows that nothing is shrunk
    domain = np.repeat(["old", "target"], [len(many), 9])
    labels = np.concatenate([np.tile(Y[:90], 2000), Y[90:]])
    model = PrototypeClassifier(whiten=True, normalize=False)
    model.fit(np.concatenate([many, TARGET]), labels, sample_domain=domain)
    means = np.array([SOURCE[code == SOURCE_CODES].mean(axis=0) for code in range(6)])
    white = (SOURCE - means[SOURCE_CODES]) @ model.whitening_
    assert_allclose(white.T @ white / 90, np.eye(5), atol=0.01)


def test_whitened_predictions_do_not_depend_on_a_linear_map_of_all_rows():
    """But for the shrinkage, which the many rows make small."""
    turn = RNG.normal(size=(5, 5))
    many = np.tile(SOURCE, (500, 1))
    rows = np.concatenate([many, TARGET])
    labels = np.concatenate([np.tile(Y[:90], 500), Y[90:]])
    domain = np.repeat(["old", "target"], [len(many), 9])
    model = PrototypeClassifier(whiten=True)
    before = model.fit(rows, labels, sample_domain=domain).predict_proba(NEW)
    after = model.fit(rows @ turn, labels, sample_domain=domain).predict_proba(NEW @ turn)
    assert_allclose(after, before, atol=0.01)


@pytest.mark.parametrize("whiten", [False, True])
def test_an_offset_of_all_rows_changes_nothing_with_a_source(whiten):
    model = PrototypeClassifier(whiten=whiten)
    before = model.fit(X, Y, sample_domain=DOMAIN).predict_proba(NEW)
    assert_allclose(model.fit(X + 40, Y, sample_domain=DOMAIN).predict_proba(NEW + 40), before)


def test_probabilities_by_their_definition():
    model = fitted(temperature=0.3)
    mapped = normalize(NEW - model.offset_)
    distances = ((mapped[:, None] - model.prototypes_) ** 2).sum(axis=2)
    expected = np.exp(-distances / 0.3)
    expected /= expected.sum(axis=1, keepdims=True)
    found = model.predict_proba(NEW)
    assert_allclose(found[:, 6:], expected)
    assert_array_equal(found[:, :6], 0)  # classes of the source alone


def test_with_one_row_a_class_cosine_and_euclid_of_unit_rows_agree():
    shots = np.r_[:93]
    params = {"sample_domain": DOMAIN[shots]}
    models = [
        PrototypeClassifier(metric=m, temperature=t, normalize=n).fit(X[shots], Y[shots], **params)
        for m, t, n in (("euclidean", 2.0, True), ("cosine", 1.0, True), ("cosine", 1.0, False))
    ]
    first, *others = [model.predict_proba(NEW) for model in models]
    for found in others:
        assert_allclose(found, first)


def test_candidates_all_adds_the_classes_of_the_source():
    model = fitted(candidates="all", normalize=False, center=False)
    assert_array_equal(model.candidate_classes_, [*"abcdefuvw"])
    plain = NearestCentroid().fit(X, Y)
    assert_allclose(model.prototypes_, plain.centroids_)
    assert_array_equal(fitted().candidate_classes_, [*"uvw"])
    assert_array_equal(fitted().classes_, [*"abcdefuvw"])


@pytest.mark.parametrize("candidates", ["target", "all"])
def test_a_class_of_both_domains_has_the_mean_of_its_target_rows(candidates):
    labels = np.where(Y == "a", "u", Y)
    model = PrototypeClassifier(candidates=candidates, center=False, normalize=False)
    model.fit(X, labels, sample_domain=DOMAIN)
    place = list(model.candidate_classes_).index("u")
    assert_allclose(model.prototypes_[place], TARGET[TARGET_CODES == 0].mean(axis=0))


def test_rows_without_a_label_count_only_in_the_source_and_only_for_the_mean():
    labels = Y.astype(object)
    labels[[0, 4]] = None
    model = PrototypeClassifier(whiten=True).fit(X, labels, sample_domain=DOMAIN)
    assert_allclose(model.offset_, SOURCE.mean(axis=0))
    kept = np.setdiff1d(np.arange(99), [0, 4])
    expected = PrototypeClassifier(whiten=True).fit(X[kept], Y[kept], sample_domain=DOMAIN[kept])
    assert_allclose(model.whitening_, expected.whitening_)
    labels[90:93] = None
    without = np.r_[:90, 93:99]
    model.fit(X, labels, sample_domain=DOMAIN)
    expected.fit(X[without], labels[without], sample_domain=DOMAIN[without])
    assert_array_equal(model.predict_proba(NEW), expected.predict_proba(NEW))


def test_whitening_without_two_source_rows_of_a_class_is_refused():
    few = np.r_[:6, 90:99]
    sentence = (
        "PrototypeClassifier(whiten=True) needs source rows of one class that differ, but each of "
        "the 6 classes in the labelled source rows of X (6) has a single one or equal ones; label "
        "more source rows, or pass whiten=False."
    )
    with pytest.raises(ValueError, match=whole(sentence)):
        PrototypeClassifier(whiten=True).fit(X[few], Y[few], sample_domain=DOMAIN[few])


def test_one_class_in_the_target_is_refused_and_the_fit_stays_as_it_was():
    model = fitted()
    before = dict(vars(model))
    few = np.r_[:90, 90]
    sentence = (
        "PrototypeClassifier needs labels of at least 2 classes in target rows, but y holds 1 class"
        " there, 'u'; add rows of another class, or pass candidates='all'."
    )
    with pytest.raises(ValueError, match=whole(sentence)):
        model.fit(X[few], Y[few], sample_domain=DOMAIN[few])
    assert vars(model).keys() == before.keys()
    model.set_params(candidates="all").fit(X[few], Y[few], sample_domain=DOMAIN[few])
    assert len(model.candidate_classes_) == 7
