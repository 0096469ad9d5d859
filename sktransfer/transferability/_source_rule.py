"""Calibrated out-of-fold predictions of a source classifier for rows of both domains."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold

from sktransfer._kernels.label_shift import likely_shares, temperature, tempered

MOST_FOLDS = 5


@dataclass(frozen=True, eq=False)
class SourceRule:
    """Probabilities of the classes, by classifiers that were fitted on source rows.

    Parameters
    ----------
    p_source : ndarray of shape (n_source, n_classes)
        Of source rows, each by the classifier that did not see it.
    p_target : ndarray of shape (n_target, n_classes)
        Of target rows: the mean of the classifiers.
    shares : ndarray of shape (n_classes,)
        Of the classes among the source rows.
    """

    p_source: np.ndarray
    p_target: np.ndarray
    shares: np.ndarray

    def target_shares(self):
        """Return the likely class proportions of the target, by EM."""
        return likely_shares(self.p_target, self.shares, tol=1e-8, max_iter=200)[0]


def fit_source_rule(clones, X_source, codes, X_target, *, generator):
    """Fit a classifier on each part of the source rows, and scale the temperature of all.

    Parameters
    ----------
    clones : iterator of classifier
        Fresh copies; up to five are taken.
    X_source, X_target : {ndarray, sparse array} of shape (n_samples, n_features)
    codes : ndarray of shape (n_source,), dtype int
        The class of each source row, from 0. Each class has at least two rows.
    generator : RandomState
        Draws the folds.

    Returns
    -------
    rule : SourceRule
    """
    counts = np.bincount(codes)
    n_folds = min(MOST_FOLDS, counts.min())
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=generator)
    p_source, p_target = np.empty((len(codes), len(counts))), []
    for train, out in folds.split(codes, codes):
        classifier = next(clones).fit(X_source[train], codes[train])
        p_source[out] = classifier.predict_proba(X_source[out])
        p_target.append(classifier.predict_proba(X_target))
    heat = temperature(p_source, codes)
    p_target = np.mean([tempered(p, heat) for p in p_target], axis=0)
    return SourceRule(tempered(p_source, heat), p_target, counts / len(codes))
