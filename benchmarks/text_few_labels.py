"""Word vectors and few labelled texts, beside tf-idf, within and across domains.

When does the mean of word vectors help, and when does it not? Training rows are drawn per class,
and all other rows are the test. A logistic regression with a setting fixed beforehand reads the
features of "words" (C = 3) and tf-idf of words and pairs of words (C = 10); nearest centroid reads
the features as well. The repositories of CR and SST-2 hold texts whose words are cut apart already.

On reviews of products tf-idf is not beaten, neither within a domain nor across domains: its words
decide, and there are enough labels to learn them. Its row is in the table.
"""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._data import load_amazon_reviews
from benchmarks._runner import Table
from benchmarks._text_data import LOADERS
from sktransfer import PretrainedTextExtractor

# Accuracies of "words" on AG News, and those of tf-idf there, by labels per class.
TO_REACH = {1: 0.50, 8: 0.74, 32: 0.81}
TFIDF_BEFORE = {8: 0.51, 32: 0.68}


def tfidf(C=10.0):
    """Give tf-idf of words and pairs of words with a logistic regression."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    return make_pipeline(vectorizer, LogisticRegression(C=C, max_iter=1000))


def draw_rows(y, n_labels, seed):
    """Give the training rows, `n_labels` of each class; all others are the test."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(np.flatnonzero(y == c), n_labels, replace=False) for c in np.unique(y)]
    return np.concatenate(rows)


def few_label_accuracy(estimator, X, y, n_labels, seeds):
    """Give the accuracies on the rows that are not drawn, one for each seed."""
    scores = []
    for seed in seeds:
        rows = draw_rows(y, n_labels, seed)
        rest = np.setdiff1d(np.arange(len(y)), rows)
        scores.append(estimator.fit(X[rows], y[rows]).score(X[rest], y[rest]))
    return np.array(scores)


def run(data_home, *, quick=False):
    """Make the tables of short texts, and that of reviews."""
    seeds = range(1 if quick else 5)
    tables = [
        compare(name, *load(data_home), (1, 8, 32) if name == "AG News" else (8, 32), seeds)
        for name, load in LOADERS.items()
    ]
    return [*tables, compare_domains(data_home, quick=quick)]


def compare(name, texts, y, counts, seeds):
    """Make the table of one data set."""
    features = PretrainedTextExtractor().fit_transform(texts)
    candidates = {
        "tf-idf, logistic regression": (tfidf(), np.array(texts, dtype=object)),
        "words, nearest centroid": (NearestCentroid(), features),
        "words, logistic regression": (LogisticRegression(C=3, max_iter=1000), features),
    }
    rows = []
    for label, (estimator, X) in candidates.items():
        scores = [few_label_accuracy(estimator, X, y, n_labels, seeds) for n_labels in counts]
        rows.append([label, *[f"{s.mean():.3f} ({s.std():.3f})" for s in scores]])
    if name == "AG News":
        rows.append(["words, to reach", *[f"{TO_REACH[n]:.2f}" for n in counts]])
    return Table(
        f"{name}: accuracy by labels per class on the other rows of {len(y)}, mean (standard "
        f"deviation) of {len(seeds)} draws",
        ["", *[f"{n} per class" for n in counts]],
        rows,
    )


def compare_domains(data_home, *, quick):
    """Make the table of product reviews, within each domain and across domains."""
    domains = {
        name: (np.array(texts, dtype=object), y)
        for name, (texts, y) in load_amazon_reviews(data_home).items()
    }
    if quick:
        domains = {name: (texts[::10], y[::10]) for name, (texts, y) in domains.items()}
    models = {
        "tf-idf, logistic regression": tfidf(),
        "words, logistic regression": make_pipeline(
            PretrainedTextExtractor(), StandardScaler(), LogisticRegression(C=0.01)
        ),
    }
    rows = []
    for label, model in models.items():
        within = [cross_val_score(model, *data, cv=5).mean() for data in domains.values()]
        across = []
        for source, data in domains.items():
            fitted = model.fit(*data)
            others = [other for name, other in domains.items() if name != source]
            across += [fitted.score(*other) for other in others]
        rows.append([label, np.mean(within), np.mean(across)])
    return Table(
        f"Product reviews, {sum(len(y) for _, y in domains.values())} in four domains: accuracy "
        "within a domain (5 folds) and across domains (mean of 12 pairs)",
        ["", "within", "across"],
        rows,
        notes=["No frozen encoder beats tf-idf here."],
        digits=3,
    )
