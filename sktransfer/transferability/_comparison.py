"""TransferComparison: the table that `compare_transfer` returns."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sktransfer._extras import install_command


@dataclass(frozen=True)
class Difference:
    """A difference of two scores, and its interval.

    Parameters
    ----------
    value : float
        The difference of the mean scores.
    low, high : float
        The ends of the interval; NaN if there is none.
    """

    value: float
    low: float = np.nan
    high: float = np.nan

    @property
    def verdict(self) -> str:
        """Return "better" or "worse" if the interval excludes 0, else "undecided" or "unknown"."""
        if np.isnan(self.low):
            return "unknown"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "undecided"

    def __str__(self):
        value, low, high = (
            f"{round(end, 3) + 0.0:+.3f}" for end in (self.value, self.low, self.high)
        )
        return value if np.isnan(self.low) else f"{value} ({low} to {high})"


@dataclass(frozen=True)
class ComparedModel:
    """A baseline or a pipeline in a comparison.

    Parameters
    ----------
    name : str
        "target only", "source only", "pooled", or the name of a pipeline.
    score : float
        The mean score of target rows that the model did not see.
    standard_error : float
        The standard error of `score`.
    seconds : float
        The mean time of a fit, in seconds.
    difference : Difference or None, default=None
        The score minus that of the best baseline; None of a baseline.
    to_baselines : dict of str -> Difference
        The score minus that of each baseline; empty of a baseline.
    gap : Difference or None, default=None
        The negative-transfer gap; None of a baseline, and of a pipeline that cannot be fitted
        without a source.
    """

    name: str
    score: float
    standard_error: float
    seconds: float
    difference: Difference | None = None
    to_baselines: dict[str, Difference] = field(default_factory=dict)
    gap: Difference | None = None


@dataclass(frozen=True)
class ComparedSource:
    """The effect of one of several sources on a pipeline.

    Parameters
    ----------
    pipeline : str
        The name of the pipeline.
    source : str
        The name of the source.
    alone : float
        The mean score with this source alone.
    without : float
        The mean score with all other sources.
    gain : Difference
        The score with all sources minus `without`: how much the source adds to the others.
    """

    pipeline: str
    source: str
    alone: float
    without: float
    gain: Difference


@dataclass(frozen=True, repr=False)
class TransferComparison:
    """Scores of models with and without transfer on the same target rows.

    `compare_transfer` makes one. Its text is a table, and a sentence on each verdict.

    Parameters
    ----------
    score_name : str
        The name of the score.
    level : float
        The level of each interval.
    n_rows : int
        The number of target rows that were scored.
    n_fits : int
        The number of fits of each model.
    models : tuple of ComparedModel
        The baselines, then the pipelines.
    sources : tuple of ComparedSource
        For each pipeline and source; empty if there is one source.
    estimator : estimator
        The model of the baselines, not fitted.
    notes : tuple of str
        Sentences on results that cannot be trusted.
    """

    score_name: str
    level: float
    n_rows: int
    n_fits: int
    models: tuple[ComparedModel, ...]
    sources: tuple[ComparedSource, ...]
    estimator: Any
    notes: tuple[str, ...] = ()

    @property
    def baselines(self) -> tuple[ComparedModel, ...]:
        """The models without transfer."""
        return tuple(model for model in self.models if model.difference is None)

    @property
    def pipelines(self) -> tuple[ComparedModel, ...]:
        """The models of the user."""
        return tuple(model for model in self.models if model.difference is not None)

    @property
    def best_baseline(self) -> ComparedModel:
        """The baseline with the best mean score; the first of several."""
        return max(self.baselines, key=lambda model: model.score)

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame, a row for each model.

        Returns
        -------
        frame : pandas.DataFrame
            Its index holds the names of the models. A number that a model does not have is NaN.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "TransferComparison.to_frame needs pandas, which is not installed; run "
                f"{install_command('pandas')}"
            ) from error
        nothing = Difference(np.nan)
        rows = {}
        for model in self.models:
            rows[model.name] = {
                "score": model.score,
                "standard_error": model.standard_error,
                **_columns("difference", model.difference or nothing),
                **_columns("gap", model.gap or nothing),
                "seconds": model.seconds,
            }
        return pd.DataFrame.from_dict(rows, orient="index")

    def __str__(self):
        heads = ["", "score", "error", "to the best baseline", "gap", "seconds"]
        best = self.best_baseline.name
        lines = [
            f"{self.score_name} of {self.n_rows} labelled target rows, {self.n_fits} fits a model, "
            f"intervals of {100 * self.level:.3g} %",
            *_aligned(heads, [_cells(model, best) for model in self.models]),
            *self._source_lines(),
        ]
        for verdict in VERDICTS:
            names = [each.name for each in self.pipelines if each.difference.verdict == verdict]
            lines += [f"{VERDICTS[verdict]}: {', '.join(names)}."] if names else []
        return "\n".join([*lines, *self.notes])

    __repr__ = __str__

    def _source_lines(self):
        if not self.sources:
            return []
        heads = ["source", "of", "alone", "without", "gain to the others"]
        cells = [
            [each.source, each.pipeline, f"{each.alone:.3f}", f"{each.without:.3f}", str(each.gain)]
            for each in self.sources
        ]
        return ["", *_aligned(heads, cells), ""]


VERDICTS = {
    "better": "Better than each baseline",
    "worse": "Worse than the best baseline",
    "undecided": "Undecided, as the interval holds 0",
    "unknown": "Undecided, as there is no interval",
}


def _cells(model, best):
    """Return the texts of a model's row in the table."""
    name = f"{model.name} (best)" if model.name == best else model.name
    numbers = [f"{model.score:.3f}", f"{model.standard_error:.3f}"]
    differences = [str(each or "") for each in (model.difference, model.gap)]
    return [name, *numbers, *differences, f"{model.seconds:.3f}"]


def _aligned(heads, rows):
    """Return lines of text in columns; the first is to the left."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    ]


def _columns(name, difference):
    return {name: difference.value, f"{name}_low": difference.low, f"{name}_high": difference.high}
