"""Choosing a method of adaptation without target labels: scorers, agreement and source accuracy.

The source has at most 600 rows, of which a quarter is held out for the scorers, the target at most
500 (1000 if simulated) without labels, which are the test. Eleven candidates, one without
adaptation, are fitted with one logistic regression, C = 0.3. Each scorer chooses the candidate
with its best score; on a tie it keeps the one without adaptation, or else the first. The draws are
not those of other benchmarks, and nothing was tuned on them.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from benchmarks._data import DataError
from benchmarks._runner import Table
from benchmarks.guard_labels import base_model
from benchmarks.guard_no_labels import COLUMNS, gains, real_runs, simulated_runs
from sktransfer import (
    AverageThresholdedConfidence,
    BatchNuclearNorm,
    ClassAMI,
    CORALAligner,
    DeepEmbeddedValidation,
    DifferenceOfConfidences,
    DiscriminatorWeighter,
    DomainClassifierError,
    ImportanceWeightedValidation,
    JointDistributionAligner,
    KMMWeighter,
    LabelShiftWeighter,
    MixedSampleValidation,
    MomentAligner,
    OptimalTransportAligner,
    PredictionEntropy,
    ReverseValidation,
    SoftNeighborhoodDensity,
    SubspaceAligner,
    TransferComponentAligner,
    TransferPipeline,
    ULSIFWeighter,
    WeightedTransferClassifier,
    make_transfer_pipeline,
    pack_domains,
    select_by_agreement,
)

REAL_DRAWS, SIMULATED_DRAWS = (701, 702), (701, 702, 703, 704)
HELD_OUT = 4  # one source row of so many is held out

SOURCE_ACCURACY = "accuracy on held-out source rows"
AGREEMENT, OTHERS = "agreement with the vote of all", "agreement with the vote of the others"

SCORERS = {
    "SoftNeighborhoodDensity": SoftNeighborhoodDensity(),
    "MixedSampleValidation": MixedSampleValidation(),
    "PredictionEntropy": PredictionEntropy(),
    "ClassAMI": ClassAMI(),
    "BatchNuclearNorm": BatchNuclearNorm(),
    "DomainClassifierError": DomainClassifierError(),
    "AverageThresholdedConfidence": AverageThresholdedConfidence(),
    "DifferenceOfConfidences": DifferenceOfConfidences(),
    "DeepEmbeddedValidation": DeepEmbeddedValidation(),
    "ReverseValidation": ReverseValidation(),
    "ImportanceWeightedValidation": ImportanceWeightedValidation(),
    "ImportanceWeightedValidation, ULSIFWeighter": ImportanceWeightedValidation(
        ULSIFWeighter(random_state=0)
    ),
    "ImportanceWeightedValidation, KMMWeighter": ImportanceWeightedValidation(KMMWeighter()),
    "ImportanceWeightedValidation, log-loss": ImportanceWeightedValidation(loss="log"),
}


@dataclass(frozen=True)
class Run:
    """One draw of one task.

    Parameters
    ----------
    task : str
    accuracies : dict of str to float
        Of each candidate on the target rows, in percent.
    scores : dict of str to (list of float)
        Of each scorer, one a candidate.
    """

    task: str
    accuracies: dict
    scores: dict

    def chosen(self, name):
        """Return the candidate that a scorer chooses, or that has this name."""
        if name in self.accuracies:
            return name
        return list(self.accuracies)[int(np.argmax(self.scores[name]))]

    def gain(self, name):
        """Return the points over the source alone of a candidate, or of the choice of a scorer."""
        return self.accuracies[self.chosen(name)] - self.accuracies["source"]

    def correlation(self, name):
        """Return the rank correlation of a scorer with the accuracies; 0 if one is constant."""
        figures = list(self.accuracies.values()), self.scores[name]
        if any(np.ptp(each) == 0 for each in figures):
            return 0.0
        return float(spearmanr(*figures).statistic)


def candidates(seed):
    """Return the estimators by name, the one without adaptation first."""
    aligners = {
        "moments": MomentAligner(),
        "coral": CORALAligner(),
        "subspace": SubspaceAligner(),
        "components": TransferComponentAligner(),
        "joint": JointDistributionAligner(random_state=seed),
        "transport": OptimalTransportAligner(),
    }
    weighters = {
        "ratio": ULSIFWeighter(random_state=seed),
        "kernel means": KMMWeighter(),
        "discriminator": DiscriminatorWeighter(random_state=seed),
        "shares": LabelShiftWeighter(base_model()),
    }
    return {
        "source": make_transfer_pipeline(base_model()),
        **{name: make_transfer_pipeline(each, base_model()) for name, each in aligners.items()},
        **{
            name: WeightedTransferClassifier(base_model(), each) for name, each in weighters.items()
        },
    }


def run_task(task, source, X_target, y_target, seed):
    """Fit the candidates without target labels, and score them by all scorers."""
    X, y, sample_domain = pack_domains({"source": source}, target=X_target)
    rows = np.arange(len(y))
    held_out = rows[: len(source[1]) // HELD_OUT]
    train, test = np.delete(rows, held_out), np.r_[held_out, rows[len(source[1]) :]]
    models = candidates(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for model in models.values():
            model.fit(X[train], y[train], sample_domain=sample_domain[train])
        scores = {
            name: [
                scorer(model, X[test], y[test], sample_domain=sample_domain[test])
                for model in models.values()
            ]
            for name, scorer in SCORERS.items()
        }
        for name, vote in {AGREEMENT: "all", OTHERS: "others"}.items():
            _, agreements = select_by_agreement(models, X_target, vote=vote)
            scores[name] = [agreements[candidate] for candidate in models]
    scores[SOURCE_ACCURACY] = [
        float(np.mean(_predict_source(model, X[held_out]) == y[held_out]))
        for model in models.values()
    ]
    accuracies = {
        name: 100 * float(np.mean(model.predict(X_target) == y_target))
        for name, model in models.items()
    }
    return Run(task, accuracies, scores)


def _predict_source(model, X):
    if isinstance(model, TransferPipeline):
        return model.predict(X, sample_domain=["source"] * len(X))
    return model.predict(X)


def compare_scorers(kind, runs):
    """Make the table of the choices by each scorer."""
    rows = [
        (name, *gains(runs, name), float(np.mean([run.correlation(name) for run in runs])))
        for name in [*SCORERS, SOURCE_ACCURACY, OTHERS, AGREEMENT]
    ]
    of_all = [run.gain(name) for run in runs for name in run.accuracies]
    best = np.mean([max(map(run.gain, run.accuracies)) for run in runs])
    source = np.mean([run.accuracies["source"] for run in runs])
    below = np.mean(
        [run.gain(name) < 0 for run in runs for name in run.accuracies if name != "source"]
    )
    notes = (
        f"The source alone has {source:.1f} %. {100 * below:.0f} % of the adapted fits are below.",
        f"A candidate at random gains {np.mean(of_all):.2f} points, the best one {best:.2f}.",
    )
    title = f"{kind.capitalize()} tasks, {len(runs)} runs: points over the source alone"
    return Table(title, ("chosen by", *COLUMNS, "r"), tuple(rows), notes)


def compare_candidates(runs):
    """Make the table of the candidates themselves."""
    columns = [(kind, column) for kind in runs for column in COLUMNS[:3]]
    names = next(iter(runs.values()))[0].accuracies
    rows = []
    for name in names:
        found = {
            kind: dict(zip(COLUMNS, gains(some, name), strict=True)) for kind, some in runs.items()
        }
        rows.append((name, *(found[kind][column] for kind, column in columns)))
    heads = ("candidate", *(f"{kind}: {column}" for kind, column in columns))
    return Table("Each candidate in all runs: points over the source alone", heads, tuple(rows))


def run(data_home, *, quick=False):
    """Make all tables; those of real data are left out if there are none."""
    few = slice(1 if quick else None)
    runs, tables = {}, []
    try:
        runs["real"] = real_runs(run_task, data_home, REAL_DRAWS[few], seed=31)
    except DataError as error:
        tables.append(Table("Real tasks", ("left out",), ((str(error),),)))
    runs["simulated"] = simulated_runs(run_task, SIMULATED_DRAWS[few], seed=37)
    tables += [compare_scorers(kind, some) for kind, some in runs.items()]
    return [*tables, compare_candidates(runs)]
