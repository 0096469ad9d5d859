"""Transfer or not, without labels on the target: what a guarded vote and twenty labels decide.

The source has at most 600 labelled rows, the target at most 500 without labels, which are the
test. Every candidate is a logistic regression, C = 0.3, after one method of adaptation. One fit
of `GuardedTransferClassifier` gives all rows of a table. Then labels of 20 rows are asked for, a
random draw of those on which the equal vote and the source alone differ. The draws were not looked
at while the method was made.
"""

import warnings
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from benchmarks._data import DataError
from benchmarks._guard_measures import judge
from benchmarks._guard_tasks import draw_source, load_tasks
from benchmarks._runner import Table
from benchmarks._shifts import SHIFTS, simulate
from benchmarks.guard_labels import base_model
from sktransfer import GuardedTransferClassifier, pack_domains

DRAWS = (501, 502, 503, 504, 601, 602, 603, 604)
MOST_TARGET_ROWS, SIMULATED_SOURCE, SIMULATED_TARGET = 500, 600, 1000
NOTHING_TO_LEARN = {"flipped", "unrelated"}
N_LABELS, MOST_LABELS = 20, 60

EQUAL, HALF = "equal vote", "source keeps half"
DEFAULT, GATED = "guarded (source keeps half, after tests)", "equal vote, after tests"
SURE, MAJORITY = f"{N_LABELS} labels, sure", f"{N_LABELS} labels, majority"
UNTIL = f"{N_LABELS} labels at a time until decided, at most {MOST_LABELS}"

COLUMNS = ("gain", "harm", "worse (%)", "> 1 worse (%)", "worst run")
UNLABELLED_BARS = {
    "harm": {"real": ("<=", 0.15), "simulated": ("<=", 0.25)},
    "gain": {"real": (">=", 1.2), "simulated": (">=", 1.6)},
    "> 1 worse (%)": {"real": ("<=", 7.0), "simulated": ("<=", 7.0)},
    "worst run": {"real": (">=", -5.0), "simulated": (">=", -5.0)},
}
QUERIED_BARS = {
    "gain": {"real": (">=", 1.6), "simulated": (">=", 2.0)},
    "harm": {"real": ("<=", 0.01), "simulated": ("<=", 0.01)},
}
INTERVAL_BARS = {
    "truth inside (%)": (">=", 90.0),
    "lower end above the truth (%)": ("<=", 4.0),
    "kept and worse (%)": ("<=", 0.5),
}


@dataclass(frozen=True)
class Run:
    """One fit without target labels.

    Parameters
    ----------
    task : str
    decision : str
        Of the fit, before any label.
    candidates, guards : dict of str to float
        Accuracy on the target rows, in percent; "source" is among the candidates.
    interval : tuple of (float, float), or None
        Of the equal vote's difference to the source alone after `N_LABELS` labels, in percent; None
        if no row differs.
    kept : bool
        Whether these labels kept the vote.
    """

    task: str
    decision: str
    candidates: dict
    guards: dict
    interval: tuple | None
    kept: bool

    def gain(self, name):
        """Return the points over the source alone."""
        return (self.candidates | self.guards)[name] - self.candidates["source"]


