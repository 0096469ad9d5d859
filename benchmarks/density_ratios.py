"""Ratios of densities: how near are the weighters to the truth, and what are the weights good for?

Made-up data throughout, so the ratio of the target's density to the source's is known, and is a row
of its own. First two Gaussians, in one and in five features; then the example of the densratio
package; then regression and classification under covariate shift with a linear model. Every
weighter has its default settings, in every table.
"""

from functools import partial

import numpy as np
from scipy.stats import norm
from sklearn.linear_model import LinearRegression, LogisticRegression

from benchmarks._runner import Table
from benchmarks._shifted_data import CLASSES, SINC, Gaussians
from sktransfer import (
    DiscriminatorWeighter,
    GaussianWeighter,
    KLIEPWeighter,
    KMMWeighter,
    NearestNeighborWeighter,
    ULSIFWeighter,
    WeightedTransferClassifier,
    WeightedTransferRegressor,
)

WEIGHTERS = {
    "KMM": lambda seed: KMMWeighter(),
    "KLIEP": lambda seed: KLIEPWeighter(random_state=seed),
    "uLSIF": lambda seed: ULSIFWeighter(random_state=seed),
    "RuLSIF (0.1)": lambda seed: ULSIFWeighter(alpha=0.1, random_state=seed),
    "discriminator": lambda seed: DiscriminatorWeighter(random_state=seed),
    "nearest neighbours": lambda seed: NearestNeighborWeighter(),
    "Gaussian": lambda seed: GaussianWeighter(),
}
ALPHA = 0.1

# The output of the densratio package for its example (its README, version for Python).
DENSRATIO = {"centres": 100, "width": 0.1, "ridge": 0.1, "PE": 0.6187941, "KL": 0.7037648}


SETTINGS = (Gaussians(1, 1.0, 0.5), Gaussians(5, 0.5, 0.8))


def relative(ratio, alpha=ALPHA):
    """Give the ratio to the mixture of both, which RuLSIF is for."""
    return ratio / (alpha * ratio + 1 - alpha)


def source_weights(weighter, X_source, X_target):
    """Give the weights of the source rows, of mean 1."""
    X = np.concatenate([X_source, X_target])
    sample_domain = np.repeat(["source", "target"], [len(X_source), len(X_target)])
    return weighter.fit(X, sample_domain=sample_domain).weights_[: len(X_source)]


def quality(weights, truth):
    """Give error, share of rows that count, and correlation of weights of source rows.

    Both are brought to mean 1. The error is the length of the difference over that of the truth;
    the second is the effective sample size over the number of rows.
    """
    weights, truth = weights / weights.mean(), truth / truth.mean()
    error = np.linalg.norm(weights - truth) / np.linalg.norm(truth)
    share = weights.mean() ** 2 / np.mean(weights**2)
    constant = min(np.ptp(weights), np.ptp(truth)) <= 1e-12
    return error, share, np.nan if constant else np.corrcoef(weights, truth)[0, 1]


def candidates(setting, X_source, X_target, seed):
    """Yield each name and its weights of the source rows; the first two and last two need none."""
    truth = setting.ratio(X_source)
    yield "true ratio", truth
    yield f"true relative ratio ({ALPHA})", relative(truth)
    for name, make in WEIGHTERS.items():
        yield name, source_weights(make(seed), X_source, X_target)
    yield "none", np.ones(len(X_source))


def compare_gaussians(setting, sizes, n_draws):
    """Fill the table of two Gaussians: three columns for each number of rows."""
    cells = {}
    for n_rows in sizes:
        found = {}
        for seed in range(n_draws):
            rows = setting.draw(n_rows, np.random.default_rng(seed))
            truth = setting.ratio(rows[0])
            for name, weights in candidates(setting, *rows, seed):
                found.setdefault(name, []).append(quality(weights, truth))
        for name, values in found.items():
            error, share, correlation = np.mean(values, axis=0)
            spread = np.std([value[0] for value in values])
            tied = "" if np.isnan(correlation) else f"{correlation:.3f}"
            cells.setdefault(name, []).extend((f"{error:.3f} ({spread:.3f})", f"{share:.2f}", tied))
    return Table(
        f"Two Gaussians, {setting.n_features} feature(s): source N(0, 1), target "
        f"N({setting.mean}, {setting.deviation}^2) in each; mean (deviation) of {n_draws} draws",
        columns=(
            "weights",
            *(f"{what}, {n} rows" for n in sizes for what in ("error", "share", "correlation")),
        ),
        rows=tuple((name, *values) for name, values in cells.items()),
        notes=(
            "Rows of each domain. Error: length of the difference to the true ratio at the source "
            "rows over the length of that, both of mean 1. Share: effective sample size over rows.",
            "RuLSIF estimates the relative ratio, not the ratio: the second row is the error and "
            "the share that it would have if it were perfect. The Gaussian weighter knows the "
            "family of the truth.",
            _losers(cells, sizes),
        ),
    )


