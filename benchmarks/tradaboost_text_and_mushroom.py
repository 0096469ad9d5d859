"""TrAdaBoost on text and on mushrooms: what do a source and a few target labels give together?

The target has labels for few rows, drawn at random: as many as one in a hundred of the source's.
The error is that on all its other rows, as mean (standard deviation) over draws. Every method has
the same learner, ``LinearSVC(class_weight="balanced")``, and its own rows and weights:

- SVM: the source rows; target only: the labelled target rows;
- SVMt: both; AUX: both, a target row with weight ``4 n_source / n_target``;
- TrAdaBoost: both, weighted again each round.

Text: rec (autos and others) against talk, other subgroups in the target; tf-idf with frequencies of
both domains, which is transductive: the words of the test rows are read, their labels are not.
Mushrooms: edible or poisonous, tapering stalks are the source and enlarging ones the target, one
column for each value of an attribute.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from benchmarks._data import SOURCES, load_mushroom, load_newsgroups
from benchmarks._runner import Table
from sktransfer import TrAdaBoostClassifier

METHODS = ("SVM", "SVMt", "AUX", "target only", "TrAdaBoost")
AUX_FACTOR = 4


@dataclass(frozen=True)
class Task:
    """A source, a target, and how many rounds TrAdaBoost has.

    ``published`` holds rows of figures for the table: an origin, then one entry for each method.
    """

    name: str
    source: tuple
    target: tuple
    n_rounds: int
    published: tuple


def text_task(data_home):
    """Rec against talk: Task1 is the source, Task2 the target."""
    (X_source, y_source), (X_target, y_target) = load_newsgroups(data_home).values()
    X = TfidfTransformer().fit_transform(vstack([X_source, X_target]))
    n_source = len(y_source)
    return Task(
        "rec against talk",
        (X[:n_source], y_source),
        (X[n_source:], y_target),
        10,
        (
            ("another cut: Dai et al., ICML 2007", ".222", ".127", ".127", None, ".080"),
            (
                "another cut: the adapt library's notebook",
                ".206 (.001)",
                ".106 (.007)",
                ".090 (.006)",
                None,
                ".081 (.006)",
            ),
        ),
    )


def mushroom_task(data_home):
    """Edible or poisonous: tapering stalks are the source, enlarging ones the target."""
    (X_source, y_source), (X_target, y_target) = load_mushroom(data_home).values()
    encoder = OneHotEncoder().fit(np.concatenate([X_source, X_target]))
    return Task(
        "mushroom",
        (csr_array(encoder.transform(X_source)), y_source),
        (csr_array(encoder.transform(X_target)), y_target),
        100,
        (
            (
                "the adapt library's notebook",
                ".261 (.001)",
                ".055 (.019)",
                ".055 (.020)",
                None,
                ".053 (.016)",
            ),
        ),
    )


def draw_errors(task, seed):
    """Give the error of each of the `METHODS` for one draw of labelled target rows, and the rounds.

    Returns
    -------
    errors : list of float
        In the order of `METHODS`.
    n_rounds : int
        The rounds that TrAdaBoost kept.
    """
    (X_source, y_source), (X_target, y_target) = task.source, task.target
    n_source, n_labelled = len(y_source), round(len(y_source) / 100)
    rows = np.random.default_rng(seed).permutation(len(y_target))
    labelled, test = rows[:n_labelled], rows[n_labelled:]
    X, y = vstack([X_source, X_target[labelled]]), np.r_[y_source, y_target[labelled]]
    is_target = np.arange(len(y)) >= n_source
    learner = LinearSVC(class_weight="balanced", random_state=seed)
    aux = np.where(is_target, AUX_FACTOR * n_source / n_labelled, 1.0)
    transfer = TrAdaBoostClassifier(learner, n_estimators=task.n_rounds, random_state=seed)
    transfer.fit(X, y, sample_domain=np.where(is_target, "target", "source"))
    models = (
        clone(learner).fit(X_source, y_source),
        clone(learner).fit(X, y),
        clone(learner).fit(X, y, sample_weight=aux),
        clone(learner).fit(X_target[labelled], y_target[labelled]),
        transfer,
    )
    errors = [1 - model.score(X_target[test], y_target[test]) for model in models]
    return errors, len(transfer.estimators_)


def table_of(task, *, n_draws):
    """Fill the table of one task."""
    errors, rounds = zip(*(draw_errors(task, seed) for seed in range(n_draws)))
    means, deviations = np.mean(errors, axis=0), np.std(errors, axis=0)
    ours = [
        f"{mean:.3f} ({deviation:.3f})".replace("0.", ".")
        for mean, deviation in zip(means, deviations)
    ]
    rows = (("ours", *ours), *task.published)
    return Table(
        f"{task.name}: error on the unlabelled target rows",
        columns=("figures", *METHODS),
        rows=rows,
        notes=notes_of(task, np.array(errors), rounds),
    )


def notes_of(task, errors, rounds):
    """Say how TrAdaBoost compares, draw by draw, and how many rounds it took."""
    (n_source, n_features), n_target = task.source[0].shape, len(task.target[1])
    transfer, others = errors[:, -1], dict(zip(METHODS[:-1], errors.T))
    wins = ", ".join(f"{name} in {np.sum(transfer < other)}" for name, other in others.items())
    difference = np.mean(transfer) - np.mean(others["SVMt"])
    verdict = "beats" if np.mean(transfer < others["SVMt"]) > 3 / 4 else "does not beat"
    return (
        f"{n_source} source rows, {n_target} target rows, {round(n_source / 100)} of them "
        f"labelled; {n_features} features; {len(errors)} draws.",
        f"TrAdaBoost {verdict} SVMt ({difference:+.3f} on average). Of {len(errors)} draws it is "
        f"better than {wins}.",
        f"Rounds kept, of {task.n_rounds} at most: {min(rounds)} to {max(rounds)}. It goes on "
        "after a round without error on the labelled target rows, as long as source rows are "
        "wrong.",
    )


def run(data_home, *, quick=False):
    """Fill the tables of both tasks."""
    tables = []
    for make_task, name in ((text_task, "newsgroups"), (mushroom_task, "mushroom")):
        table = table_of(make_task(data_home), n_draws=2 if quick else 10)
        print(f"{SOURCES[name].title}: done", flush=True)
        tables.append(table)
    return tables