def run_guard(task, source, X_target, y_target, seed):
    """Fit without target labels, score, and settle with the labels that are asked for."""
    X, y, sample_domain = pack_domains({"source": source}, target=X_target)
    truth = np.concatenate([source[1], y_target])
    guard = GuardedTransferClassifier(estimator=base_model(), random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        guard.fit(X, y, sample_domain=sample_domain)
    answers = {name: model.predict_proba(X_target) for name, model in guard.estimators_.items()}

    def accuracy(probabilities):
        return 100 * float(np.mean(guard.classes_[probabilities.argmax(axis=1)] == y_target))

    others = [answer for name, answer in answers.items() if name != "source"]
    voters = [answer for name, answer in answers.items() if guard.weights_[name] > 0]
    default = 100 * float(guard.score(X_target, y_target))
    guards = {
        EQUAL: accuracy(np.mean(list(answers.values()), axis=0)),
        HALF: accuracy((answers["source"] + np.mean(others, axis=0)) / 2),
        DEFAULT: default,
        GATED: accuracy(np.mean(voters, axis=0)),
    }
    settled = {
        SURE: settle(guard, truth),
        MAJORITY: settle(guard, truth, rule="majority"),
        UNTIL: settle(guard, truth, most=MOST_LABELS),
    }
    guards |= {name: 100 * float(each.score(X_target, y_target)) for name, each in settled.items()}
    sure = settled[SURE]
    interval = sure.interval_ and tuple(100 * end for end in sure.interval_)
    candidates = {name: accuracy(answer) for name, answer in answers.items()}
    kept = sure.decision_.startswith("kept")
    return Run(task, guard.decision_, candidates, guards, interval, kept)


def settle(guard, truth, *, rule="sure", most=N_LABELS):
    """Return a copy of the guard after labels were asked for, if any row differs."""
    for asked in range(0, most, N_LABELS):
        if not asked:
            guard = deepcopy(guard)
        elif not guard.decision_.startswith("undecided"):
            break
        rows = guard.rows_to_label(N_LABELS)
        if not len(rows):
            break
        guard.settle(rows, truth[rows], rule=rule)
    return guard


def real_runs(run_one, data_home, draws, *, seed):
    """Return what ``run_one(task, source, X_target, y_target, draw)`` gives on real tasks."""
    runs = []
    for task in load_tasks(data_home):
        for draw in draws:
            rng = np.random.default_rng([draw, seed])
            source = draw_source(*task.domains[task.source], rng)
            target = draw_source(*task.domains[task.target], rng, max_rows=MOST_TARGET_ROWS)
            runs.append(run_one(task.name, source, *target, draw))
    return runs


def simulated_runs(run_one, draws, *, seed):
    """Return the same on the shifts from which something can be learned."""
    runs = []
    for name in SHIFTS:
        for draw in () if name in NOTHING_TO_LEARN else draws:
            sizes = {"n_source": SIMULATED_SOURCE, "n_target": SIMULATED_TARGET}
            X_source, y_source, X, y = simulate(name, **sizes, seed=[draw, seed])
            runs.append(run_one(name, (X_source, y_source), X, y, draw))
    return runs


def gains(runs, name):
    """Return the figures of `COLUMNS`: points over the source alone."""
    gain = np.array([run.gain(name) for run in runs])
    harm = np.maximum(0, -gain)
    shares = (100 * (harm > 1e-9).mean(), 100 * (harm > 1).mean())
    return (float(gain.mean()), float(harm.mean()), *map(float, shares), float(gain.min()))


def compare(kind, runs):
    """Make the table of candidates and guards, with the bars in its notes."""
    names = [*runs[0].candidates, *runs[0].guards]
    figures = {name: gains(runs, name) for name in names}
    best = np.mean([max(map(run.gain, run.candidates)) for run in runs])
    rows = [(name, *figures[name]) for name in names]
    rows.append(("best candidate, as an oracle chooses", float(best), 0.0, 0.0, 0.0, 0.0))
    below = np.mean([run.gain(c) < 0 for run in runs for c in run.candidates if c != "source"])
    source = np.mean([run.candidates["source"] for run in runs])
    notes = [
        f"The source alone has {source:.1f} %. {100 * below:.0f} % of the adapted fits are below.",
        _verdict(DEFAULT, figures, UNLABELLED_BARS, kind),
        _verdict(SURE, figures, QUERIED_BARS, kind),
    ]
    title = f"{kind.capitalize()} tasks, {len(runs)} runs: points over the source alone"
    return Table(title, ("", *COLUMNS), tuple(rows), tuple(notes))


def _verdict(name, figures, bars, kind):
    found = dict(zip(COLUMNS, figures[name], strict=True))
    return f"{name}. {judge(found, {column: bars[column][kind] for column in bars})}"


def compare_intervals(runs):
    """Make the table of the intervals after `N_LABELS` labels."""
    rows, notes = [], []
    columns = (*INTERVAL_BARS, "kept (%)", "mean width")
    for kind, some in runs.items():
        asked = [run for run in some if run.interval is not None]
        low, high = np.array([run.interval for run in asked]).T
        truth = np.array([run.gain(GATED) for run in asked])
        kept = np.array([run.kept for run in asked])
        inside = (low <= truth + 1e-9) & (truth - 1e-9 <= high)
        figures = (inside, low > truth + 1e-9, kept & (truth < -1e-9), kept)
        figures = (*(float(100 * each.mean()) for each in figures), float((high - low).mean()))
        rows.append((kind, len(asked), *figures))
        found = dict(zip(columns, figures, strict=True))
        notes.append(f"{kind}. {judge(found, INTERVAL_BARS)}")
    title = f"The interval after {N_LABELS} labels, at a level of 90 %"
    return Table(title, ("", "runs", *columns), tuple(rows), tuple(notes))


def compare_tasks(kind, runs):
    """Make the table of gains by task."""
    shown = (EQUAL, DEFAULT, SURE, MAJORITY)
    rows = []
    for task in dict.fromkeys(run.task for run in runs):
        some = [run for run in runs if run.task == task]
        best = max(some[0].candidates, key=lambda c: np.mean([run.gain(c) for run in some]))
        source = np.mean([run.candidates["source"] for run in some])
        figures = [np.mean([run.gain(name) for run in some]) for name in (*shown, best)]
        decisions = ", ".join(
            f"{decision} {sum(run.decision == decision for run in some)}"
            for decision in sorted({run.decision for run in some})
        )
        rows.append((task, float(source), *map(float, figures), best, decisions))
    columns = ("", "source alone", *shown, "best candidate", "which", "decisions")
    return Table(f"{kind.capitalize()} tasks: points by task", columns, tuple(rows), digits=1)


def check_tests(runs):
    """Say how often "other shares" was decided, if there were such and if not."""
    label = [run for run in runs["simulated"] if run.task.startswith("label")]
    named = {
        "label shifts": label,
        "other simulated": [run for run in runs["simulated"] if run not in label],
        "real": runs.get("real", []),
    }
    rows = [
        (name, len(some), sum(run.decision == "other shares" for run in some))
        for name, some in named.items()
        if some
    ]
    wrong = sum(found for name, _, found in rows if name != "label shifts")
    reached = rows[0][1] == rows[0][2] and not wrong
    note = "The bar (all label shifts, no other) is " + ("reached." if reached else "missed.")
    return Table(
        "Runs that decide for other class proportions", ("", "runs", "decided"), rows, (note,)
    )


def run(data_home, *, quick=False):
    """Make all tables; those of real data are left out if there are none."""
    few = slice(1 if quick else None)
    runs, tables = {}, []
    try:
        runs["real"] = real_runs(run_guard, data_home, DRAWS[few], seed=23)
    except DataError as error:
        tables.append(Table("Real tasks", ("left out",), ((str(error),),)))
    runs["simulated"] = simulated_runs(run_guard, DRAWS[few], seed=29)
    tables += [compare(kind, some) for kind, some in runs.items()]
    tables += [compare_intervals(runs), check_tests(runs)]
    return [*tables, *(compare_tasks(kind, some) for kind, some in runs.items())]
