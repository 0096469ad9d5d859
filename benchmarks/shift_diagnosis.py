"""What moved? Levels and power of tests of shift, intervals of class proportions, named families.

Every draw of a simulated shift gets the report of `diagnose_shift`. Beside its tests stand those
that users write by hand: a classifier on one half of the rows, tested on the other, and a
likelihood ratio of the class proportions of the EM algorithm, with its interval from a bootstrap of
target rows. A level is nominally 5 %, an interval 90 %. Nothing was tuned on these draws.
"""

import time
import warnings

import numpy as np
from scipy.stats import chi2, mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._runner import Table
from benchmarks._shifts import simulate
from sktransfer import TransferWarning, diagnose_shift, pack_domains
from sktransfer._kernels.label_shift import likely_shares, share_intervals
from sktransfer._random import seeded_clones
from sktransfer.transferability._source_rule import fit_source_rule

SEEDS = (31, 37)
LEVEL = 0.05
FAMILIES = {
    "none": "none",
    "label_75": "class proportions",
    "label_92": "class proportions",
    "covariate_1": "rows or scales",
    "moments_1": "rows or scales",
    "rotation_30": "more than scales",
    "rotation_60": "more than scales",
}
N_DRAWS = {100: (250, 60), 500: (100, 24), 2000: (6, 6)}  # rows: draws of "none", of the others
N_LABELS = 40
RULES = ("none", "label_75", "rotation_30", "covariate_1", "concept_30", "concept_60", "concept_90")
SHARES = {"none": 0.5, "label_75": 0.75, "label_92": 0.92, "covariate_1": 0.5, "moments_1": 0.5}
MODEL = make_pipeline(StandardScaler(), LogisticRegression())


def diagnose(name, n_rows, seed, *, n_labels=0):
    """Return the report of one draw, and its seconds."""
    X_source, y_source, X_target, y_target = simulate(
        name, n_source=n_rows, n_target=n_rows, seed=seed
    )
    labels = y_target.astype(float)
    labels[n_labels:] = np.nan
    X, y, sample_domain = pack_domains({"source": (X_source, y_source)}, target=(X_target, labels))
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TransferWarning)
        report = diagnose_shift(X, y, sample_domain=sample_domain, random_state=seed[0])
    return report, time.perf_counter() - start


def p_half_split(X_source, X_target, seed):
    """Return the p-value of a linear classifier on one half, by Mann and Whitney on the other."""
    X = np.vstack([X_source, X_target])
    is_target = np.arange(len(X)) >= len(X_source)
    X_train, X_test, z_train, z_test = train_test_split(
        X, is_target, test_size=0.5, stratify=is_target, random_state=seed
    )
    scores = MODEL.fit(X_train, z_train).decision_function(X_test)
    return mannwhitneyu(scores[z_test], scores[~z_test], alternative="greater").pvalue


def p_likelihood_ratio(X_source, y_source, X_target):
    """Return the p-value of the EM algorithm's proportions against the source's, by chi-squared."""
    p = MODEL.fit(X_source, y_source).predict_proba(X_target)
    shares = np.bincount(y_source) / len(y_source)
    found, _ = likely_shares(p, shares, tol=1e-8, max_iter=200)
    return chi2.sf(2 * np.sum(np.log(p @ (found / shares))), len(shares) - 1)


def tests_of(name, n_rows, seed):
    """Return name -> p-value of every test, and the report."""
    report, _ = diagnose(name, n_rows, seed)
    X_source, y_source, X_target, _ = simulate(name, n_source=n_rows, n_target=n_rows, seed=seed)
    return {
        "rows and squares, permuted (the diagnosis)": report.p_shift,
        "MMD, permuted (in the report)": report.p_mmd,
        "columns, KS and BH (in the report)": min(column.p_value for column in report.columns),
        "half split, linear, Mann-Whitney": p_half_split(X_source, X_target, seed[0]),
        "EM likelihood ratio": p_likelihood_ratio(X_source, y_source, X_target),
    }, report


