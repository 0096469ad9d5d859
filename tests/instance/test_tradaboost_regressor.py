"""TrAdaBoost.R2: its definition, its limits, its invariances, and what it does to source rows."""

import pickle
import re
from math import log, sqrt

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.datasets import make_friedman1
from sklearn.ensemble import AdaBoostRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import mean_squared_error
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from sktransfer import TrAdaBoostRegressor
from sktransfer.exceptions import TransferWarning

LOSSES = ["linear", "square", "exponential"]


def make_domains(seed, *, n_source=120, n_target=40):
    """Rows of Friedman's function; a third of the source rows follows another rule."""
    X, y = make_friedman1(n_source + n_target, 6, noise=1.0, random_state=seed)
    y[: n_source // 3] = 30 - y[: n_source // 3]
    sample_domain = np.repeat(["s", "target"], [n_source, n_target])
    X_new = np.random.default_rng(seed).uniform(size=(100, 6))
    return X, y, sample_domain, X_new


class Scripted(RegressorMixin, BaseEstimator):
    """A learner that answers from a script, one line a clone, and remembers its weights."""

    def __init__(self, lines=(), calls=None):
        self.lines = lines
        self.calls = calls

    def __sklearn_clone__(self):
        return self  # so that all rounds share the script

    def fit(self, X, y, sample_weight=None):
        self.calls.append(np.array(sample_weight))
        return self

    def predict(self, X):
        line = self.lines[min(len(self.calls), len(self.lines)) - 1]
        return np.asarray(line, dtype=float)[np.asarray(X)[:, 0].astype(int)]


def test_two_rounds_by_hand():
    # Rows 0 and 1 are source, 2 to 4 target; all labels are 0, so that predictions are errors.
    X, y = np.arange(5.0)[:, None], np.zeros(5)
    sample_domain = ["s", "s", "target", "target", "target"]
    calls = []
    lines = [[4, -2, 1, 0, -2], [1, 2, 0, 2, 0]]
    model = TrAdaBoostRegressor(Scripted(lines, calls), n_estimators=2)
    model.fit(X, y, sample_domain=sample_domain)
    beta = 1 / (1 + sqrt(2 * log(2) / 2))
    first = np.array([1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3])
    error_1 = (1 / 4 + 0 + 2 / 4) / 3
    beta_1 = error_1 / (1 - error_1)
    second = first * [beta ** (4 / 4), beta ** (2 / 4), beta_1 ** (-1 / 4), 1, beta_1 ** (-2 / 4)]
    for given, expected in zip(calls, [first, second], strict=True):
        assert_allclose(given, 5 * expected / expected.sum(), rtol=1e-8)
    error_2 = second[3] * (2 / 2) / second[2:].sum()
    beta_2 = error_2 / (1 - error_2)
    assert_allclose(model.estimator_errors_, [error_1, error_2], rtol=1e-8)
    assert_allclose(model.estimator_weights_, [-log(beta_1), -log(beta_2)], rtol=1e-7)
    assert_allclose(model.sample_weight_, calls[-1], rtol=1e-9)


def paper(X, y, is_source, X_new, *, learner, n_rounds, loss):
    """TrAdaBoost.R2 in products of betas, nothing shared; the median row by row."""
    n, m = is_source.sum(), (~is_source).sum()
    w = np.where(is_source, 1 / n, 1 / m)
    beta = 1 / (1 + np.sqrt(2 * np.log(n) / n_rounds))
    said, betas = [], []
    for _ in range(n_rounds):
        h = clone(learner).fit(X, y, sample_weight=len(y) * w / w.sum())
        e = np.abs(h.predict(X) - y) / np.abs(h.predict(X) - y).max()
        e = {"linear": e, "square": e * e, "exponential": 1 - np.exp(-e)}[loss]
        epsilon = (w * e)[~is_source].sum() / w[~is_source].sum()
        assert 0 < epsilon < 1 / 2
        beta_t = epsilon / (1 - epsilon)
        said.append(h.predict(X_new))
        betas.append(beta_t)
        w = w * np.where(is_source, beta**e, beta_t**-e)
    half = int(np.ceil(n_rounds / 2)) - 1
    said, votes = np.array(said)[half:], np.log(1 / np.array(betas))[half:]
    medians = []
    for column in said.T:
        enough = [v for v in column if votes[column <= v].sum() >= votes.sum() / 2 - 1e-9]
        medians.append(min(enough))
    return np.array(medians), np.array(betas)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_rounds", [4, 5])
@pytest.mark.parametrize("loss", LOSSES)
def test_equals_the_paper_as_printed(seed, n_rounds, loss):
    X, y, sample_domain, X_new = make_domains(seed)
    model = TrAdaBoostRegressor(Ridge(), n_estimators=n_rounds, loss=loss)
    model.fit(X, y, sample_domain=sample_domain)
    medians, betas = paper(
        X, y, sample_domain == "s", X_new, learner=Ridge(), n_rounds=n_rounds, loss=loss
    )
    assert_allclose(model.estimator_weights_, -np.log(betas), rtol=1e-6)
    assert_allclose(model.predict(X_new), medians, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("learning_rate", [1.0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_without_source_and_with_bootstrap_it_is_scikit_learns(loss, learning_rate, seed):
    X, y, _, X_new = make_domains(seed)
    tree = DecisionTreeRegressor(max_depth=3, max_features=4)
    settings = {"n_estimators": 12, "learning_rate": learning_rate, "loss": loss}
    ours = TrAdaBoostRegressor(tree, bootstrap=True, random_state=seed, **settings).fit(X, y)
    theirs = AdaBoostRegressor(tree, random_state=seed, **settings).fit(X, y)
    assert len(ours.estimators_) == len(theirs.estimators_) > 3
    assert_array_equal(ours.predict(X_new), theirs.predict(X_new))
    for one, other in zip(ours.staged_predict(X_new), theirs.staged_predict(X_new), strict=True):
        assert_array_equal(one, other)
    kept = len(ours.estimators_)
    assert_allclose(ours.estimator_errors_, theirs.estimator_errors_[:kept], rtol=1e-9)
    assert_allclose(ours.estimator_weights_, theirs.estimator_weights_[:kept], rtol=1e-9)


def test_without_source_and_with_weights_and_bootstrap_it_is_scikit_learns():
    X, y, _, X_new = make_domains(0)
    sample_weight = np.random.default_rng(0).random(len(y)) + 0.1
    ours = TrAdaBoostRegressor(bootstrap=True, random_state=3).fit(X, y, sample_weight)
    theirs = AdaBoostRegressor(random_state=3).fit(X, y, sample_weight)
    assert_array_equal(ours.predict(X_new), theirs.predict(X_new))


def test_without_source_the_first_round_is_the_learner_itself():
    X, y, _, X_new = make_domains(0)
    model = TrAdaBoostRegressor(Ridge(), n_estimators=1).fit(X, y)
    assert_allclose(model.predict(X_new), Ridge().fit(X, y).predict(X_new), rtol=1e-7)


def test_bootstrap_takes_a_learner_that_takes_no_weights():
    X, y, sample_domain, X_new = make_domains(0)
    model = TrAdaBoostRegressor(KNeighborsRegressor(), bootstrap=True, random_state=0)
    one = model.fit(X, y, sample_domain=sample_domain).predict(X_new)
    assert_array_equal(model.fit(X, y, sample_domain=sample_domain).predict(X_new), one)
    model.set_params(random_state=1).fit(X, y, sample_domain=sample_domain)
    assert (model.predict(X_new) != one).any()


def test_source_rows_of_another_rule_lose_their_weight_and_the_others_help():
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1, 1, size=(830, 3))
        y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] + rng.normal(0, 0.1, 830)
        y[:75] += 2
        sample_domain = np.repeat(["s", "target"], [300, 30])
        X, X_test, y, y_test = X[:330], X[330:], y[:330], y[330:]
        model = TrAdaBoostRegressor(random_state=0).fit(X, y, sample_domain=sample_domain)
        weights = model.sample_weight_
        assert weights[:75].mean() < weights[75:300].mean() / 10
        transfer = mean_squared_error(y_test, model.predict(X_test))
        pooled = mean_squared_error(y_test, model.fit(X, y).predict(X_test))
        alone = mean_squared_error(y_test, model.fit(X[300:], y[300:]).predict(X_test))
        found.append((transfer, pooled, alone))
    transfer, pooled, alone = np.mean(found, axis=0)
    assert transfer < 0.92 * alone
    assert transfer < 0.5 * pooled


def test_an_error_of_zero_keeps_the_round_and_stops():
    X = np.arange(6.0)[:, None]
    model = TrAdaBoostRegressor(DecisionTreeRegressor()).fit(X, 2 * X[:, 0])
    assert_array_equal(model.estimator_errors_, [0.0])
    assert_array_equal(model.estimator_weights_, [1.0])


def test_a_round_at_one_half_stops_before_it_unless_it_is_the_first():
    X, y = np.arange(4.0)[:, None], np.zeros(4)
    calls = []
    lines = [[0, 0, 0, 1], [1, 1, 1, 1]]
    model = TrAdaBoostRegressor(Scripted(lines, calls)).fit(X, y)
    assert len(calls) == 2
    assert_allclose(model.estimator_errors_, [1 / 4])
    with pytest.warns(TransferWarning, match="kept a single round: its error .* is 0.5"):
        model = TrAdaBoostRegressor(Scripted([[1, 1, 0, 0]], [])).fit(X, y)
    assert_allclose(model.estimator_errors_, [1 / 2])
    assert_array_equal(model.estimator_weights_, [1.0])


@pytest.mark.parametrize("with_source", [True, False])
def test_the_last_stage_is_the_prediction(with_source):
    X, y, sample_domain, X_new = make_domains(0)
    model = TrAdaBoostRegressor(n_estimators=9, random_state=0)
    model.fit(X, y, sample_domain=sample_domain if with_source else None)
    *_, last = stages = list(model.staged_predict(X_new))
    assert_array_equal(last, model.predict(X_new))
    assert len(stages) == len(model.estimators_) == 9
    first = 4 if with_source else 0  # the last half: rounds 5 to 9
    said = np.array([learner.predict(X_new) for learner in model.estimators_[first:]])
    assert np.isin(last, said).all()


@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("seed", range(3))
def test_a_weight_is_a_number_of_repetitions_and_order_means_nothing(seed, container):
    X, y, sample_domain, X_new = make_domains(seed)
    X, y = X.round(1), y.round()  # whole labels, so that sums in a tree carry no rounding
    repeats = np.random.default_rng(seed).integers(0, 4, len(y))
    rows = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(y)), repeats))
    model = TrAdaBoostRegressor(n_estimators=8, random_state=0)
    weighted = model.fit(container(X), y, repeats, sample_domain=sample_domain)
    weighted = weighted.predict(container(X_new))
    repeated = model.fit(container(X[rows]), y[rows], sample_domain=sample_domain[rows])
    assert_allclose(repeated.predict(container(X_new)), weighted, rtol=1e-9)