def _losers(cells, sizes):
    """Say which weights are further from the truth than equal ones."""
    lost = []
    for k, n_rows in enumerate(sizes):
        errors = {name: float(values[3 * k].split()[0]) for name, values in cells.items()}
        lost += [f"{name} at {n_rows} rows" for name in WEIGHTERS if errors[name] >= errors["none"]]
    return f"No nearer to the truth than equal weights: {', '.join(lost) or 'none'}."


def densratio_example():
    """Fill the table of densratio's example: target N(0, 1/8^2), source N(0, 1/2^2), alpha 0.1."""
    rng = np.random.RandomState(1)
    X_target, X_source = rng.normal(0, 1 / 8, 500)[:, None], rng.normal(0, 1 / 2, 500)[:, None]
    grid = 10 ** np.linspace(-3, 1, 9)
    found = [_ulsif_divergences(X_source, X_target, seed, width=grid) for seed in range(20)]
    fixed = [_ulsif_divergences(X_source, X_target, s, width=0.1, ridge=0.1) for s in range(20)]
    theirs = tuple(DENSRATIO.values())
    return Table(
        "densratio's example: 500 rows each of N(0, 1/8^2) and N(0, 1/2^2), alpha = 0.1",
        columns=("", "centres", "width", "ridge", "PE divergence", "KL divergence"),
        rows=(
            ("printed by densratio", *theirs),
            ("ours, its grid, 20 draws of centres", *_median_row(found)),
            ("ours, its width and ridge, the same", *_median_row(fixed)),
            ("  deviation over the draws", None, None, None, *np.std(fixed, axis=0)[3:]),
            ("true divergences, by integration", None, None, None, *true_divergences()),
        ),
        notes=(
            "Medians over the draws. The rows are densratio's (its seed); the centres are drawn by "
            "another rule, so that digits past the deviation are not to be compared. The ridge "
            "shrinks both estimates below the truth, theirs and ours alike.",
        ),
        digits=4,
    )


def _median_row(found):
    centres, *others = np.median(found, axis=0)
    return int(centres), *map(float, others)


def _ulsif_divergences(X_source, X_target, seed, **grid):
    """Give centres, width, ridge, and the Pearson and Kullback-Leibler divergences of a fit."""
    weighter = ULSIFWeighter(alpha=ALPHA, random_state=seed, **grid)
    X = np.concatenate([X_source, X_target])
    weighter.fit(X, sample_domain=np.repeat(["y", "target"], [len(X_source), len(X_target)]))

    def ratio(X):
        distances = ((X[:, None] - weighter.centers_) ** 2).sum(axis=2)
        return np.exp(-distances / (2 * weighter.width_**2)) @ weighter.coef_

    at_target, at_source = ratio(X_target), ratio(X_source)
    pearson = (
        np.mean(at_target)
        - ALPHA * np.mean(at_target**2) / 2
        - (1 - ALPHA) * np.mean(at_source**2) / 2
        - 1 / 2
    )
    kullback = np.mean(np.log(at_target))
    return len(weighter.centers_), weighter.width_, weighter.ridge_, pearson, kullback


def true_divergences():
    """Integrate both divergences of N(0, 1/8^2) to its mixture with N(0, 1/2^2)."""
    x = np.linspace(-3, 3, 20001)
    target = norm.pdf(x, 0, 1 / 8)
    mixture = ALPHA * target + (1 - ALPHA) * norm.pdf(x, 0, 1 / 2)
    ratio = target / mixture
    pearson = np.trapezoid(mixture * (ratio - 1) ** 2, x) / 2
    kullback = np.trapezoid(target * np.log(np.maximum(ratio, 1e-300)), x)
    return float(pearson), float(kullback)


def few_labels_error(shift, parts, n_labels, fit, error):
    """Fit the first labelled rows of the target alone; NaN where they are all of one class."""
    (X, y), test = parts[1], parts[2]
    if len(np.unique(y[:n_labels])) < 2:
        return np.nan
    return error(fit(X[:n_labels], y[:n_labels]), *test)


