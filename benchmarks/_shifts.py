"""Fifteen simulated shifts between a source and a target, two classes and eight columns."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

N_COLUMNS = 8
STEEPNESS = 5.0
"""How fast the probability of class 1 rises across the border of the classes."""
TURN = 0.5
"""The border of the classes turns by this many radians while the first column grows by one."""
DEVIATIONS = np.array([1.0, 1.2, 0.8, 1.6, 0.6, 1.0, 1.6, 0.6])
PLANES = [(1, 2), (3, 4), (6, 7)]
"""The pairs of columns in which a rotation turns the rows."""


@dataclass(frozen=True)
class Domain:
    """Gaussian rows; the class depends on two columns, and slightly on the first.

    Parameters
    ----------
    mean : float, default=0
        Mean of the first column. If it differs between domains, the rule of the classes is the
        same, but its best linear model is not.
    angle : float, default=0
        Degrees by which the border of the classes is turned.
    share : float, default=None
        Share of class 1; None leaves it at one half, as the rule gives it.
    scale, offset : float, default=1 and 0
        The rows are scaled and moved by these after their classes are drawn: up in every second
        column, down in the others.
    rotation : float, default=0
        Degrees by which the rows are rotated after their classes are drawn.
    noise : float, default=0
        Share of the labels that are wrong.
    columns : pair of int, default=(1, 2)
        The columns that decide the class.
    """

    mean: float = 0.0
    angle: float = 0.0
    share: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    rotation: float = 0.0
    noise: float = 0.0
    columns: tuple = (1, 2)

    def draw(self, n_rows, rng):
        """Return `n_rows` rows and their labels, 0 or 1."""
        X, y = self._draw_rule(n_rows, rng)
        if self.share is not None:
            X, y = self._keep_share(X, y, n_rows, rng)
        wrong = rng.random(n_rows) < self.noise
        return self._move(X), np.where(wrong, 1 - y, y)

    def _draw_rule(self, n_rows, rng):
        Z = rng.normal(size=(n_rows, N_COLUMNS))
        Z[:, 0] += self.mean
        turned = np.deg2rad(self.angle) + TURN * Z[:, 0]
        first, second = self.columns
        margin = np.cos(turned) * Z[:, first] + np.sin(turned) * Z[:, second]
        y = (rng.random(n_rows) < expit(STEEPNESS * margin)).astype(int)
        return Z * DEVIATIONS, y

    def _keep_share(self, X, y, n_rows, rng):
        """Draw until there are enough rows of each class, then keep the share of each."""
        wanted = (rng.random(n_rows) < self.share).astype(int)
        while np.any(np.bincount(y, minlength=2) < np.bincount(wanted, minlength=2)):
            X_more, y_more = self._draw_rule(n_rows, rng)
            X, y = np.vstack([X, X_more]), np.concatenate([y, y_more])
        kept = np.empty(n_rows, dtype=int)
        for label in (0, 1):
            places = np.flatnonzero(wanted == label)
            kept[places] = np.flatnonzero(y == label)[: len(places)]
        return X[kept], y[kept]

    def _move(self, X):
        X = X.copy()
        c, s = np.cos(np.deg2rad(self.rotation)), np.sin(np.deg2rad(self.rotation))
        for first, second in PLANES:
            X[:, [first, second]] = X[:, [first, second]] @ np.array([[c, s], [-s, c]])
        signs = np.where(np.arange(N_COLUMNS) % 2, 1.0, -1.0)
        return X * self.scale**signs + self.offset * signs


SAME = Domain()
SHIFTS = {
    "none": (SAME, SAME),
    "covariate_1": (SAME, Domain(mean=1.25)),
    "covariate_2": (SAME, Domain(mean=2.0)),
    "label_75": (SAME, Domain(share=0.75)),
    "label_92": (SAME, Domain(share=0.92)),
    "concept_30": (SAME, Domain(angle=30)),
    "concept_60": (SAME, Domain(angle=60)),
    "concept_90": (SAME, Domain(angle=90)),
    "flipped": (SAME, Domain(angle=180)),
    "moments_1": (SAME, Domain(scale=1.2, offset=0.75)),
    "moments_2": (SAME, Domain(scale=1.4, offset=1.25)),
    "rotation_30": (SAME, Domain(rotation=30)),
    "rotation_60": (SAME, Domain(rotation=60)),
    "unrelated": (Domain(offset=0.5, columns=(5, 6)), SAME),
    "noise_30": (Domain(noise=0.3), SAME),
}
"""Name of a shift -> its source and its target."""


def simulate(name, *, n_source, n_target, seed):
    """Draw the domains of the shift `name` of `SHIFTS`.

    Parameters
    ----------
    name : str
        A key of `SHIFTS`.
    n_source, n_target : int
        Rows of each domain.
    seed : int or sequence of int
        The same seed gives the same rows; two shifts with one seed are drawn independently.

    Returns
    -------
    X_source : ndarray of shape (n_source, 8)
    y_source : ndarray of shape (n_source,)
        0 or 1.
    X_target : ndarray of shape (n_target, 8)
    y_target : ndarray of shape (n_target,)
    """
    rng = np.random.default_rng([*np.atleast_1d(seed), list(SHIFTS).index(name)])
    source, target = SHIFTS[name]
    return *source.draw(n_source, rng), *target.draw(n_target, rng)