@pytest.mark.parametrize("missing", [np.nan, None, "pd.NA"])
def test_rows_without_a_label_are_left_out(missing):
    if missing == "pd.NA":
        missing = pytest.importorskip("pandas").NA
    X, y, sample_domain, X_new = make_domains(0)
    unlabelled = np.arange(len(y)) % 5 == 0
    model = TrAdaBoostRegressor(n_estimators=5, random_state=0)
    model.fit(X[~unlabelled], y[~unlabelled], sample_domain=sample_domain[~unlabelled])
    expected = model.predict(X_new)
    gaps = y.astype(object)
    gaps[unlabelled] = missing
    model.fit(X, gaps, sample_domain=sample_domain)
    assert_array_equal(model.predict(X_new), expected)
    assert_array_equal(model.sample_weight_ > 0, ~unlabelled)


def test_units_of_the_label_mean_nothing():
    X, y, sample_domain, X_new = make_domains(0)
    model = TrAdaBoostRegressor(n_estimators=6, random_state=0)
    one = model.fit(X, y, sample_domain=sample_domain).predict(X_new)
    errors = model.estimator_errors_
    scaled = model.fit(X, 8 * y, sample_domain=sample_domain).predict(X_new)
    assert_allclose(scaled, 8 * one, rtol=1e-12)
    assert_allclose(model.estimator_errors_, errors, rtol=1e-12)


