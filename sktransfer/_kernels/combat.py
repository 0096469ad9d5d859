"""Location and scale of each site, shrunk toward those of its other features: ComBat.

``x_g = a_g + c b_g + s_g (l_ig + d_ig e)`` for feature ``g`` of a row of site ``i`` with the
covariates ``c``. Over the features of a site, ``l_ig`` is normal and ``d_ig^2`` inverse gamma, with
moments of the data. Johnson, Li and Rabinovic, "Adjusting batch effects in microarray expression
data using empirical Bayes methods", Biostatistics 2007,
https://doi.org/10.1093/biostatistics/kxj037.
"""

from typing import NamedTuple

import numpy as np

TOLERANCE = 1e-10  # relative change of the posterior at the end; the paper's code stops at 1e-4
MOST_STEPS = 1000


class SiteEffects(NamedTuple):
    """The common part of all sites, and the effect of each.

    `mean`, `scale` (n_features,) and `slopes` (n_covariates, n_features); `location` and `spread`
    (n_sites, n_features), in units of `scale`. `spread` is a standard deviation.
    """

    mean: np.ndarray
    scale: np.ndarray
    slopes: np.ndarray
    location: np.ndarray
    spread: np.ndarray


def site_effects(X, sites, covariates, *, reference=None):
    """Estimate the effect of each site.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
    sites : ndarray of shape (n_samples,), dtype int
        From 0, each at least twice.
    covariates : ndarray of shape (n_samples, n_covariates)
    reference : int, default=None
        The site whose mean and scale all get, and which has no effect. None: the mean and the scale
        of all rows.

    Returns
    -------
    effects : SiteEffects
        A feature that is constant but for sites and covariates has the scale 0. Its location is 0
        and its spread 1 at each site.
    """
    counts = np.bincount(sites)
    indicators = np.eye(len(counts))[sites]
    centered = covariates - covariates.mean(axis=0)
    coefficients = np.linalg.lstsq(np.column_stack([indicators, centered]), X, rcond=None)[0]
    means, slopes = coefficients[: len(counts)], coefficients[len(counts) :]
    residuals = X - indicators @ means - centered @ slopes
    mean = counts @ means / len(X) if reference is None else means[reference]
    kept = slice(None) if reference is None else sites == reference
    scale = np.sqrt((residuals[kept] ** 2).mean(axis=0))
    largest = np.abs(X).max(axis=0)
    scale[scale <= 1e-12 * largest] = 0
    location, spread = np.zeros(means.shape), np.ones(means.shape)
    varies = scale > 0
    Z = (X - mean - centered @ slopes)[:, varies] / scale[varies]
    for site in range(len(counts)):
        if site != reference and varies.any():
            location[site, varies], variance = posterior(Z[sites == site])
            spread[site, varies] = np.sqrt(variance)
    mean = mean - covariates.mean(axis=0) @ slopes
    return SiteEffects(mean, scale, slopes, location, spread)


def posterior(Z):
    """Return the shrunk location and variance of each feature of a site.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_features)
        Two rows at least, standardized. A single feature is not shrunk.

    Returns
    -------
    location, variance : ndarray of shape (n_features,)
    """
    n_rows, n_features = Z.shape
    means, variances = Z.mean(axis=0), Z.var(axis=0, ddof=1)
    if n_features == 1:
        return means, np.maximum(variances, np.finfo(np.float64).tiny)
    center, width = means.mean(), means.var(ddof=1)
    typical, spread = variances.mean(), variances.var(ddof=1)
    if not typical > 0:
        return means, np.ones(n_features)
    spread = max(spread, 1e-12 * typical**2)  # equal variances: all of them the typical one
    shape = 2 + typical**2 / spread
    rate = typical * (shape - 1)
    scatter = (n_rows - 1) * variances
    location, variance = means, variances
    for _ in range(MOST_STEPS):
        before = np.concatenate([location, variance])
        location = (n_rows * width * means + variance * center) / (n_rows * width + variance)
        sums = scatter + n_rows * (means - location) ** 2
        variance = (rate + sums / 2) / (n_rows / 2 + shape - 1)
        after = np.concatenate([location, variance])
        if np.abs(after - before).max() <= TOLERANCE * np.abs(after).max():
            break
    return location, variance


def harmonized(X, covariates, effects, site):
    """Return rows of a site without its effect.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    covariates : ndarray of shape (n_samples, n_covariates)
    effects : SiteEffects
    site : int

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    """
    expected = effects.mean + covariates @ effects.slopes
    rest = X - expected - effects.scale * effects.location[site]
    return np.where(effects.scale > 0, expected + rest / effects.spread[site], X)
