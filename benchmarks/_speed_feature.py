"""Speed of the feature aligners and the weighters, beside bare NumPy forms of the same methods.

A bare form holds the formula and nothing else: no checks, no domains, no estimator. Both run by
turns, and the medians count. Where a method has no short form, what it cannot do without stands in
for one, and the name of the job says so.
"""

from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from sktransfer import (
    CORALAligner,
    GeodesicFlowAligner,
    KLIEPWeighter,
    KMMWeighter,
    MomentAligner,
    SubspaceAligner,
    TransferComponentAligner,
    ULSIFWeighter,
)

WIDTHS = 2.0 ** np.linspace(-3, 1, 7)  # times the median distance
RIDGES = 10.0 ** np.linspace(-3, 1, 9)


class Row(NamedTuple):
    """A job, the seconds of both (medians), and how far their results are apart."""

    job: str
    bare_seconds: float
    our_seconds: float
    error: float


def make_domains(n_rows, n_features, *, seed=0, shift=0.3):
    """Give rows of two domains that are correlated in different ways, and their domains."""
    rng = np.random.default_rng(seed)
    mixing = np.eye(n_features) + rng.normal(size=(n_features, n_features)) / n_features
    X_source = rng.normal(size=(n_rows, n_features)) * np.linspace(2, 0.5, n_features)
    X_target = rng.normal(size=(n_rows, n_features)) @ mixing + shift
    return np.concatenate([X_source, X_target]), np.repeat(["source", "target"], n_rows)


def alternate(bare, ours, *, repeats):
    """Run the two by turns; give the medians of their seconds and their last results."""
    seconds, results = ([], []), [None, None]
    for _ in range(repeats):
        for k, run in enumerate((bare, ours)):
            start = perf_counter()
            results[k] = run()
            seconds[k].append(perf_counter() - start)
    return median(seconds[0]), median(seconds[1]), *results