def test_every_round_has_a_seed_of_its_own():
    X, y, sample_domain, X_new = make_domains(0)
    tree = DecisionTreeRegressor(max_depth=3, max_features=1, random_state=5)
    model = TrAdaBoostRegressor(tree, n_estimators=6, random_state=0)
    one = model.fit(X, y, sample_domain=sample_domain).predict(X_new)
    assert len({learner.random_state for learner in model.estimators_}) == 6
    assert_array_equal(model.fit(X, y, sample_domain=sample_domain).predict(X_new), one)
    model.set_params(random_state=None)
    before = pickle.dumps(np.random.get_state())
    assert (model.fit(X, y, sample_domain=sample_domain).predict(X_new) != one).any()
    assert pickle.dumps(np.random.get_state()) == before


@pytest.mark.parametrize(
    ("model", "y", "sentence"),
    [
        (
            TrAdaBoostRegressor(KNeighborsRegressor()),
            [1.0, 2.0, 3.0, 4.0],
            "estimator=KNeighborsRegressor() takes no sample_weight in fit, which is how it learns "
            "that some rows count more; pass a regressor that does (of a Pipeline, the last step).",
        ),
        (
            TrAdaBoostRegressor(LogisticRegression()),
            [1.0, 2.0, 3.0, 4.0],
            "estimator=LogisticRegression() is a classifier; pass a regressor.",
        ),
        (
            TrAdaBoostRegressor(),
            [1.0, 2.0, np.nan, np.nan],
            "TrAdaBoostRegressor needs a target row that has a label, and "
            "none of the 2 target rows has one; label some target rows (if they are labelled, "
            "a pipeline with target_labels='ignore' hides it), or use an unsupervised method.",
        ),
    ],
)
def test_errors_are_sentences(model, y, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        model.fit(np.arange(8.0).reshape(4, 2), y, sample_domain=["s", "s", "target", "target"])
