"""A Gaussian prior over the coefficients of tasks, learned from many tasks by EM.

The coefficients ``w`` of a task are drawn from the cluster k with probability ``p_k``, then from a
normal distribution with mean ``m_k`` and covariance ``S_k``. Labels are ``x w`` plus noise of
variance v, or classes with the log-odds ``x w``. B. Bakker, T. Heskes, "Task Clustering and Gating
for Bayesian Multitask Learning", JMLR 4, 2003, https://www.jmlr.org/papers/v4/bakker03a.html.

Rows, and numbers to predict, are taken to have variance 1, and a weak prior is added. ``m_k`` is
normal with covariance 1. ``S_k`` is as if one further task had deviations of covariance ``1 /
n_columns``, and v as if one further row had an error of 0.1.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

# The squared error of a further row in the weak prior of the noise.
_FURTHER_ERROR = 0.01

# The most Newton steps, and the most halvings of one, to the mode of a task's posterior.
_MAX_NEWTON = 25


@dataclass(frozen=True)
class Prior:
    """A mixture of normal distributions of coefficients.

    Parameters
    ----------
    shares : ndarray of shape (n_clusters,)
    means : ndarray of shape (n_clusters, n_columns)
    covariances : ndarray of shape (n_clusters, n_columns, n_columns)
    noise : float
        The variance of the noise; not used for classes.
    """

    shares: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    noise: float = 1.0

    @property
    def log_density(self):
        """The logarithm of the weak prior on it, up to a constant."""
        n_columns = self.means.shape[1]
        inverse = np.linalg.inv(self.covariances)
        scaled = np.trace(inverse, axis1=1, axis2=2).sum() / n_columns
        spread = np.linalg.slogdet(self.covariances)[1].sum() + scaled
        noise = np.log(self.noise) + _FURTHER_ERROR / self.noise
        return float(-0.5 * (spread + noise + np.sum(self.means**2)))

    def as_posteriors(self):
        """Return it as the posterior of one task without rows."""
        with np.errstate(divide="ignore"):
            shares = np.log(self.shares)[:, None]
        return Posteriors(self.means[:, None], self.covariances[:, None], shares)

    def moments(self):
        """Return its mean, (1, n_columns), and its covariance, (1, n_columns, n_columns)."""
        return self.as_posteriors().moments()


@dataclass(frozen=True)
class Statistics:
    """Sums over the rows of each task, with weights.

    Parameters
    ----------
    grams : ndarray of shape (n_tasks, n_columns, n_columns)
        ``X^T X``.
    moments : ndarray of shape (n_tasks, n_columns)
        ``X^T y``.
    squares : ndarray of shape (n_tasks,)
        ``y^T y``.
    counts : ndarray of shape (n_tasks,)
    """

    grams: np.ndarray
    moments: np.ndarray
    squares: np.ndarray
    counts: np.ndarray

    def __add__(self, other):
        return Statistics(
            self.grams + other.grams,
            self.moments + other.moments,
            self.squares + other.squares,
            self.counts + other.counts,
        )


@dataclass(frozen=True)
class Posteriors:
    """The posterior of each task in each cluster.

    Parameters
    ----------
    means : ndarray of shape (n_clusters, n_tasks, n_columns)
    covariances : ndarray of shape (n_clusters, n_tasks, n_columns, n_columns)
    log_joint : ndarray of shape (n_clusters, n_tasks)
        The logarithm of the share of a cluster and of the marginal likelihood of a task in it.
    """

    means: np.ndarray
    covariances: np.ndarray
    log_joint: np.ndarray

    @property
    def evidence(self):
        """The log marginal likelihood of all tasks."""
        return float(np.logaddexp.reduce(self.log_joint, axis=0).sum())

    @property
    def responsibilities(self):
        """The probability of each cluster for each task, (n_clusters, n_tasks)."""
        return np.exp(self.log_joint - np.logaddexp.reduce(self.log_joint, axis=0))

    def moments(self):
        """Return the means and the covariances of tasks over all clusters.

        Returns
        -------
        means : ndarray of shape (n_tasks, n_columns)
        covariances : ndarray of shape (n_tasks, n_columns, n_columns)
        """
        if len(self.means) == 1:
            return self.means[0], self.covariances[0]
        shares = self.responsibilities
        mean = np.einsum("kt,kti->ti", shares, self.means)
        apart = self.means - mean
        spread = np.einsum("kt,ktij->tij", shares, self.covariances)
        return mean, spread + np.einsum("kt,kti,ktj->tij", shares, apart, apart)


def gaussian_posteriors(prior, statistics):
    """Return the exact posteriors of tasks of numbers.

    Parameters
    ----------
    prior : Prior
    statistics : Statistics

    Returns
    -------
    posteriors : Posteriors
    """
    found = []
    diagonal = np.arange(prior.means.shape[1])
    for mean, covariance in zip(prior.means, prior.covariances, strict=True):
        root = np.linalg.cholesky(covariance)
        systems = root.T @ statistics.grams @ root / prior.noise
        systems[:, diagonal, diagonal] += 1
        rest = statistics.moments - statistics.grams @ mean
        squares = statistics.squares - (statistics.moments + rest) @ mean
        sides = rest @ root / prior.noise
        inverse = np.linalg.inv(systems)
        steps = np.einsum("tij,tj->ti", inverse, sides)
        likelihood = -0.5 * (
            statistics.counts * np.log(2 * np.pi * prior.noise)
            + np.linalg.slogdet(systems)[1]
            + squares / prior.noise
            - np.sum(steps * sides, axis=1)
        )
        found.append((mean + steps @ root.T, root @ inverse @ root.T, likelihood))
    return _posteriors(prior, found)


def _posteriors(prior, found):
    """Stack the means, covariances and log marginal likelihoods in each cluster."""
    means, covariances, likelihoods = (np.array(parts) for parts in zip(*found, strict=True))
    with np.errstate(divide="ignore"):
        return Posteriors(means, covariances, np.log(prior.shares)[:, None] + likelihoods)


def improved(prior, posteriors, statistics=None, *, rank=None):
    """Return the prior of the next step of EM.

    Parameters
    ----------
    prior : Prior
    posteriors : Posteriors
        Those of tasks under it.
    statistics : Statistics, default=None
        Those of numbers; None for classes, which have no noise.
    rank : int or None, default=None
        The rank of covariances beside a multiple of the identity. None: not restricted.

    Returns
    -------
    prior : Prior
    """
    shares = posteriors.responsibilities
    sizes, n_columns = shares.sum(axis=1), prior.means.shape[1]
    means, covariances = np.empty_like(prior.means), np.empty_like(prior.covariances)
    for k, size in enumerate(sizes):
        pull = size * np.eye(n_columns) + prior.covariances[k]
        means[k] = np.linalg.solve(pull, shares[k] @ posteriors.means[k])
        apart = posteriors.means[k] - means[k]
        spread = np.tensordot(shares[k], posteriors.covariances[k], axes=1)
        spread += (shares[k][:, None] * apart).T @ apart
        spread[np.diag_indices(n_columns)] += 1 / n_columns
        covariances[k] = _of_rank(spread / (size + 1), rank)
    noise = prior.noise
    if statistics is not None:
        error = np.sum(shares * _expected_squares(posteriors, statistics))
        noise = (error + _FURTHER_ERROR) / (statistics.counts.sum() + 1)
    return Prior(sizes / sizes.sum(), means, covariances, noise)


def _expected_squares(posteriors, statistics):
    """Return the expected sum of squared errors of each task in each cluster."""
    fitted = np.einsum("tij,ktj->kti", statistics.grams, posteriors.means)
    spread = np.einsum("tij,ktij->kt", statistics.grams, posteriors.covariances)
    errors = np.einsum("kti,kti->kt", posteriors.means, fitted - 2 * statistics.moments)
    return statistics.squares + errors + spread


def _of_rank(covariance, rank):
    """Return the most likely covariance with some free axes and one variance for all others."""
    if rank is None or rank >= len(covariance) - 1:
        return covariance
    values, vectors = np.linalg.eigh(covariance)
    values[: len(values) - rank] = values[: len(values) - rank].mean()
    return (vectors * values) @ vectors.T


def first_prior(n_columns, *, noise=0.5):
    """Return the prior that EM starts from: no mean, and all columns alike."""
    return Prior(np.ones(1), np.zeros((1, n_columns)), np.eye(n_columns)[None] / n_columns, noise)


def split_prior(prior, labels, coefficients):
    """Return a mixture whose clusters start at groups of tasks.

    Parameters
    ----------
    prior : Prior
        Of one cluster.
    labels : ndarray of shape (n_tasks,), dtype int
        The group of each task; none is empty.
    coefficients : ndarray of shape (n_tasks, n_columns)

    Returns
    -------
    prior : Prior
    """
    groups = np.unique(labels)
    means = np.array([coefficients[labels == k].mean(axis=0) for k in groups])
    shares = np.array([np.mean(labels == k) for k in groups])
    covariances = np.repeat(prior.covariances, len(groups), axis=0)
    return Prior(shares, means, covariances, prior.noise)


def learn(prior, posteriors_of, *, statistics=None, rank=None, weight, tol, max_iter):
    """Run EM until the objective of a row changes by less than `tol`.

    Parameters
    ----------
    prior : Prior
        To start from.
    posteriors_of : callable
        Returns the `Posteriors` under a prior.
    statistics, rank
        As in `improved`.
    weight : float
        The number of rows.
    tol : float
    max_iter : int

    Returns
    -------
    prior : Prior
    posteriors : Posteriors
        Those of tasks under it.
    objectives : list of float
        The log marginal likelihood and that of the weak prior, before each step and at the end.
    """
    posteriors, objectives = posteriors_of(prior), []
    for _ in range(max_iter):
        objectives.append(posteriors.evidence + prior.log_density)
        if len(objectives) > 1 and objectives[-1] - objectives[-2] < tol * weight:
            return prior, posteriors, objectives
        prior = improved(prior, posteriors, statistics, rank=rank)
        posteriors = posteriors_of(prior)
    return prior, posteriors, [*objectives, posteriors.evidence + prior.log_density]


@dataclass(frozen=True)
class ClassRows:
    """Rows of tasks of classes, those of a task together.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
    is_class : ndarray of shape (n_rows,), dtype float64
        1 for rows of the class, 0 for others.
    sample_weight : ndarray of shape (n_rows,)
    starts : ndarray of shape (n_tasks,), dtype int
        The first row of each task, each of which has one.
    """

    X: np.ndarray
    is_class: np.ndarray
    sample_weight: np.ndarray
    starts: np.ndarray

    def sums(self, values):
        """Return the sums of values of rows over each task."""
        if len(self.starts) == 1:
            return values.sum(axis=0, keepdims=True)
        return np.add.reduceat(values, self.starts, axis=0)

    def products(self, weights):
        """Return ``X^T diag(weights) X`` of each task."""
        weighted = weights[:, None] * self.X
        if len(self.starts) == 1:
            return (weighted.T @ self.X)[None]
        columns = [self.sums(weighted * self.X[:, [k]]) for k in range(self.X.shape[1])]
        return np.stack(columns, axis=1)

    def scores(self, coefficients):
        """Return the score of each row by the coefficients of its task."""
        if len(self.starts) == 1:
            return self.X @ coefficients[0]
        counts = np.diff([*self.starts, len(self.X)])
        return np.sum(self.X * np.repeat(coefficients, counts, axis=0), axis=1)


def laplace_posteriors(prior, rows, starts=None, *, least_gain=1e-12):
    """Return normal approximations of the posteriors of tasks of classes, about their modes.

    Parameters
    ----------
    prior : Prior
    rows : ClassRows
    starts : ndarray of shape (n_clusters, n_tasks, n_columns), default=None
        The start of Newton's steps. None: the mean of the prior.
    least_gain : float, default=1e-12
        The gain of log density of a step, for any task, at which steps end.

    Returns
    -------
    posteriors : Posteriors
    """
    n_tasks, found = len(rows.starts), []
    for k, mean in enumerate(prior.means):
        precision = np.linalg.inv(prior.covariances[k])
        start = np.repeat(mean[None], n_tasks, axis=0) if starts is None else starts[k]
        modes, heights, systems = _modes(rows, mean, precision, start, least_gain)
        logdet = np.linalg.slogdet(systems)[1] - np.linalg.slogdet(precision)[1]
        found.append((modes, np.linalg.inv(systems), heights - 0.5 * logdet))
    return _posteriors(prior, found)


def _modes(rows, mean, precision, modes, least_gain):
    """Return the modes of the posteriors, their log densities without constants and curvatures."""
    heights, scores = _heights(rows, mean, precision, modes)
    for left in reversed(range(_MAX_NEWTON)):
        chances = expit(scores)
        systems = rows.products(rows.sample_weight * chances * (1 - chances)) + precision
        slopes = rows.sample_weight * (rows.is_class - chances)
        gradients = rows.sums(slopes[:, None] * rows.X) - (modes - mean) @ precision
        steps = np.linalg.solve(systems, gradients[:, :, None])[:, :, 0]
        if left == 0 or np.sum(steps * gradients, axis=1).max() <= least_gain:
            break
        size = np.ones((len(modes), 1))
        for _ in range(_MAX_NEWTON):
            found, scores = _heights(rows, mean, precision, modes + size * steps)
            worse = found < heights - 1e-12 * np.abs(heights)
            if not worse.any():
                break
            size[worse] /= 2
        modes, heights = modes + size * steps, found
    return modes, heights, systems


def _heights(rows, mean, precision, modes):
    """Return the log densities of the posteriors without constants, and the scores of rows."""
    scores = rows.scores(modes)
    losses = rows.sample_weight * (np.logaddexp(0, scores) - rows.is_class * scores)
    apart = modes - mean
    return -rows.sums(losses) - 0.5 * np.sum(apart @ precision * apart, axis=1), scores
