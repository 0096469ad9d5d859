"""Speed of optimal transport beside POT, and beside skada where it is installed.

``python -m benchmarks._speed_transport`` prints it. In each job all sides work by turns on the same
rows, and the median of their times is taken. Ours stops when the mass in wrong columns, as the sum
of absolute differences, is no more than what POT allows the root of their sum of squares to be:
the stricter rule. POT looks every tenth iteration, and gives up after 1000, as by its default.
"""

import time
import warnings
from importlib.util import find_spec
from statistics import median

import numpy as np

from sktransfer import OptimalTransportAligner
from sktransfer._kernels.density_ratio import squared_distances
from sktransfer._kernels.transport import sinkhorn

TOL = 1e-9  # POT's default
COLUMNS = (
    "job",
    "ours, s",
    "peer",
    "peer, s",
    "ours / peer",
    "iterations",
    "of peer",
    "column error",
    "of peer",
    "largest difference",
)


def make_rows(*, n_rows=2000, n_features=256, clusters=1, seed=0):
    """Rows of a source and a target, each of `clusters` clusters that the domain moved."""
    rng = np.random.default_rng(seed)
    centers = 2 * rng.normal(size=(clusters, n_features))
    X, X_target = (
        rng.normal(size=(n_rows, n_features)) + centers[rng.integers(0, clusters, size=n_rows)]
        for _ in range(2)
    )
    return X, 1.2 * X_target + 0.3


def by_turns(sides, *, repeats):
    """Run the functions by turns; give the last result of each and its median time."""
    seconds, results = {name: [] for name in sides}, {}
    for _ in range(repeats):
        for name, side in sides.items():
            start = time.perf_counter()
            results[name] = side()
            seconds[name].append(time.perf_counter() - start)
    return results, {name: median(times) for name, times in seconds.items()}


def column_error(plan):
    """What POT stops at: the root of the sum of squared differences of the columns' masses."""
    return float(np.linalg.norm(plan.sum(axis=0) - 1 / plan.shape[1]))


def plan_row(job, X, X_target, *, regularization, repeats):
    """Measure the plan alone, from the same cost matrix."""
    import ot

    cost = squared_distances(X, X_target)
    cost /= cost.mean()
    masses = [np.full(size, 1 / size) for size in cost.shape]

    def ours():
        return sinkhorn(cost, regularization=regularization, max_iter=1000, tol=TOL)

    def theirs():
        return ot.sinkhorn(*masses, cost, regularization, stopThr=TOL, log=True, warn=False)

    results, seconds = by_turns({"ours": ours, "POT": theirs}, repeats=repeats)
    found, (plan, log) = results["ours"], results["POT"]
    moved, expected = len(X) * found.plan @ X_target, len(X) * plan @ X_target
    return [
        job,
        seconds["ours"],
        "ot.sinkhorn",
        seconds["POT"],
        seconds["ours"] / seconds["POT"],
        found.n_iter,
        log["niter"] + 1,
        column_error(found.plan),
        column_error(plan),
        float(np.abs(moved - expected).max()),
    ]


def aligner_rows(X, X_target, *, regularization, repeats):
    """Measure fit and transform of the estimators, the cost matrix included."""
    from ot.da import SinkhornTransport

    rows, domains = np.concatenate([X, X_target]), np.repeat([1, -1], [len(X), len(X_target)])
    aligner = OptimalTransportAligner(regularization=regularization, cost_scale="max", tol=TOL)
    settings = {"reg_e": regularization, "norm": "max", "tol": TOL}

    def pot(**options):
        return SinkhornTransport(**settings, **options).fit(Xs=X, Xt=X_target).transform(Xs=X)

    sides = {
        "ours": lambda: aligner.fit_transform(rows, sample_domain=domains)[: len(X)],
        "SinkhornTransport, as it comes": pot,
        "the same, without logarithms": lambda: pot(
            method="sinkhorn", out_of_sample_map="ferradans"
        ),
    }
    if find_spec("skada"):
        from skada import EntropicOTMappingAdapter

        sides["skada"] = lambda: EntropicOTMappingAdapter(**settings).fit_transform(
            rows, sample_domain=domains
        )[: len(X)]
    results, seconds = by_turns(sides, repeats=repeats)
    return [
        [
            "fit and transform",
            seconds["ours"],
            name,
            seconds[name],
            seconds["ours"] / seconds[name],
            aligner.n_iter_,
            None,
            None,
            None,
            float(np.abs(results["ours"] - results[name]).max()),
        ]
        for name in sides
        if name != "ours"
    ]


def transport_rows(*, n_rows=2000, n_features=256, repeats=5):
    """Measure all jobs; give rows of `COLUMNS`.

    The largest difference is that of any entry of a moved source row, where the features have a
    deviation of about 1.
    """
    one = make_rows(n_rows=n_rows, n_features=n_features)
    many = make_rows(n_rows=n_rows, n_features=n_features, clusters=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # POT's text about the columns of errors
        return [
            plan_row("plan, penalty 0.05", *one, regularization=0.05, repeats=repeats),
            plan_row("plan, penalty 0.01", *one, regularization=0.01, repeats=repeats),
            plan_row("plan of 10 clusters, 0.05", *many, regularization=0.05, repeats=repeats),
            *aligner_rows(*one, regularization=0.05, repeats=repeats),
        ]


def main():
    """Print the rows."""
    for row in transport_rows():
        print()
        for column, value in zip(COLUMNS, row, strict=True):
            if value is not None:
                spelt = f"{value:.3g}" if isinstance(value, float) else value
                print(f"{column:20s}{spelt}")


if __name__ == "__main__":
    main()
