"""The peers' way to do each job of the speed table, on the same rows; only what is installed."""

import time
import warnings
from importlib.util import find_spec
from statistics import median

import numpy as np
from sklearn.tree import DecisionTreeClassifier

LONG = 3.0  # seconds; a longer fit is run once


def _adapt(job, **options):
    """What adapt does; it wants the target in the constructor or beside the source."""
    from adapt import feature_based, instance_based

    def run(X_source, X_target, y_source, y_target):
        if job == "TrAdaBoost":
            tree = DecisionTreeClassifier(max_depth=3)
            model = instance_based.TrAdaBoost(
                tree, n_estimators=50, Xt=X_target, yt=y_target, verbose=0, random_state=0
            )
            return model.fit(X_source, y_source)
        if hasattr(instance_based, job):
            model = getattr(instance_based, job)(Xt=X_target, kernel="rbf", verbose=0, **options)
            return model.fit_weights(X_source, X_target)
        model = getattr(feature_based, job)(Xt=X_target, verbose=0, **options)
        return model.fit_transform(X_source, X_target)

    return run


def _skada(job, **options):
    """What skada does, with its signed integers beside the rows."""
    import skada

    def run(X_source, X_target, y_source, y_target):
        X = np.concatenate([X_source, X_target])
        sample_domain = np.repeat([1, -2], [len(X_source), len(X_target)])
        y = np.concatenate([np.zeros(len(X_source)), np.full(len(X_target), -1)])
        return getattr(skada, job)(**options).fit_transform(X, y, sample_domain=sample_domain)

    return run


def peers_of(job, widths=()):
    """Give a dict of the peers that do a job, name -> function of the rows.

    Parameters
    ----------
    job : str
        "coral", "tca", "alignment", "kmm", "kliep", "ulsif" or "tradaboost".
    widths : sequence of float
        Of the Gaussians, where the job chooses among several.

    Returns
    -------
    peers : dict of str to callable
        Called as ``run(X_source, X_target, y_source, y_target)``.
    """
    gammas = [1 / (2 * width**2) for width in widths]
    ways = {
        "coral": [("adapt", "CORAL", {"lambda_": 1.0}), ("skada", "CORALAdapter", {})],
        "tca": [
            ("adapt", "TCA", {"n_components": 20, "kernel": "linear", "mu": 1.0}),
            ("skada", "TransferComponentAnalysisAdapter", {"n_components": 20}),
        ],
        "alignment": [
            ("adapt", "SA", {"n_components": 100}),
            ("skada", "SubspaceAlignmentAdapter", {"n_components": 100}),
        ],
        "kmm": [
            ("adapt", "KMM", {"gamma": gammas[0] if gammas else None}),
            ("skada", "KMMReweightAdapter", {"gamma": gammas[0] if gammas else None}),
        ],
        "kliep": [
            ("adapt", "KLIEP", {"gamma": gammas}),
            ("skada", "KLIEPReweightAdapter", {"gamma": gammas}),
        ],
        "ulsif": [
            ("adapt", "ULSIF", {"gamma": gammas, "lambdas": list(10.0 ** np.linspace(-3, 1, 9))})
        ],
        "tradaboost": [("adapt", "TrAdaBoost", {})],
    }
    makers = {"adapt": _adapt, "skada": _skada}
    return {
        library: makers[library](name, **options)
        for library, name, options in ways[job]
        if find_spec(library)
    }


def time_peers(job, data, *, widths=(), repeats=3, leave_out=()):
    """Time each installed peer; a dict name -> median seconds, or the error's name.

    Parameters
    ----------
    job : str
        See `peers_of`.
    data : tuple
        ``X_source, X_target, y_source, y_target``.
    widths : sequence of float
        See `peers_of`.
    repeats : int, default=3
        Runs of which the median counts; what takes longer than three seconds runs once.
    leave_out : sequence of str
        Peers that are not run.
    """
    found = {}
    for name, run in peers_of(job, widths).items():
        if name in leave_out:
            continue
        seconds = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                while len(seconds) < repeats and (not seconds or seconds[0] < LONG):
                    start = time.perf_counter()
                    run(*data)
                    seconds.append(time.perf_counter() - start)
            except Exception as error:  # a peer that fails is a finding, not the end of the table
                found[name] = type(error).__name__
                continue
        found[name] = median(seconds)
    return found
