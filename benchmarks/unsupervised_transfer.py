"""Clusters of a target without labels: what rows of a source add to k-means.

Agreement with the true classes is normalized mutual information, the mean of the draws. Methods of
the target alone are k-means, k-means along principal components, and co-clusters. The
discriminant analysis of the source is fitted on its labels, and k-means runs along its
directions. Texts are logarithms of counts of unit length for k-means, and counts for co-clusters.
Pixels are their brightness, with ten clusters of digits or five.

No parameter is chosen on a table, with one exception: the default ridge of
TransferredDiscriminantAnalysis was chosen after a look at digits and made rows.
"""

import numpy as np
from scipy.sparse import csr_array, issparse, vstack
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import normalize

from benchmarks._data import load_mnist_usps, load_newsgroups
from benchmarks._runner import Table
from sktransfer import SelfTaughtClustering, TransferredDiscriminantAnalysis

METHODS = (
    "k-means",
    "k-means of components",
    "co-clusters, target alone",
    "self-taught",
    "self-taught, weight 5",
    "k-means after source LDA",
    "transferred LDA",
)


def make_texts(seed, n_target):
    """Return source, target and topics: words of eight groups, which topics pair otherwise."""
    rng = np.random.default_rng(seed)
    group = np.arange(300) % 8
    pairs = [(0, 2), (1, 4), (3, 6), (5, 7)], [(0, 1), (2, 3), (4, 5), (6, 7)]
    parts = []
    for each, count in zip(pairs, (500, n_target), strict=True):
        topic = rng.integers(4, size=count)
        chances = [np.where(np.isin(group, pair), 0.45, 0.1 / 6) for pair in each]
        rows = [rng.multinomial(10, chances[k] / chances[k].sum()) for k in topic]
        parts.append((csr_array(np.array(rows, dtype=float)), topic))
    return parts


def make_persons(seed, n_target):
    """Return rows of ten known and four unknown persons, of which light changes more."""
    rng = np.random.default_rng(seed)
    axes, light = rng.normal(size=(4, 20)), 4 * rng.normal(size=(3, 20))
    parts = []
    for n_persons, count in ((10, 200), (4, n_target)):
        person = np.arange(count) % n_persons
        faces = 2 * rng.normal(size=(n_persons, 4)) @ axes
        noise = rng.normal(size=(count, 3)) @ light + rng.normal(size=(count, 20))
        parts.append((faces[person] + noise, person))
    return parts


def agreements(source, target, *, counts):
    """Return the agreement of each method with the labels of the target; None if it cannot run.

    Parameters
    ----------
    source, target : (X, y)
    counts : bool
        Whether values are counts of words. Labels of the source are then not used.
    """
    (X_source, y_source), (X_target, y_target) = source, target
    n_clusters = len(np.unique(y_target))
    stack = vstack if issparse(X_target) else np.concatenate
    X = stack([X_source, X_target])
    sample_domain = np.repeat(["source", "target"], [X_source.shape[0], X_target.shape[0]])
    is_target = sample_domain == "target"
    rows = normalize(X_target.log1p()) if counts else X_target
    reduce = TruncatedSVD(10, random_state=0) if counts else PCA(n_clusters - 1)
    components = reduce.fit_transform(rows)
    found = [_k_means(rows, n_clusters)]
    found.append(_k_means(normalize(components) if counts else components, n_clusters))
    for weight in (0, 1, 5):
        if X.min() < 0:
            found.append(None)
            continue
        model = SelfTaughtClustering(n_clusters, source_weight=weight, random_state=0)
        found.append(model.fit(X, sample_domain=sample_domain).labels_[is_target])
    if counts:
        found += [None, None]
    else:
        lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(X_source, y_source)
        found.append(_k_means(lda.transform(X_target), n_clusters))
        y = np.concatenate([y_source, y_target])
        model = TransferredDiscriminantAnalysis(n_clusters, random_state=0)
        found.append(model.fit(X, y, sample_domain=sample_domain).labels_[is_target])
    return [
        np.nan if labels is None else normalized_mutual_info_score(y_target, labels)
        for labels in found
    ]


def run(data_home, *, quick=False):
    """Make the tables.

    Parameters
    ----------
    data_home : str or None
        The folder of data sets.
    quick : bool, default=False
        One draw.

    Returns
    -------
    tables : list of Table
    """
    n_draws = 1 if quick else 5
    made, real = [], []
    for n_target in (40, 150):
        texts = [agreements(*make_texts(k, n_target), counts=True) for k in range(n_draws)]
        made.append([f"texts, {n_target} rows", *_means(texts)])
    for n_target in (40, 150):
        persons = [agreements(*make_persons(k, n_target), counts=False) for k in range(n_draws)]
        made.append([f"persons, {n_target} rows", *_means(persons)])
    for name, source, target, counts, sizes in _real(data_home):
        for n_target in sizes:
            draws = [
                agreements(source, _some(target, n_target, seed), counts=counts)
                for seed in range(n_draws)
            ]
            real.append([f"{name}, {n_target} rows", *_means(draws)])
    notes = ["Agreement: normalized mutual information with the true classes."]
    return [
        Table(f"Clusters of made targets, {n_draws} draws", ["target", *METHODS], made, notes, 3),
        Table(f"Clusters of real targets, {n_draws} draws", ["target", *METHODS], real, notes, 3),
    ]


def _real(data_home):
    """Yield name, source, target, whether values are counts of words, and sizes of the target."""
    news = load_newsgroups(data_home)
    yield "newsgroups, Task 2", news["Task1"], news["Task2"], True, (50, 150, 500)
    yield "newsgroups, Task 1", news["Task2"], news["Task1"], True, (50, 150, 500)
    X, y = load_digits(return_X_y=True)
    low, high = _of(X / 16, y, y < 5), _of(X / 16, y, y >= 5)
    yield "digits 5 to 9 by 0 to 4", low, high, False, (100, 300)
    yield "digits 0 to 4 by 5 to 9", high, low, False, (100, 300)
    pixels = load_mnist_usps(data_home)
    yield "USPS by MNIST", pixels["mnist"], pixels["usps"], False, (300,)
    yield "MNIST by USPS", pixels["usps"], pixels["mnist"], False, (300,)


def _of(X, y, rows):
    return X[rows], y[rows]


def _some(target, n_rows, seed):
    X, y = target
    return _of(X, y, np.random.default_rng(seed).choice(len(y), n_rows, replace=False))


def _k_means(rows, n_clusters):
    return KMeans(n_clusters, n_init=10, random_state=0).fit_predict(rows)


def _means(draws):
    return [None if np.isnan(mean) else float(mean) for mean in np.mean(draws, axis=0)]
