"""Which edges a task graph finds: between made tasks, and between 139 schools.

Rules of made tasks are normal vectors. Those of a pair are independent, equal but for a deviation
of 0.3 or 0.05 in each coefficient, or opposite but for 0.05. Each draw has one pair. The standard
deviation of the noise is 1.
"""

import numpy as np
from sklearn.preprocessing import StandardScaler

from benchmarks._data import load_school
from benchmarks._runner import Table
from sktransfer import TaskGraph

SIZES = (12, 12), (30, 30), (100, 8)  # rows of a task, columns
RELATIONS = {
    "independent": (0, 1.0),
    "deviation 0.3": (1, 0.3),
    "deviation 0.05": (1, 0.05),
    "opposite": (-1, 0.05),
}


def make_pair(n_rows, n_columns, relation, *, draw):
    """Return X, y and the task of each row: rows of two tasks."""
    rng = np.random.default_rng(draw)
    share, spread = RELATIONS[relation]
    first, deviation = rng.normal(size=(2, n_columns))
    rules = np.array([first, share * first + spread * deviation])
    task = np.repeat([0, 1], n_rows)
    X = rng.normal(size=(2 * n_rows, n_columns))
    return X, np.sum(X * rules[task], axis=1) + rng.normal(size=2 * n_rows), task


def shares(graphs):
    """Return the median gain, and the percentages of edges that help and that harm."""
    gains = np.array([each.gains_ for each in graphs])
    n_edges = np.isfinite(gains).sum()
    helps = sum(np.sum(each.low_ > 0) for each in graphs)
    harms = sum(np.sum(each.high_ < 0) for each in graphs)
    return [float(np.nanmedian(gains)), 100 * helps / n_edges, 100 * harms / n_edges]


def run(data_home, *, quick=False):
    """Make the tables.

    Parameters
    ----------
    data_home : str or None
        The folder of data sets.
    quick : bool, default=False
        Few draws.

    Returns
    -------
    tables : list of Table
    """
    n_draws = 20 if quick else 500
    columns = ["median gain", "% helpful", "% harmful"]
    made = []
    for n_rows, n_columns in SIZES:
        for relation in RELATIONS:
            pairs = (make_pair(n_rows, n_columns, relation, draw=draw) for draw in range(n_draws))
            graphs = [TaskGraph().fit(X, y, sample_domain=task) for X, y, task in pairs]
            made.append([f"{n_rows} x {n_columns}", relation, *shares(graphs)])
    title = f"Edges between made tasks, {2 * n_draws} each, intervals of 0.9"
    return [
        Table(title, ["rows x columns", "rules", *columns], made, digits=3),
        _schools(load_school(data_home), n_permutations=1 if quick else 5, columns=columns),
    ]


def _schools(schools, *, n_permutations, columns):
    X = StandardScaler().fit_transform(np.concatenate([X for X, _ in schools]))
    y = np.concatenate([y for _, y in schools])
    task = np.repeat(np.arange(len(schools)), [len(y) for _, y in schools])
    n_edges = len(schools) * (len(schools) - 1)
    rows = []
    for name, level in {"0.9": 0.9, "0.9 for all edges": 1 - 0.1 / n_edges}.items():
        graph = TaskGraph(level=level)
        rows.append([name, "as they are", *shares([graph.fit(X, y, sample_domain=task)])])
        graphs = []
        for draw in range(n_permutations):
            permuted = np.random.default_rng(draw).permutation(y)
            graphs.append(TaskGraph(level=level).fit(X, permuted, sample_domain=task))
        rows.append([name, f"permuted, mean of {n_permutations}", *shares(graphs)])
    title = f"Edges between {len(schools)} schools, columns scaled"
    return Table(title, ["level", "labels", *columns], rows, digits=3)
