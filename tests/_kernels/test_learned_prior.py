"""A prior over the coefficients of tasks: posteriors, marginal likelihoods and the steps of EM."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from scipy.stats import multivariate_normal, norm

from sktransfer._kernels.learned_prior import (
    ClassRows,
    Prior,
    Statistics,
    first_prior,
    gaussian_posteriors,
    improved,
    laplace_posteriors,
    learn,
    split_prior,
)
from sktransfer._kernels.multi_task import task_products

RNG = np.random.default_rng(0)
N_TASKS, N_ROWS, N_COLUMNS = 30, 5, 3
CODES = np.repeat(np.arange(N_TASKS), N_ROWS)
X = RNG.normal(size=(N_TASKS * N_ROWS, N_COLUMNS))
RULES = RNG.normal(size=N_COLUMNS) + [1.0, 0.3, 0.1] * RNG.normal(size=(N_TASKS, N_COLUMNS))
Y = np.sum(X * RULES[CODES], axis=1) + 0.5 * RNG.normal(size=len(X))
ROOTS = RNG.normal(size=(2, N_COLUMNS, N_COLUMNS))
PRIOR = Prior(
    np.array([0.3, 0.7]),
    RNG.normal(size=(2, N_COLUMNS)),
    ROOTS @ ROOTS.transpose(0, 2, 1) + np.eye(N_COLUMNS),
    0.4,
)


def _statistics(rows=slice(None)):
    grams, moments = task_products(
        X[rows], CODES[rows], Y[rows, None], np.ones(len(X[rows])), n_tasks=N_TASKS
    )
    counts = np.bincount(CODES[rows], minlength=N_TASKS)
    squares = np.bincount(CODES[rows], Y[rows] ** 2, minlength=N_TASKS)
    return Statistics(grams, moments[:, :, 0], squares, counts)


def _class_rows():
    return ClassRows(X, (Y > 0).astype(float), np.ones(len(X)), np.arange(N_TASKS) * N_ROWS)


def test_posteriors_and_marginal_likelihoods_are_those_of_normal_distributions():
    found = gaussian_posteriors(PRIOR, _statistics())
    for k in range(2):
        mean, covariance = PRIOR.means[k], PRIOR.covariances[k]
        for task in range(3):
            rows = X[task == CODES]
            whole = rows @ covariance @ rows.T + PRIOR.noise * np.eye(N_ROWS)
            rest, gain = Y[task == CODES] - rows @ mean, covariance @ rows.T @ np.linalg.inv(whole)
            assert_allclose(found.means[k, task], mean + gain @ rest)
            assert_allclose(found.covariances[k, task], covariance - gain @ rows @ covariance)
            expected = np.log(PRIOR.shares[k]) + multivariate_normal(cov=whole).logpdf(rest)
            assert_allclose(found.log_joint[k, task], expected)
    assert_allclose(found.evidence, logsumexp(found.log_joint, axis=0).sum())
    assert_allclose(found.responsibilities.sum(axis=0), 1)


def test_the_moments_of_a_mixture_are_those_of_draws():
    means, covariances = PRIOR.moments()
    rng = np.random.default_rng(1)
    drawn = np.concatenate(
        [
            rng.multivariate_normal(PRIOR.means[k], PRIOR.covariances[k], size=size)
            for k, size in enumerate([60_000, 140_000])
        ]
    )
    assert_allclose(means[0], drawn.mean(axis=0), atol=0.03)
    assert_allclose(covariances[0], np.cov(drawn.T), atol=0.1)


def test_rows_in_parts_are_rows_at_once():
    first, rest = slice(0, 40), slice(40, None)
    both = _statistics(first) + _statistics(rest)
    found, expected = (gaussian_posteriors(PRIOR, parts) for parts in (both, _statistics()))
    assert_allclose(found.means, expected.means, rtol=1e-10)
    assert_allclose(found.log_joint, expected.log_joint, rtol=1e-10)


@pytest.mark.parametrize("rank", [None, 1, 0])
@pytest.mark.parametrize("n_clusters", [1, 2])
def test_em_never_lowers_the_marginal_likelihood(rank, n_clusters):
    statistics = _statistics()

    def posteriors_of(prior):
        return gaussian_posteriors(prior, statistics)

    start = first_prior(N_COLUMNS) if n_clusters == 1 else PRIOR
    settings = {"rank": rank, "weight": len(X), "tol": 0.0}
    if n_clusters == 2:  # within the restriction before the first step
        start = improved(start, posteriors_of(start), statistics, rank=rank)
    found = learn(start, posteriors_of, statistics=statistics, max_iter=60, **settings)
    steps = np.diff(found[2])
    assert len(steps) > 20
    assert steps.min() > -1e-9
    assert steps[:5].min() > 0


def test_em_ends_where_the_marginal_likelihood_is_largest():
    statistics = _statistics()

    def posteriors_of(prior):
        return gaussian_posteriors(prior, statistics)

    start = first_prior(N_COLUMNS)
    prior, posteriors, objectives = learn(
        start, posteriors_of, statistics=statistics, weight=len(X), tol=1e-12, max_iter=3000
    )
    rng, root = np.random.default_rng(2), np.linalg.cholesky(prior.covariances[0])
    for _ in range(20):
        moved = root + 0.02 * np.tril(rng.normal(size=root.shape))
        means = prior.means + 0.02 * rng.normal(size=prior.means.shape)
        noise = prior.noise * np.exp(0.02 * rng.normal())
        other = Prior(prior.shares, means, (moved @ moved.T)[None], noise)
        assert posteriors_of(other).evidence + other.log_density < objectives[-1]
    assert posteriors.evidence + prior.log_density == objectives[-1]


def test_a_rank_leaves_one_variance_to_all_other_directions():
    statistics = _statistics()
    found = improved(PRIOR, gaussian_posteriors(PRIOR, statistics), statistics, rank=1)
    values = np.linalg.eigvalsh(found.covariances)
    assert_allclose(values[:, 0], values[:, 1])
    assert (values[:, 2] > 1.01 * values[:, 1]).all()


def test_modes_of_classes_have_the_largest_posterior_density():
    rows = _class_rows()
    found = laplace_posteriors(PRIOR, rows)
    for k in range(2):
        precision = np.linalg.inv(PRIOR.covariances[k])
        for task in range(4):
            part = task == CODES

            def negative(w, part=part, mean=PRIOR.means[k], precision=precision):
                scores = X[part] @ w
                likelihood = np.sum((Y[part] > 0) * scores - np.logaddexp(0, scores))
                return -likelihood + 0.5 * (w - mean) @ precision @ (w - mean)

            best = minimize(negative, np.zeros(N_COLUMNS), options={"gtol": 1e-9})
            assert_allclose(found.means[k, task], best.x, atol=1e-4)
            p = expit(X[part] @ best.x)
            inverse = (X[part].T * (p * (1 - p))) @ X[part] + precision
            assert_allclose(found.covariances[k, task], np.linalg.inv(inverse), rtol=1e-3)


def test_the_marginal_likelihood_of_classes_is_near_the_integral():
    """One column, so that the integral is a sum; ten rows, so that the posterior is near normal."""
    rows = ClassRows(X[:10, :1], (Y[:10] > 0) * 1.0, np.ones(10), np.zeros(1, dtype=int))
    prior = Prior(np.ones(1), np.array([[0.3]]), np.array([[[0.5]]]))
    grid = np.linspace(-8, 8, 4001)
    scores = rows.X * grid
    likelihood = np.sum(rows.is_class[:, None] * scores - np.logaddexp(0, scores), axis=0)
    density = np.exp(likelihood) * norm(0.3, np.sqrt(0.5)).pdf(grid)
    expected = np.log(density.sum() * (grid[1] - grid[0]))
    assert_allclose(laplace_posteriors(prior, rows).evidence, expected, atol=0.03)


def test_one_task_is_computed_as_among_others():
    rows = _class_rows()
    alone = ClassRows(X[:N_ROWS], rows.is_class[:N_ROWS], np.ones(N_ROWS), np.zeros(1, dtype=int))
    found, expected = (laplace_posteriors(PRIOR, part) for part in (alone, rows))
    assert_allclose(found.means[:, 0], expected.means[:, 0], atol=1e-5)
    assert_allclose(found.log_joint[:, 0], expected.log_joint[:, 0], atol=1e-5)


def test_a_split_starts_at_the_means_of_groups():
    labels = np.arange(N_TASKS) % 3
    prior = split_prior(first_prior(N_COLUMNS), labels, RULES)
    assert_allclose(prior.shares, 1 / 3)
    assert_allclose(prior.means[1], RULES[1::3].mean(axis=0))
