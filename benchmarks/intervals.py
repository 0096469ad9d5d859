"""Intervals for the difference of two models: how often do they hold the truth?

Models are cross-validated on 6 to 40 labelled target rows. The truth is the difference of the
models that are fitted on all of these rows, on 8000 others. Each interval is to cover it in 90 % of
draws, with the truth below its lower end in 5 %.
"""

import numpy as np

from benchmarks._interval_draws import MOVES, PAIRS, SHIFTS, draw_classes, draw_numbers
from benchmarks._interval_rules import OF_ACCURACY, OF_LOSSES, bonett_price
from benchmarks._runner import Table

LEVEL = 0.9
SIZES = (3, 5, 10, 20)
N_DRAWS = 50
SEEDS = (61, 62)
OURS = "Bonett-Price, rows averaged (paired_interval)"
FOUND = ("covers, %", "lower end above, %", "width", "says helps, %", "wrongly, %")


def judge(interval, truth):
    """Return whether an interval covers, whether it is above, its width, and what it says."""
    low, high = interval
    helps = low > 0
    return low <= truth <= high, low > truth, high - low, helps, helps and truth <= 0


def percent(judged):
    """Return the means of what `judge` returned, in percent but for the width."""
    return list(np.mean(judged, axis=0) * [100, 100, 1, 100, 100])


def judge_pairs(draws, score, rule):
    """Return what `judge` says of each draw and pair, by the size and the pair."""
    judged = {}
    for draw in draws:
        for first, second in PAIRS:
            pair, truth = draw.pair(score, first, second)
            cell = judged.setdefault((draw.k, f"{first} - {second}"), [])
            cell.append(judge(rule(pair, LEVEL), truth))
    return judged


def pool(judged, *, nearly_equal=None):
    """Return all that was judged; of nearly equal models or of others only, if asked for."""
    return [
        each
        for (_, pair), cell in judged.items()
        if nearly_equal is None or (pair == "B - S") == nearly_equal
        for each in cell
    ]


def compare_rules(draws):
    """A table of all intervals of accuracy."""
    rows = []
    for name, rule in OF_ACCURACY.items():
        judged = judge_pairs(draws, "accuracy", rule)
        for nearly_equal, pairs in ((False, "P, B, S - T"), (True, "B - S")):
            rows.append([name, pairs, *percent(pool(judged, nearly_equal=nearly_equal))])
    return Table("Accuracy, by the interval", ("interval", "pairs", *FOUND), rows, digits=1)


def look_into_cells(sets):
    """A table of our interval for each size and pair, and the bar that it has to reach."""
    judged = [judge_pairs(draws, "accuracy", bonett_price) for draws in sets]
    both = {cell: [*judged[0][cell], *judged[1][cell]] for cell in judged[0]}
    rows = []
    for (k, pair), cell in both.items():
        found = [percent(each[k, pair]) for each in judged]
        ends = [of_set[place] for place in (0, 1) for of_set in found]
        rows.append([2 * k, pair, *np.round(ends, 1), 100 * percent(cell)[2]])
    columns = ("rows", "pair", *(f"{name}, draws {s}" for name in FOUND[:2] for s in SEEDS))
    names = [*(f"Draws {seed}" for seed in SEEDS), "Both"]
    notes = [_bar(each, name) for each, name in zip([*judged, both], names)]
    title = "Accuracy, Bonett-Price with rows averaged"
    return Table(title, (*columns, "width, points"), rows, notes, digits=1)


def _bar(judged, name):
    cells = np.array([percent(cell) for cell in judged.values()])
    coverage, _, _, _, wrongly = percent(pool(judged))
    met = cells[:, 0].min() >= 90 and coverage >= 94 and cells[:, 1].max() <= 6 and wrongly <= 1
    return (
        f"{name}: smallest coverage {cells[:, 0].min():.1f} % (bar 90), over all "
        f"{coverage:.1f} % (94), largest share of lower ends above the truth "
        f"{cells[:, 1].max():.1f} % (6), wrong 'helps' {wrongly:.1f} % (1): "
        f"{'reached' if met else 'missed'}."
    )


def choose_baselines(draws):
    """A table of intervals for B minus the best of T, S and P, which is chosen on the same rows."""
    chosen, ours = [], []
    for draw in draws:
        pairs = [draw.pair("accuracy", "B", other) for other in "TSP"]
        truth = min(difference for _, difference in pairs)
        best = min((pair for pair, _ in pairs), key=lambda pair: pair.mean_rows.mean())
        chosen.append(judge(bonett_price(best, LEVEL), truth))
        low = min(bonett_price(pair, LEVEL)[0] for pair, _ in pairs)
        high = min(bonett_price(pair, 1 - (1 - LEVEL) / 3)[1] for pair, _ in pairs)
        ours.append(judge((low, high), truth))
    rows = [
        ["the interval to the baseline that was chosen", *percent(chosen)],
        ["that of compare_transfer", *percent(ours)],
    ]
    title = "Accuracy of B minus that of the best of three baselines"
    return Table(title, ("interval", *FOUND), rows, digits=1)


def compare_losses(classes, numbers):
    """A table of intervals of scores that are no shares of rows."""
    rows = []
    for score, draws in (
        ("Brier score", classes),
        ("log-loss", classes),
        ("squared error", numbers),
        ("absolute error", numbers),
    ):
        for name, rule in OF_LOSSES.items():
            judged = judge_pairs(draws, score, rule)
            cells = np.array([percent(cell) for cell in judged.values()])
            found = percent(pool(judged))
            rows.append([score, name, *found, cells[:, 0].min(), cells[:, 1].max()])
    columns = ("score", "interval", *FOUND, "covers, worst cell", "above, worst cell")
    return Table("Other scores", columns, rows, digits=1)


def run(data_home, *, quick=False):
    """Draw, fit and judge.

    Parameters
    ----------
    data_home : str or None
        Not used: the rows are made here.
    quick : bool, default=False
        A tenth of the draws.

    Returns
    -------
    tables : list of Table
    """
    n_draws = N_DRAWS // 10 if quick else N_DRAWS

    def draw(function, names, seed):
        of = [(name, k, number) for name in names for k in SIZES for number in range(n_draws)]
        return [function(name, k, (seed, number)) for name, k, number in of]

    sets = [draw(draw_classes, SHIFTS, seed) for seed in SEEDS]
    numbers = draw(draw_numbers, MOVES, SEEDS[0])
    classes = [each for draws in sets for each in draws]
    return [
        compare_rules(classes),
        look_into_cells(sets),
        choose_baselines(classes),
        compare_losses(classes, numbers),
    ]
