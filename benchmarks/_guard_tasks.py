"""Thirty real tasks of transfer between domains, prepared alike for linear models.

Office-Caltech with SURF features (12 ordered pairs of domains), MNIST and USPS (2), Amazon reviews
(12), newsgroups (2), mushrooms (2). The domains of a data set share one map to 60 or 100 columns,
which reads no label: principal components or a truncated SVD of the stacked rows. The columns are
centered, and one scale for all gives the rows a root mean square length of 5.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy.sparse import issparse, vstack
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder, normalize

from benchmarks._data import (
    load_amazon_reviews,
    load_mnist_usps,
    load_mushroom,
    load_newsgroups,
    load_office_caltech_surf,
)

ROW_LENGTH = 5.0
MAX_SOURCE_ROWS = 600


@dataclass(frozen=True)
class Task:
    """Transfer from one domain of a data set to another.

    Parameters
    ----------
    data : str
        Name of the data set.
    source, target : str
        Names of the domains.
    domains : dict of str to (X, y)
        All domains of the data set; the classes are numbered from 0.
    """

    data: str
    source: str
    target: str
    domains: dict

    @property
    def name(self):
        """The data set and both domains."""
        return f"{self.data}, {self.source} to {self.target}"

    @property
    def n_classes(self):
        """The number of classes of the target."""
        return len(np.unique(self.domains[self.target][1]))

    def can_label(self, k):
        """Whether every class of the target has more than `k` rows."""
        _, counts = np.unique(self.domains[self.target][1], return_counts=True)
        return bool(counts.min() > k)


def load_tasks(data_home):
    """Read the data and prepare the tasks.

    Returns
    -------
    tasks : list of 30 Task
        In the order of the module's docstring.
    """
    prepared = {
        "office": prepare_office(load_office_caltech_surf(data_home)),
        "digits": _digits(load_mnist_usps(data_home)),
        "amazon": _reviews(load_amazon_reviews(data_home)),
        "newsgroups": _messages(load_newsgroups(data_home)),
        "mushroom": _mushrooms(load_mushroom(data_home)),
    }
    return [
        Task(data, source, target, domains)
        for data, domains in prepared.items()
        for source, target in permutations(domains, 2)
    ]


def draw_source(X, y, rng, *, max_rows=MAX_SOURCE_ROWS):
    """Return at most `max_rows` rows, drawn without replacement, and their labels."""
    rows = rng.permutation(len(y))[:max_rows]
    return X[rows], y[rows]


def draw_labelled(y, k, rng):
    """Return the positions of `k` rows a class, and those of the other rows.

    Returns
    -------
    labelled : ndarray of shape (k * n_classes,)
    rest : ndarray of shape (n_samples - k * n_classes,)
    """
    labelled = np.concatenate(
        [rng.choice(np.flatnonzero(y == label), k, replace=False) for label in np.unique(y)]
    )
    return labelled, np.setdiff1d(np.arange(len(y)), labelled)


def prepare_office(domains):
    """Return the domains of Office-Caltech in 100 common columns."""
    return _project(
        {name: (X / X.sum(axis=1, keepdims=True), y) for name, (X, y) in domains.items()},
        PCA(100, random_state=0),
    )


def _digits(domains):
    unit = {name: (normalize(X), y) for name, (X, y) in domains.items()}
    return _project(unit, PCA(60, random_state=0))


def _reviews(domains):
    vectorizer = TfidfVectorizer(max_features=5000, sublinear_tf=True, min_df=3)
    vectorizer.fit([text for texts, _ in domains.values() for text in texts])
    counts = {name: (vectorizer.transform(texts), y) for name, (texts, y) in domains.items()}
    return _project(counts, TruncatedSVD(100, random_state=0))


def _messages(domains):
    tfidf = TfidfTransformer(sublinear_tf=True).fit(vstack([X for X, _ in domains.values()]))
    weighted = {name: (tfidf.transform(X), y) for name, (X, y) in domains.items()}
    return _project(weighted, TruncatedSVD(100, random_state=0))


def _mushrooms(domains):
    encoder = OneHotEncoder(sparse_output=False)
    encoder.fit(np.vstack([X for X, _ in domains.values()]))
    coded = {name: (encoder.transform(X), y) for name, (X, y) in domains.items()}
    return _project(coded, PCA(60, random_state=0))


def _project(domains, reducer):
    """Map the rows of all domains by one `reducer`, center them and scale them."""
    parts = [X for X, _ in domains.values()]
    Z = reducer.fit_transform(vstack(parts) if issparse(parts[0]) else np.vstack(parts))
    Z -= Z.mean(axis=0)
    Z *= ROW_LENGTH / np.sqrt(np.mean(np.sum(Z**2, axis=1)))
    ends = np.cumsum([X.shape[0] for X in parts])[:-1]
    _, codes = np.unique(np.concatenate([y for _, y in domains.values()]), return_inverse=True)
    pairs = zip(np.split(Z, ends), np.split(codes, ends), strict=True)
    return dict(zip(domains, pairs, strict=True))
