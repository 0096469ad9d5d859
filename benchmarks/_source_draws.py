"""Draws of sources, labelled target rows and a test, from data and from made-up functions."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, issparse, vstack
from sklearn.feature_extraction.text import CountVectorizer

N_LABELLED = 15
N_SOURCE_SCHOOLS = 20


@dataclass(frozen=True)
class Draw:
    """The sources (name -> rows and labels), the labelled rows of the target, and the test."""

    sources: dict
    labelled: tuple
    test: tuple

    def pooled(self, names=None):
        """Give rows, labels and domains of the sources in `names` (None: all) and the target."""
        parts = {name: self.sources[name] for name in (self.sources if names is None else names)}
        parts["target"] = self.labelled
        X, y = zip(*parts.values())
        domains = np.repeat(list(parts), [len(labels) for labels in y])
        return _stack(X), np.concatenate(y), domains

    def source(self):
        """Give rows and labels of all sources."""
        X, y = zip(*self.sources.values())
        return _stack(X), np.concatenate(y)


def _stack(parts):
    return csr_array(vstack(parts)) if issparse(parts[0]) else np.concatenate(parts)


def friedman(n_rows, rng, shift=0.0):
    """Give rows and labels of Friedman #1 with coefficients that `shift` moves; 0: none does.

    ``y = 10 a1 sin(pi (b1 x1 + c1) (b2 x2 + c2)) + 20 a2 (b3 x3 + c3 - 1/2)^2 + 10 a3 (b4 x4 + c4)
    + 5 a4 (b5 x5 + c5) + N(0, 1)``, with a and b of N(1, (shift / 10)^2), c of N(0, (shift /
    20)^2), and ten features, uniform in 0..1, of which five say nothing.
    """
    a, b = 1 + shift / 10 * rng.normal(size=4), 1 + shift / 10 * rng.normal(size=5)
    c = shift / 20 * rng.normal(size=5)
    X = rng.uniform(size=(n_rows, 10))
    z = b * X[:, :5] + c
    y = 10 * a[0] * np.sin(np.pi * z[:, 0] * z[:, 1]) + 20 * a[1] * (z[:, 2] - 0.5) ** 2
    return X, y + 10 * a[2] * z[:, 3] + 5 * a[3] * z[:, 4] + rng.normal(size=n_rows)


def draw_friedman(seed, *, n_sources, shift):
    """Draw sources of 100 rows each, 15 labelled target rows and 600 to test on."""
    rng = np.random.default_rng(seed)
    sources = {f"source {k}": friedman(100, rng, shift) for k in range(n_sources)}
    return Draw(sources, friedman(N_LABELLED, rng), friedman(600, rng))


def draw_schools(seed, *, schools):
    """Draw a school of 60 pupils at least as target, 15 of them labelled, and 20 as sources."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(schools))
    target = next(k for k in order if len(schools[k][1]) >= 60)
    others = [k for k in order if k != target][:N_SOURCE_SCHOOLS]
    X, y = schools[target]
    rows = rng.permutation(len(y))
    labelled, test = rows[:N_LABELLED], rows[N_LABELLED:]
    sources = {f"school {k}": schools[k] for k in others}
    return Draw(sources, (X[labelled], y[labelled]), (X[test], y[test]))


def draw_classes(seed, *, domains, target, n_labels):
    """Draw `n_labels` rows of each class of the target; the others are the test."""
    rng = np.random.default_rng(seed)
    X, y = domains[target]
    mask = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        mask[rng.choice(np.flatnonzero(y == label), n_labels, replace=False)] = True
    sources = {name: domain for name, domain in domains.items() if name != target}
    return Draw(sources, (X[mask], y[mask]), (X[~mask], y[~mask]))


def draw_borders(seed, *, angles):
    """Draw sources of 200 rows whose border is turned by these angles, in degrees.

    Two features say the class, by a straight border, and eight say nothing. Of the target's rows 20
    are labelled, and 1000 are the test.
    """
    rng = np.random.default_rng(seed)
    sources = {f"turned by {angle}": border(200, rng, angle) for angle in angles}
    return Draw(sources, border(20, rng, 0), border(1000, rng, 0))


def border(n_rows, rng, angle):
    """Give rows and classes: the side of a line through the origin, turned by `angle` degrees."""
    X = rng.normal(size=(n_rows, 10))
    radians = np.deg2rad(angle)
    side = np.cos(radians) * X[:, 0] + np.sin(radians) * X[:, 1] > 0
    return X, side.astype(int)


def count_terms(domains):
    """Give the domains with a row of 0 and 1 for each text: which of 2000 terms it has."""
    counter = CountVectorizer(binary=True, max_features=2000)
    counter.fit([text for texts, _ in domains.values() for text in texts])
    return {
        name: (csr_array(counter.transform(texts), dtype=float), y)
        for name, (texts, y) in domains.items()
    }