def relative_error(found, expected):
    """The largest difference, over the largest entry."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def bare_coral(X_source, X_target):
    """Whiten and colour by eigendecompositions of covariances."""
    means, roots = [], []
    for X, exponent in ((X_source, -0.5), (X_target, 0.5)):
        means.append(X.mean(axis=0))
        centred = X - means[-1]
        C = centred.T @ centred / (len(X) - 1)
        C.flat[:: len(C) + 1] += 1.0
        values, vectors = np.linalg.eigh(C)
        roots.append((vectors * values**exponent) @ vectors.T)
    return (X_source - means[0]) @ (roots[0] @ roots[1]) + means[1]


def bare_low_rank_coral(X_source, X_target):
    """The same map of domains with fewer rows than features, by their Gram matrices."""
    mapped = X_source - X_source.mean(axis=0)
    for X, exponent in ((X_source, -0.5), (X_target, 0.5)):
        factor = (X - X.mean(axis=0)) / np.sqrt(len(X) - 1)
        values, vectors = np.linalg.eigh(factor @ factor.T)
        basis = vectors.T @ factor
        weights = ((1 + values) ** exponent - 1) / np.maximum(values, 1e-12)
        mapped = mapped + (mapped @ basis.T * weights) @ basis
    return mapped + X_target.mean(axis=0)


def bare_components(X, n_source, n_components):
    """Transfer components of a linear kernel by Lanczos iterations on the rows."""
    e = np.r_[np.full(n_source, 1 / n_source), np.full(len(X) - n_source, -1 / (len(X) - n_source))]
    f = X @ (X.T @ (e / np.linalg.norm(e)))
    length = np.linalg.norm(f)
    f, shrink = f / length, 1 - 1 / np.sqrt(1 + length**2)

    def half(a):
        return a - shrink * f * (f @ a)

    def quotient(a):
        image = X @ (X.T @ half(a))
        return half(X @ (X.T @ (image - image.mean())))

    size = (len(X), len(X))
    start = np.random.default_rng(0).standard_normal(len(X))
    _, A = eigsh(LinearOperator(size, quotient), n_components, which="LA", v0=start)
    A = A[:, ::-1] - shrink * np.outer(f, f @ A[:, ::-1])
    return X @ (X.T @ (A / np.linalg.norm(A, axis=0)))


def bare_alignment(X_source, X_target, n_components):
    """Subspace alignment by the first eigenvectors of the covariances."""
    start, centred, axes = np.random.default_rng(0).standard_normal(X_source.shape[1]), [], []
    for X in (X_source, X_target):
        centred.append(X - X.mean(axis=0))
        scatter = centred[-1].T @ centred[-1]
        axes.append(eigsh(scatter, n_components, which="LA", v0=start)[1][:, ::-1])
    turned = axes[0] @ (axes[0].T @ axes[1])
    return np.concatenate([centred[0] @ turned, centred[1] @ axes[1]])


def bare_kernel(X, Y, width):
    """The Gaussian kernel between rows."""
    squared = np.sum(X**2, axis=1)[:, None] - 2 * X @ Y.T + np.sum(Y**2, axis=1)
    return np.exp(squared / (-2 * width**2))


def bare_similarities(X, Y, width):
    """The sums of the kernel over the rows `Y`, a block of rows at a time."""
    blocks = np.array_split(X, max(1, len(X) // 500))
    return np.concatenate([bare_kernel(block, Y, width).sum(axis=1) for block in blocks])


def bare_gaussians(X, centers, widths):
    """The Gaussians of all rows around the centres, for each of the widths."""
    squared = np.sum(X**2, axis=1)[:, None] - 2 * X @ centers.T + np.sum(centers**2, axis=1)
    return [np.exp(squared / (-2 * width**2)) for width in widths]


def bare_leave_one_out(X_source, X_target, centers, widths, ridges):
    """Scores of uLSIF as published: a linear system for each width and ridge, for all pairs."""
    n = len(X_source)
    scores = np.empty((len(widths), len(ridges)))
    phis = zip(*(bare_gaussians(X, centers, widths) for X in (X_source, X_target)), strict=True)
    for i, (phi_source, phi_target) in enumerate(phis):
        H = phi_source.T @ phi_source / (n - 1)
        h = phi_target.mean(axis=0) * n / (n - 1)
        for j, ridge in enumerate(ridges):
            B = np.linalg.inv(H + ridge * np.eye(len(H)))
            solved = phi_source @ B
            theta = h @ B - phi_target @ B / (n - 1)
            along = np.sum(phi_source * theta, axis=1) / (n - 1)
            beside = 1 - np.sum(phi_source * solved, axis=1) / (n - 1)
            theta = np.maximum(theta + solved * (along / beside)[:, None], 0)
            r_source, r_target = (np.sum(p * theta, axis=1) for p in (phi_source, phi_target))
            scores[i, j] = np.mean(r_source**2 / 2 - r_target)
    return scores


def _aligner_row(job, bare, aligner, X, domains, *, repeats, compare=None):
    """Time `bare` against fitting and mapping all rows; `compare` picks what both give."""
    compare = compare or (lambda mapped: mapped)
    slow, ours, expected, mapped = alternate(
        bare, lambda: aligner.fit_transform(X, sample_domain=domains), repeats=repeats
    )
    return Row(job, slow, ours, relative_error(compare(mapped), expected))


def coral_row(n_rows=5000, n_features=2048, *, repeats=3):
    """CORAL with more rows than features, or fewer."""
    X, domains = make_domains(n_rows, n_features)
    form = bare_coral if n_rows > n_features else bare_low_rank_coral
    return _aligner_row(
        f"CORAL, 2 x {n_rows} rows, {n_features} features",
        lambda: form(X[:n_rows], X[n_rows:]),
        CORALAligner(),
        X,
        domains,
        repeats=repeats,
        compare=lambda mapped: mapped[:n_rows],
    )


def components_row(n_rows=2500, n_features=800, n_components=20, *, repeats=3):
    """TCA with the linear kernel; columns are compared up to their signs."""
    X, domains = make_domains(n_rows, n_features)

    def run_bare():
        mapped = bare_components(X, n_rows, n_components)
        return mapped * np.sign(mapped[0])

    return _aligner_row(
        f"TCA, 2 x {n_rows} rows, {n_features} features, {n_components} components",
        run_bare,
        TransferComponentAligner(n_components),
        X,
        domains,
        repeats=repeats,
        compare=lambda mapped: mapped * np.sign(mapped[0]),
    )


def alignment_row(n_rows=5000, n_features=2048, n_components=100, *, repeats=3):
    """Subspace alignment; the error is that of the length of the mapped rows."""
    X, domains = make_domains(n_rows, n_features)

    def run_bare():
        return np.linalg.norm(bare_alignment(X[:n_rows], X[n_rows:], n_components), axis=1)

    return _aligner_row(
        f"subspace alignment, 2 x {n_rows} rows, {n_features} features, {n_components} components",
        run_bare,
        SubspaceAligner(n_components),
        X,
        domains,
        repeats=repeats,
        compare=lambda mapped: np.linalg.norm(mapped, axis=1),
    )


def matching_row(n_rows=5000, n_features=50, *, repeats=3):
    """KMM beside its kernel matrix alone; the error is the gap to the optimum."""
    X, domains = make_domains(n_rows, n_features)
    weighter = KMMWeighter()
    width = weighter.fit(X, sample_domain=domains).width_
    slow, ours, _, _ = alternate(
        lambda: bare_kernel(X[:n_rows], X[:n_rows], width),
        lambda: weighter.fit(X, sample_domain=domains),
        repeats=repeats,
    )
    job = f"KMM beside its kernel matrix, 2 x {n_rows} rows, {n_features} features"
    return Row(job, slow, ours, float(weighter.kkt_gap_))


def many_rows_matching_row(n_rows=50_000, n_features=50, *, repeats=1):
    """KMM on many rows beside the similarities of the domains; the error is the gap."""
    X, domains = make_domains(n_rows, n_features)
    weighter = KMMWeighter()
    slow, ours, _, _ = alternate(
        lambda: bare_similarities(X[:n_rows], X[n_rows:], 10.0),
        lambda: weighter.fit(X, sample_domain=domains),
        repeats=repeats,
    )
    job = f"KMM beside the similarities of the domains, 2 x {n_rows} rows, {n_features} features"
    return Row(job, slow, ours, float(weighter.kkt_gap_))


def likelihood_row(n_rows=2000, n_features=10, *, repeats=5):
    """KLIEP with its width by cross-validation beside its Gaussians; the error is the gap."""
    X, domains = make_domains(n_rows, n_features)
    weighter = KLIEPWeighter(random_state=0).fit(X, sample_domain=domains)
    slow, ours, _, _ = alternate(
        lambda: bare_gaussians(X, weighter.centers_, WIDTHS * weighter.width_),
        lambda: weighter.fit(X, sample_domain=domains),
        repeats=repeats,
    )
    job = f"KLIEP, 7 widths, beside its Gaussians, 2 x {n_rows} rows, {n_features} features"
    return Row(job, slow, ours, weighter.optimality_gap_)


def least_squares_row(n_rows=2000, n_features=10, *, repeats=5):
    """uLSIF with width and ridge by leave-one-out; pairs differ, and so the scores a little."""
    X, domains = make_domains(n_rows, n_features)
    weighter = ULSIFWeighter(random_state=0).fit(X, sample_domain=domains)
    centers = weighter.centers_
    widths = np.median(np.linalg.norm(X[:, None, :] - centers[:20], axis=2)) * WIDTHS
    weighter.set_params(width=widths, ridge=RIDGES)
    slow, ours, scores, _ = alternate(
        lambda: bare_leave_one_out(X[:n_rows], X[n_rows:], centers, widths, RIDGES),
        lambda: weighter.fit(X, sample_domain=domains),
        repeats=repeats,
    )
    best = np.unravel_index(np.argmin(weighter.scores_), scores.shape)
    job = f"uLSIF, 7 widths, 9 ridges, 2 x {n_rows} rows, {n_features} features"
    return Row(job, slow, ours, float(abs(weighter.scores_[best] / scores[best] - 1)))


def rows(*, repeats=3):
    """Give the `Row` of each job, one after the other."""
    yield coral_row(5000, 2048, repeats=repeats)
    yield coral_row(2000, 4096, repeats=repeats)
    yield components_row(repeats=repeats)
    yield alignment_row(repeats=repeats)
    yield matching_row(repeats=repeats)
    yield many_rows_matching_row()
    yield likelihood_row(repeats=max(repeats, 5))
    yield least_squares_row(repeats=max(repeats, 5))


GROWING = {
    "moments": MomentAligner(),
    "CORAL": CORALAligner(),
    "subspace alignment": SubspaceAligner(),
    "geodesic flow": GeodesicFlowAligner(),
    "TCA, linear": TransferComponentAligner(),
    "TCA, rbf, 300 landmarks": TransferComponentAligner(
        kernel="rbf", n_landmarks=300, random_state=0
    ),
    "uLSIF": ULSIFWeighter(random_state=0),
    "KLIEP": KLIEPWeighter(random_state=0),
    "KMM": KMMWeighter(),
}


def growth(counts=(1000, 2000, 5000, 10_000), *, n_features=50, repeats=3):
    """Give ``(method, rows of each domain, median seconds of a fit)``."""
    for name, estimator in GROWING.items():
        for n_rows in counts:
            X, domains = make_domains(n_rows, n_features)
            seconds = []
            for _ in range(repeats):
                start = perf_counter()
                estimator.fit(X, sample_domain=domains)
                seconds.append(perf_counter() - start)
            yield name, n_rows, median(seconds)
