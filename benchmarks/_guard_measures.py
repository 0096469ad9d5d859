"""How a guard is measured: against the better model without transfer, and the best candidate.

A *run* is one draw of one task. A *cell* is a task with a number of labels; its draws are averaged.
*Simple* is the better of target rows alone and source rows alone, as an oracle would choose it.
"""

from dataclasses import dataclass

import numpy as np

COLUMNS = (
    "accuracy",
    "regret",
    "harm",
    "cells with harm > 1 (%)",
    "runs below target - 1 (%)",
    "runs below target - 5 (%)",
    "captured",
)


@dataclass(frozen=True)
class Run:
    """Figures of one draw, in percent.

    Parameters
    ----------
    cell : tuple
        What the draws of one cell have in common; its last entry is the number of labels a class.
    candidates : dict of str to float
        Accuracy of each candidate on test rows; "target" and "source" are among them.
    guards : dict of str to float
        Accuracy of each way to choose or to mix them.
    """

    cell: tuple
    candidates: dict
    guards: dict

    @property
    def accuracies(self):
        """Candidates and guards."""
        return self.candidates | self.guards


def measure(runs, name):
    """Return the figures of `COLUMNS` for the candidate or guard `name`.

    Regret is the accuracy of the best candidate less that of the guard, harm is what the guard
    loses to simple, if it does. Captured is the gain of the guard over simple as a share of the
    gain of the best candidate; it is negative if the guard loses.
    """
    cells = {}
    for run in runs:
        cells.setdefault(run.cell, []).append(run)
    mean = _cell_means(cells)
    guard = mean(lambda run: run.accuracies[name])
    simple = np.maximum(
        mean(lambda run: run.candidates["target"]), mean(lambda run: run.candidates["source"])
    )
    each = [mean(lambda run, c=c: run.candidates[c]) for c in runs[0].candidates]
    best = np.max(each, axis=0)
    harm = np.maximum(0, simple - guard)
    lost = np.array([run.candidates["target"] - run.accuracies[name] for run in runs])
    gain = (best - simple).sum()
    return (
        float(np.mean([run.accuracies[name] for run in runs])),
        float((best - guard).mean()),
        float(harm.mean()),
        float(100 * (harm > 1).mean()),
        float(100 * (lost > 1).mean()),
        float(100 * (lost > 5).mean()),
        float((guard - simple).sum() / gain) if gain else None,
    )


def _cell_means(cells):
    return lambda value: np.array(
        [np.mean([value(run) for run in runs]) for runs in cells.values()]
    )


def by_labels(runs):
    """Return a dict number of labels a class -> its runs."""
    found = {}
    for run in runs:
        found.setdefault(run.cell[-1], []).append(run)
    return dict(sorted(found.items()))


def judge(figures, bars):
    """Say which bars are missed, by which figure, and which are reached.

    Parameters
    ----------
    figures : dict of str to float
    bars : dict of str to (str, float)
        ``"<="`` or ``">="`` and the bar.

    Returns
    -------
    sentence : str
    """
    reached, missed = [], []
    for name, (sign, bar) in bars.items():
        if figures[name] <= bar if sign == "<=" else figures[name] >= bar:
            reached.append(f"{name} {sign} {bar:g}")
        else:
            missed.append(f"{name} {figures[name]:.3g}, not {sign} {bar:g}")
    kinds = {"Reached": reached, "Missed": missed}
    return " ".join(f"{kind}: {'; '.join(each)}." for kind, each in kinds.items() if each)
