"""How long the instance methods take: ours beside what they cannot do without, in one run."""

import time

import numpy as np
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.tree import DecisionTreeClassifier

from sktransfer import TrAdaBoostClassifier
from sktransfer.pipeline import make_transfer_pipeline


class _Recorder(DecisionTreeClassifier):
    """A tree that keeps the weights it was given."""

    def fit(self, X, y, sample_weight=None):
        """Keep the weights, and fit."""
        self.given_ = sample_weight
        return super().fit(X, y, sample_weight=sample_weight)


def _two_rules(seed, *, n_source=5000, n_target=200, n_test=5000, n_features=20):
    """Rows whose source has a tilted rule, and the wrong label in three rows of ten."""
    rng = np.random.default_rng(seed)
    n_rows = n_source + n_target + n_test
    X = rng.normal(size=(n_rows, n_features)).astype(np.float32)
    score = X @ rng.normal(size=n_features) + 2 * np.sin(2 * X[:, 0]) + 2 * X[:, 1] * X[:, 2]
    is_source = np.arange(n_rows) < n_source
    y = (score + 3 * X[:, 3] * is_source > 0).astype(int)
    wrong = rng.random(n_rows) < np.where(is_source, 0.3, 0.05)
    y[wrong] = 1 - y[wrong]
    train = np.arange(n_rows) < n_source + n_target
    sample_domain = np.where(is_source, "source", "target")[train]
    return X[train], y[train], sample_domain, X[~train], y[~train]


def _models(n_rounds):
    """The ways to run TrAdaBoost: exact, without negligible rows, on binned features, both."""
    tree = DecisionTreeClassifier(max_depth=3)

    def boosted(share):
        return TrAdaBoostClassifier(
            tree, n_estimators=n_rounds, negligible_weight=share, random_state=0
        )

    def binned():
        return KBinsDiscretizer(64, encode="ordinal", quantile_method="averaged_inverted_cdf")

    return {
        "ours": boosted(0.0),
        "ours, negligible_weight=1e-6": boosted(1e-6),
        "ours, negligible_weight=1e-4": boosted(1e-4),
        "ours, 64 bins a feature": make_transfer_pipeline(binned(), boosted(0.0)),
        "ours, 64 bins and 1e-4": make_transfer_pipeline(binned(), boosted(1e-4)),
    }


def _trees_alone(X, y, sample_domain, n_rounds):
    """Give a function that fits the trees of TrAdaBoost again, with nothing around them."""
    recorder = TrAdaBoostClassifier(_Recorder(max_depth=3), n_estimators=n_rounds, random_state=0)
    kept = recorder.fit(X, y, sample_domain=sample_domain).estimators_

    def refit():
        for tree in kept:
            plain = DecisionTreeClassifier(max_depth=3, random_state=tree.random_state)
            plain.fit(X, y, sample_weight=tree.given_)

    return refit


def tradaboost_rows(*, n_repeats=5, n_seeds=5, n_rounds=50):
    """Time 50 rounds of depth-3 trees on 5000 + 200 rows, and score them on 5000 target rows.

    Parameters
    ----------
    n_repeats : int, default=5
        Alternating runs of each, on the first data set; the median counts.
    n_seeds : int, default=5
        Data sets over which the accuracy is the mean.
    n_rounds : int, default=50

    Yields
    ------
    name : str
    seconds : float
    accuracy : float or None
        None for the trees alone, which predict nothing.
    """
    X, y, sample_domain, _, _ = _two_rules(0)
    jobs = {"the trees alone": _trees_alone(X, y, sample_domain, n_rounds)}
    for name, model in _models(n_rounds).items():
        jobs[name] = lambda model=model: model.fit(X, y, sample_domain=sample_domain)
    seconds = {name: [] for name in jobs}
    for _ in range(n_repeats):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            seconds[name].append(time.perf_counter() - start)
    scores = {name: [] for name in _models(n_rounds)}
    for seed in range(n_seeds):
        X, y, sample_domain, X_test, y_test = _two_rules(seed)
        for name, model in _models(n_rounds).items():
            fitted = model.fit(X, y, sample_domain=sample_domain)
            scores[name].append(fitted.score(X_test, y_test))
    for name, times in seconds.items():
        accuracy = float(np.mean(scores[name])) if name in scores else None
        yield name, float(np.median(times)), accuracy