def count_rejections(seed, n_rows, *, quick):
    """Return two tables: the share of draws that each test rejects, and of families named right."""
    rejected, named, n_draws = {}, {}, {}
    for name, family in FAMILIES.items():
        n_draws[name] = 2 if quick else N_DRAWS[n_rows][name != "none"]
        for draw in range(n_draws[name]):
            tests, report = tests_of(name, n_rows, [draw, seed])
            named.setdefault(name, []).append(report.family == family)
            for test, p in tests.items():
                rejected.setdefault(test, {}).setdefault(name, []).append(p <= LEVEL)
        print(f"{n_rows} rows, {name}: done", flush=True)
    rows = [
        (test, *(100 * np.mean(found[name]) for name in FAMILIES))
        for test, found in rejected.items()
    ]
    families = ("family named rightly", *(100 * np.mean(named[name]) for name in FAMILIES))
    return Table(
        f"{n_rows} rows a domain, seed {seed}: rejected at 5 %, in percent of draws",
        columns=("test", *FAMILIES),
        rows=(*rows, families),
        notes=(
            f"{n_draws['none']} draws of none, {n_draws['label_75']} of each other shift. Nothing "
            "but the last row takes covariate shift and moved moments for one family.",
        ),
        digits=1,
    )


def em_interval(rule, rng, *, n_draws=100):
    """Return the interval of the share of class 1 by EM on bootstrap samples of target rows."""
    drawn = [
        likely_shares(
            rule.p_target[rng.randint(len(rule.p_target), size=len(rule.p_target))],
            rule.shares,
            tol=1e-6,
            max_iter=100,
        )[0][1]
        for _ in range(n_draws)
    ]
    return np.quantile(drawn, [LEVEL, 1 - LEVEL])


def cover_shares(seed, n_rows, *, n_draws):
    """Return how often intervals hold the true share of class 1."""
    rows = []
    for name, truth in SHARES.items():
        found = {"stated": [], "any": [], "em": []}
        for draw in range(n_draws):
            report, _ = diagnose(name, n_rows, [draw, seed, 1])
            X_source, y_source, X_target, _ = simulate(
                name, n_source=n_rows, n_target=n_rows, seed=[draw, seed, 1]
            )
            rng = np.random.RandomState(draw)
            clones = seeded_clones(MODEL, 5, generator=rng, keep_seeds=False)
            rule = fit_source_rule(clones, X_source, y_source, X_target, generator=rng)
            _, low, high = share_intervals(
                rule.p_source, y_source, rule.p_target, level=LEVEL, generator=rng
            )
            found["any"].append(low[1] <= truth <= high[1])
            low_em, high_em = em_interval(rule, rng)
            found["em"].append(low_em <= truth <= high_em)
            if report.shares is not None:
                found["stated"].append(report.shares[1].low <= truth <= report.shares[1].high)
        covered = [100 * np.mean(found[key]) if found[key] else None for key in found]
        rows.append((name, 100 * len(found["stated"]) / n_draws, *covered))
    return Table(
        f"{n_rows} rows a domain, seed {seed}: intervals of a class proportion that hold the truth",
        columns=("shift", "stated %", "held if stated %", "held if always %", "EM, target rows %"),
        rows=tuple(rows),
        notes=(f"{n_draws} draws a shift; nominal 90 %.",),
        digits=1,
    )


def check_rules(seed, *, n_draws):
    """Return how often the source's model is rejected by 40 target labels."""
    rows = []
    for name in RULES:
        reports = [
            diagnose(name, 500, [draw, seed, 2], n_labels=N_LABELS)[0] for draw in range(n_draws)
        ]
        rows.append((name, 100 * np.mean([r.p_source_holds <= LEVEL for r in reports])))
    return Table(
        f"500 rows a domain, {N_LABELS} target labels, seed {seed}: source's model rejected",
        columns=("shift", "rejected %"),
        rows=tuple(rows),
        notes=(
            f"{n_draws} draws a shift. Only concept shifts change the rule. Under strong covariate "
            "shift and rotations the learned rule can be wrong where the true one is not.",
        ),
        digits=1,
    )


def measure_seconds(*, quick):
    """Return the seconds of a report."""
    rows = []
    for n_rows in (500,) if quick else (500, 2000):
        seconds = [diagnose("label_75", n_rows, [draw, 0])[1] for draw in range(4)]
        rows.append((n_rows, min(seconds)))
    return Table(
        "Seconds of a report, 8 columns",
        columns=("rows a domain", "seconds"),
        rows=tuple(rows),
        notes=("The least of four runs.",),
    )


def run(data_home, *, quick=False):
    """Fill all tables."""
    tables = []
    for seed in SEEDS[:1] if quick else SEEDS:
        tables += [count_rejections(seed, n, quick=quick) for n in ((100,) if quick else N_DRAWS)]
        for n_rows in (100,) if quick else (100, 500):
            tables.append(cover_shares(seed, n_rows, n_draws=2 if quick else 60))
        tables.append(check_rules(seed, n_draws=2 if quick else 24))
    return [*tables, measure_seconds(quick=quick)]