def shift_errors(shift, seed, *, learner, wrapper, error, label_counts):
    """Give name -> error on the test, for weights of every kind."""
    parts = shift.draw(seed)
    (X_source, y_source), (X_target, _), test = parts
    found = {"none": error(learner().fit(X_source, y_source), *test)}
    X = np.concatenate([X_source, X_target])
    y = np.r_[y_source, np.full(len(X_target), np.nan)]
    sample_domain = np.repeat(["source", "target"], [len(X_source), len(X_target)])
    for name, make in WEIGHTERS.items():
        model = wrapper(learner(), make(seed)).fit(X, y, sample_domain=sample_domain)
        found[name] = error(model, *test)
    weights = shift.ratio(X_source)
    model = learner().fit(X_source, y_source, sample_weight=weights / weights.mean())
    found["true ratio"] = error(model, *test)
    for n_labels in label_counts:
        fit = learner().fit
        found[f"{n_labels} target labels alone"] = few_labels_error(
            shift, parts, n_labels, fit, error
        )
    found["all target labels"] = error(learner().fit(*parts[1]), *test)
    return found


def squared_error(model, X, y):
    """The mean squared error."""
    return float(np.mean((model.predict(X) - y) ** 2))


def percent_wrong(model, X, y):
    """The share of wrong classes, in percent."""
    return 100 * float(np.mean(model.predict(X) != y))


REGRESSION = partial(
    shift_errors,
    learner=LinearRegression,
    wrapper=WeightedTransferRegressor,
    error=squared_error,
    label_counts=(3, 10),
)
CLASSIFICATION = partial(
    shift_errors,
    learner=LogisticRegression,
    wrapper=WeightedTransferClassifier,
    error=percent_wrong,
    label_counts=(5, 20),
)


def compare_shifts(title, shifts, errors_of, *, n_draws, digits, notes):
    """Fill a table with two columns for each shift: the error, and how often it is below none's."""
    columns, cells, lost = ["weights"], {}, []
    for shift in shifts:
        found = [errors_of(shift, seed) for seed in range(n_draws)]
        columns += [f"{shift.name}: error", "better than none"]
        none = np.array([draw["none"] for draw in found])
        for name in found[0]:
            values = np.array([draw[name] for draw in found])
            mean, spread = np.nanmean(values), np.nanstd(values)
            wins = "" if name == "none" else f"{np.sum(values < none)} of {n_draws}"
            cells.setdefault(name, []).extend((f"{mean:.{digits}f} ({spread:.{digits}f})", wins))
            if name in WEIGHTERS and mean >= none.mean():
                lost.append(f"{name} ({shift.name})")
    return Table(
        f"{title}, mean (deviation) of {n_draws} draws",
        columns=tuple(columns),
        rows=tuple((name, *values) for name, values in cells.items()),
        notes=(*notes, f"Weights that lose to none on average: {', '.join(lost) or 'none'}."),
    )


def run(data_home, *, quick=False):
    """Fill all tables; no data are read."""
    sizes, n_draws = ((50,), 2) if quick else ((100, 300, 1000), 5)
    tables = [compare_gaussians(setting, sizes, n_draws) for setting in SETTINGS]
    print("Gaussians: done", flush=True)
    tables.append(densratio_example())
    tables.append(
        compare_shifts(
            "Regression, sinc(x) and noise of 0.25, a straight line: squared error on the target",
            (SINC,),
            REGRESSION,
            n_draws=3 if quick else 50,
            digits=3,
            notes=(
                "Source x of N(1, 0.5^2), 150 rows; target x of N(2, 0.25^2), 150 rows without "
                "labels and 1000 to test on: this project's numbers, for the kind of example that "
                "the paper on KLIEP (NIPS 2007) opens with. The noise alone is 0.0625.",
            ),
        )
    )
    print("regression: done", flush=True)
    tables.append(
        compare_shifts(
            "Classification by logistic regression: error (%) on the target",
            CLASSES,
            CLASSIFICATION,
            n_draws=2 if quick else 20,
            digits=1,
            notes=(
                "300 rows of each domain. Curved: the border is x2 = x1^2 / 2, which a line cannot "
                "follow, so that weights tell it where to fit. Straight: x2 = x1, where the model "
                "is right everywhere and weights only cost variance. The features more say "
                "nothing of the class, but their distribution moves as well.",
                "Draws in which the few labels were of one class are left out of their rows.",
            ),
        )
    )
    return tables
