"""A temperature from a few target labels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.stats import ttest_1samp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

from sktransfer import (
    CORALAligner,
    TemperatureScaledClassifier,
    TransferWarning,
    make_transfer_pipeline,
    pack_domains,
)


def sure_source(n_labelled, rng, *, noise=1.0):
    """A source without noise, and a target with some."""
    X_lab, X_field = rng.normal(size=(2, 400, 2))
    y_lab = (X_lab[:, 0] > 0).astype(int)
    y_field = (X_field[:, 0] + noise * rng.normal(size=400) > 0).astype(int)
    known = np.where(np.arange(400) < n_labelled, y_field, np.nan)
    X, y, sample_domain = pack_domains({"lab": (X_lab, y_lab)}, target=(X_field, known))
    return X, y, sample_domain, y_field


def powers(p, log_t):
    scaled = np.maximum(p, 1e-12) ** np.exp(-log_t)
    return scaled / scaled.sum(axis=1, keepdims=True)


def test_probabilities_are_powers_of_those_of_the_classifier():
    X, y, domains, _ = sure_source(20, np.random.default_rng(0))
    model = TemperatureScaledClassifier(random_state=0).fit(X, y, sample_domain=domains)
    used = y == y
    inner = LogisticRegression().fit(X[used], y[used].astype(int))
    assert_allclose(model.estimator_.coef_, inner.coef_)
    expected = powers(inner.predict_proba(X), np.log(model.temperature_))
    assert_allclose(model.predict_proba(X), expected)
    assert_array_equal(model.predict(X), inner.predict(X))


def test_the_temperature_is_that_of_rows_held_out_one_by_one():
    X, y, domains, _ = sure_source(30, np.random.default_rng(1))
    y_target = y[400:430].astype(int)
    order = np.argsort(y_target, kind="stable")[np.r_[0:5, -5:0]]  # five rows of each class
    y[400:] = np.nan
    y[400 + order] = y_target[order]
    # Each fold holds one row of each class out: equal rows of a class make every draw the same.
    X[400 + order] = np.where(y_target[order, None] == 1, [0.3, 0.1], [0.2, -0.4])
    model = TemperatureScaledClassifier(cv=5, random_state=0).fit(X, y, sample_domain=domains)
    used = np.flatnonzero(y == y)
    first = {k: used[(used >= 400) & (y[used] == k)][0] for k in (0, 1)}
    train = np.setdiff1d(used, list(first.values()))
    inner = LogisticRegression().fit(X[train], y[train].astype(int))
    p, codes = inner.predict_proba(X[[first[0], first[1]]]), [0, 1]

    def loss(log_t, n_rows=10):
        return n_rows * log_loss(codes, powers(p, log_t), labels=[0, 1]) + 2.0 * log_t**2 / 2

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9}).x
    assert_allclose(np.log(model.temperature_), best, atol=1e-4)
    others = minimize_scalar(lambda log_t: loss(log_t, 8), bounds=(-3, 3), method="bounded").x
    before, after = (-np.log(powers(p, each)[[0, 1], codes]) for each in (0.0, others))
    differences = np.tile(after - before, 5)
    assert_allclose(model.difference_, differences.mean(), atol=1e-4)
    interval = ttest_1samp(differences, 0).confidence_interval(0.9)
    assert_allclose(model.interval_, interval, atol=1e-4)


def test_it_corrects_a_classifier_that_is_too_sure_and_says_by_how_much():
    found = []
    for seed in range(8):
        X, y, domains, truth = sure_source(60, np.random.default_rng(seed))
        model = TemperatureScaledClassifier(random_state=0).fit(X, y, sample_domain=domains)
        rest = slice(460, None)
        before = log_loss(truth[60:], model.estimator_.predict_proba(X[rest]))
        after = log_loss(truth[60:], model.predict_proba(X[rest]))
        assert model.temperature_ > 1
        assert after < before
        low, high = model.interval_
        assert low < model.difference_ < high
        found.append([model.difference_, after - before])
    assert_allclose(*np.mean(found, axis=0), atol=0.1)


def test_few_rows_that_are_all_right_do_not_make_it_sure():
    X, y, domains, truth = sure_source(4, np.random.default_rng(2), noise=0.0)
    rows = [
        400 + np.flatnonzero(truth == k)[np.abs(X[400:, 0][truth == k]).argmax()] for k in (0, 1)
    ]
    y[400:] = np.nan
    y[rows] = [0, 1]
    model = TemperatureScaledClassifier(random_state=0)
    assert model.fit(X, y, sample_domain=domains).temperature_ > 0.5
    model.set_params(strength=0).fit(X, y, sample_domain=domains)
    assert model.temperature_ < 0.3


def test_fewer_than_two_labelled_target_rows_are_refused():
    X, y, domains, _ = sure_source(1, np.random.default_rng(3))
    with pytest.raises(ValueError, match="needs two, but sample_domain and y have 1; label more"):
        TemperatureScaledClassifier().fit(X, y, sample_domain=domains)


def test_transfer_pipelines_and_texts():
    X, y, domains, _ = sure_source(20, np.random.default_rng(4))
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    model = TemperatureScaledClassifier(pipe, random_state=0).fit(X, y, sample_domain=domains)
    assert list(model.estimator_[0].source_domains_) == ["lab"]
    texts = ["warm" if value > 0 else "cold" for value in X[:, 0]]
    words = make_pipeline(CountVectorizer(), LogisticRegression())
    model = TemperatureScaledClassifier(words, random_state=0).fit(texts, y, sample_domain=domains)
    assert_allclose(model.predict_proba(texts).sum(axis=1), 1)


@pytest.mark.parametrize(("flip", "end"), [(False, "0.05"), (True, "20")])
def test_a_temperature_at_its_end_is_named(flip, end):
    X, y, domains, truth = sure_source(60, np.random.default_rng(5), noise=0.0)
    y[400:460] = 1 - truth[:60] if flip else truth[:60]
    X[400:, 0] += np.sign(X[400:, 0])  # far from the border
    weak = LogisticRegression(C=1e-2)
    model = TemperatureScaledClassifier(weak, strength=0, random_state=0)
    with pytest.warns(TransferWarning, match=rf"temperature {end} on 60 held-out rows"):
        model.fit(X, y, sample_domain=domains)
    assert model.set_params(strength=5.0).fit(X, y, sample_domain=domains).temperature_ > 0.06
