"""Gaussian processes with a relatedness: the plain and the pooled process, dense formulas."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.linear_model import LinearRegression

from sktransfer import AdaptiveGaussianProcessRegressor, TransferWarning
from sktransfer._kernels.related_gaussian import log_likelihood, task_covariance
from tests.shelf import whole

RNG = np.random.default_rng(0)
X_LAB, X_FIELD, X_TARGET, X_NEW = (RNG.uniform(-2, 2, size=(n, 2)) for n in (25, 20, 12, 30))


def rule(X):
    return np.sin(2 * X[:, 0]) + X[:, 1]


ROWS = np.concatenate([X_FIELD, X_LAB, X_TARGET])
NUMBERS = rule(ROWS) + 0.1 * RNG.normal(size=len(ROWS))
NUMBERS[-12:] += 0.5 * np.cos(X_TARGET[:, 1])
DOMAINS = np.repeat(["field", "lab", "target"], [20, 25, 12])
FIXED = ConstantKernel(1.5, "fixed") * RBF(0.8, "fixed")
EXACT = {"kernel": FIXED, "noise": 0.04, "normalize_y": False}
quietly = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")


def plain(X, y):
    return GaussianProcessRegressor(FIXED, alpha=0.04).fit(X, y)


def same_predictions(model, expected):
    mean, std = model.predict(X_NEW, return_std=True)
    expected_mean, expected_std = expected.predict(X_NEW, return_std=True)
    assert_allclose(mean, expected_mean, atol=1e-6)
    assert_allclose(std, expected_std, atol=1e-6)
    assert_allclose(
        model.predict(X_NEW, return_cov=True)[1],
        expected.predict(X_NEW, return_cov=True)[1],
        atol=1e-6,
    )


def test_without_a_source_it_is_the_plain_process():
    model = AdaptiveGaussianProcessRegressor(**EXACT).fit(X_TARGET, NUMBERS[-12:])
    same_predictions(model, plain(X_TARGET, NUMBERS[-12:]))


def test_a_relatedness_of_0_leaves_target_rows_and_of_1_pools_all():
    model = AdaptiveGaussianProcessRegressor(relatedness=0, **EXACT)
    model.fit(ROWS, NUMBERS, sample_domain=DOMAINS)
    same_predictions(model, plain(X_TARGET, NUMBERS[-12:]))
    model = AdaptiveGaussianProcessRegressor(relatedness=1, **EXACT)
    same_predictions(model.fit(ROWS, NUMBERS, sample_domain=DOMAINS), plain(ROWS, NUMBERS))


def test_the_largest_likelihood_is_that_of_scikit_learn():
    kernel = ConstantKernel(1.0) * Matern(1.0, nu=2.5)
    model = AdaptiveGaussianProcessRegressor(kernel=kernel).fit(ROWS[:45], NUMBERS[:45])
    y = (NUMBERS[:45] - NUMBERS[:45].mean()) / NUMBERS[:45].std()
    expected = GaussianProcessRegressor(kernel + WhiteKernel(0.1)).fit(ROWS[:45], y)
    assert_allclose(model.log_likelihood_, expected.log_marginal_likelihood_value_, rtol=1e-5)


def test_one_source_is_conditioned_on_as_the_paper_says():
    rows = np.r_[20:57]
    X, y, t = ROWS[rows], NUMBERS[rows], DOMAINS[rows] == "target"
    model = AdaptiveGaussianProcessRegressor(relatedness=0.6, likelihood="conditional", **EXACT)
    model.fit(X, y, sample_domain=DOMAINS[rows])
    gram = FIXED(X) * np.where(t[:, None] == t, 1, 0.6)
    across = FIXED(X_NEW, X) * np.where(t, 1, 0.6)
    inverse = np.linalg.inv(gram + 0.04 * np.eye(len(y)))
    mean, covariance = model.predict(X_NEW, return_cov=True)
    assert_allclose(mean, across @ inverse @ y, atol=1e-6)
    assert_allclose(covariance, FIXED(X_NEW) - across @ inverse @ across.T, atol=1e-6)
    whole_gram = gram + (0.04 + 1e-10) * np.eye(len(y))
    apart = whole_gram[np.ix_(~t, ~t)]
    turned = np.linalg.solve(apart, whole_gram[np.ix_(~t, t)]).T
    expected = multivariate_normal.logpdf(
        y[t], turned @ y[~t], whole_gram[np.ix_(t, t)] - turned @ whole_gram[np.ix_(~t, t)]
    )
    assert_allclose(model.log_likelihood_, expected, rtol=1e-8)
    joint = model.set_params(likelihood="joint").fit(X, y, sample_domain=DOMAINS[rows])
    expected = multivariate_normal.logpdf(y, np.zeros(len(y)), whole_gram)
    assert_allclose(joint.log_likelihood_, expected, rtol=1e-8)


def test_two_tasks_are_related_by_the_product():
    mixing, covariance, _ = task_covariance(np.array([0.5, -0.4]), 0)
    assert mixing.shape == (3, 0)
    assert_allclose(covariance, [[1, -0.2, 0.5], [-0.2, 1, -0.4], [0.5, -0.4, 1]])
    mixing, covariance, _ = task_covariance(np.array([0.5]), 1)
    assert_allclose(mixing, [[0.5]])
    assert_allclose(covariance, [[1 - 0.5**2]])


@pytest.mark.parametrize("n_given", [0, 1, 2])
def test_gradients_are_those_of_finite_differences(n_given):
    kernel = ConstantKernel(1.3) * RBF([0.8, 1.2])
    tasks = np.repeat([0, 1, 2], [20, 25, 12])
    weight, outputs = RNG.uniform(0.5, 2, size=57), RNG.normal(size=(n_given, 57))

    def value(x, *, gradient=False):
        gram, slopes = kernel.clone_with_theta(x[:3])(ROWS, eval_gradient=True)
        rest = tasks, np.exp(x[-3:]), weight, outputs, x[3:-3]
        return log_likelihood(gram, slopes, NUMBERS, *rest)[int(gradient)]

    x = np.concatenate(
        [kernel.theta, [0.7, -0.4, 0.9, 0.2][: 2 + n_given], np.log([0.1, 0.2, 0.3])]
    )
    found = value(x, gradient=True)
    assert_allclose(found, approx_fprime(x, value, 1e-7), rtol=2e-4, atol=2e-4)


def test_a_weight_of_two_counts_as_two_rows():
    weight = RNG.integers(1, 4, size=57)
    rows = np.repeat(np.arange(57), weight)
    kernel, n = FIXED, len(rows)
    tasks = np.repeat([0, 1, 2], [20, 25, 12])
    none, numbers = np.zeros((0, n)), np.array([0.5, 0.8])
    noise = np.array([0.1, 0.2, 0.3])
    once = log_likelihood(
        kernel(ROWS), np.zeros((57, 57, 0)), NUMBERS, tasks, noise, weight, none[:, :57], numbers
    )
    repeated = log_likelihood(
        kernel(ROWS[rows]),
        np.zeros((n, n, 0)),
        NUMBERS[rows],
        tasks[rows],
        noise,
        np.ones(n),
        none,
        numbers,
    )
    assert_allclose(once[0], repeated[0], rtol=1e-6)
    assert_allclose(once[1], repeated[1], rtol=1e-5)


def test_a_model_is_the_limit_of_many_rows_without_noise():
    X, X_target = np.linspace(-2, 2, 80)[:, None], np.linspace(-1.5, 1.5, 6)[:, None]
    source = LinearRegression().fit(X, X[:, 0])
    params = {"kernel": RBF(1.0, "fixed"), "relatedness": 0.8, "normalize_y": False}
    y = np.sin(X_target[:, 0])
    given = AdaptiveGaussianProcessRegressor(source, noise=1e-6, **params).fit(X_target, y)
    rows = AdaptiveGaussianProcessRegressor(noise=1e-6, **params)
    rows.fit(np.r_[X, X_target], np.r_[X[:, 0], y], sample_domain=["lab"] * 80 + ["target"] * 6)
    found, expected = (model.predict(X, return_std=True) for model in (given, rows))
    assert_allclose(found[0], expected[0], atol=1e-3)
    assert_allclose(found[1], expected[1], atol=5e-3)


@quietly
def test_relatedness_has_the_sign_and_the_size_of_the_source():
    functions = np.linalg.cholesky(FIXED(ROWS) + 1e-9 * np.eye(57)) @ RNG.normal(size=(57, 2))
    tasks = np.where(DOMAINS == "target", 1, 0)
    for number in (-0.95, 0.0, 0.95):
        y = np.where(
            tasks == 1,
            number * functions[:, 0] + (1 - number**2) ** 0.5 * functions[:, 1],
            functions[:, 0],
        )
        model = AdaptiveGaussianProcessRegressor(kernel=FIXED, noise=1e-3, normalize_y=False)
        model.fit(ROWS, y, sample_domain=np.where(tasks == 1, "target", "lab"))
        low, high = model.relatedness_interval_[0]
        assert low <= model.relatedness_[0] <= high
        assert low - 0.05 <= number <= high + 0.05


@quietly
def test_a_source_that_says_the_opposite_helps():
    y = np.where(DOMAINS == "target", -rule(ROWS), rule(ROWS))
    model = AdaptiveGaussianProcessRegressor().fit(ROWS, y, sample_domain=DOMAINS)
    assert (model.relatedness_ < -0.9).all()
    assert model.score(X_NEW, -rule(X_NEW)) > 0.95


def test_what_the_likelihood_does_not_say_gives_a_warning():
    rows = np.r_[:21]
    domains = np.where(rows < 20, "field", "target")
    with pytest.warns(TransferWarning, match=r"as 1\.00, but may be anything from -1"):
        model = AdaptiveGaussianProcessRegressor().fit(
            ROWS[rows], NUMBERS[rows], sample_domain=domains
        )
    assert_allclose(model.relatedness_, [0.9999])
    y = rule(ROWS[20:])
    with pytest.warns(TransferWarning, match=r"source 'lab' is at its boundary, 0\.999"):
        AdaptiveGaussianProcessRegressor().fit(ROWS[20:], y, sample_domain=DOMAINS[20:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AdaptiveGaussianProcessRegressor(relatedness=0.9).fit(ROWS, NUMBERS, sample_domain=DOMAINS)


@quietly
def test_numbers_in_other_units_give_the_same():
    model = AdaptiveGaussianProcessRegressor().fit(ROWS, NUMBERS, sample_domain=DOMAINS)
    other = AdaptiveGaussianProcessRegressor()
    other.fit(ROWS, 1000 * NUMBERS + 7, sample_domain=DOMAINS)
    mean, std = model.predict(X_NEW, return_std=True)
    other_mean, other_std = other.predict(X_NEW, return_std=True)
    assert_allclose(other_mean, 1000 * mean + 7, rtol=1e-3)
    assert_allclose(other_std, 1000 * std, rtol=1e-2)
    assert_allclose(other.noise_, 1e6 * model.noise_, rtol=5e-2)


def test_wrong_parameters_are_refused():
    message = (
        "relatedness=[0.5, 0.5, 0.5] has the shape (3,), but there are 2 sources; pass a number "
        "from -1 to 1 for each, a single one, or 'auto'."
    )
    with pytest.raises(ValueError, match=whole(message)):
        AdaptiveGaussianProcessRegressor(relatedness=[0.5, 0.5, 0.5]).fit(
            ROWS, NUMBERS, sample_domain=DOMAINS
        )
    model = AdaptiveGaussianProcessRegressor(**EXACT).fit(X_TARGET, NUMBERS[-12:])
    with pytest.raises(ValueError, match=r"cannot be combined"):
        model.predict(X_NEW, return_std=True, return_cov=True)
