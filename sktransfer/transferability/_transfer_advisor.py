"""TransferAdvisor: a stage or a freeze depth, from measurements instead of a rule of thumb."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from sktransfer.deep import PretrainedFeatureExtractor
from sktransfer.transferability._estimate import Estimate
from sktransfer.transferability._probe_target import read_target
from sktransfer.transferability._proxy_a_distance import proxy_a_distance
from sktransfer.transferability._rank_backbones import rank_backbones
from sktransfer.transferability._ranking import BackboneRanking

# From so many labelled rows a class on, training the network is worth a trial.
MANY_ROWS = 20


@dataclass(frozen=True, kw_only=True, repr=False)
class TransferAdvice:
    """The advice of a `TransferAdvisor`, and the measurements behind it.

    ``print(advice)`` shows all of it.

    Parameters
    ----------
    case : str
        "few rows, similar", "few rows, different", "many rows, similar" or "many rows, different".
    stage : str
        The stage to take features from.
    freeze_depth : int
        The number of stages from the input to leave as they are; all of them with few rows.
    rows_per_class : int
        Labelled rows of the smallest class; of numbers, all labelled rows over ten.
    ranking : BackboneRanking
        The probes of all stages.
    distance : Estimate or None
        The proxy A-distance of target rows to rows that the network was trained on, at the last
        stage; None without such rows.
    sentence : str
        The advice in words.
    """

    case: str
    stage: str
    freeze_depth: int
    rows_per_class: int
    ranking: BackboneRanking
    distance: Estimate | None
    sentence: str

    def __str__(self):
        lines = [f"case: {self.case}", f"labelled rows a class: {self.rows_per_class}"]
        if self.distance is not None:
            lines.append(f"proxy A-distance at the last stage: {self.distance}")
        return "\n".join([*lines, str(self.ranking), self.sentence])

    __repr__ = __str__


class TransferAdvisor:
    """Advise on a stage or a freeze depth of one network, from labelled rows.

    Textbooks have four cases: few or many target rows, similar to the network's own or different.
    Here the rows are counted, and the similarity is measured. If the last stage keeps the largest
    weight of `rank_backbones`, the rows are similar; otherwise an earlier stage predicts the labels
    better, and they are different. With few rows the network stays frozen. With many, the best
    stage and those after it are trained.

    It helps if the items are of another kind than those of the network: an earlier stage is often
    better then. It hurts if they are of the same kind and labels are few: the last stage is better
    than any choice. An average of stages by the weights of the ranking was better on average, and
    a search over `freeze_depth` decides between depths.

    It is no estimator: it has no `fit`, and returns a description.

    Parameters
    ----------
    backbone : str, PathLike, module, Backbone or extractor, default="glyphs"
        The network, as of `PretrainedFeatureExtractor`, or such an extractor without a stage.
    many_rows : int, default=20
        The number of labelled rows of each class from which training is advised.
    random_state : int, RandomState instance or None, default=None
        Draws the folds.

    See Also
    --------
    rank_backbones : Ranks several networks.
    FineTuneClassifier : Trains the last stages.

    References
    ----------
    J. Yosinski, J. Clune, Y. Bengio, H. Lipson, "How transferable are features in deep neural
    networks?", NeurIPS 2014, https://arxiv.org/abs/1411.1792

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sktransfer.transferability import TransferAdvisor
    >>> X, y = load_digits(return_X_y=True)
    >>> advice = TransferAdvisor("glyphs", random_state=0).advise(X[:60], y[:60])
    >>> advice.case, advice.stage, advice.freeze_depth
    ('few rows, similar', 'stage4', 4)
    """

    def __init__(self, backbone="glyphs", *, many_rows=MANY_ROWS, random_state=None):
        self.backbone = backbone
        self.many_rows = many_rows
        self.random_state = random_state

    def advise(self, X: Any, y: ArrayLike, *, X_source: Any = None) -> TransferAdvice:
        """Measure the stages, and return the advice.

        Parameters
        ----------
        X : array-like of n_samples items
            Target items, as the network reads them.
        y : array-like of shape (n_samples,)
            Classes or numbers. Rows without a label are not used.
        X_source : array-like of items, default=None
            Items like those that the network was trained on, for the distance.

        Returns
        -------
        advice : TransferAdvice

        Raises
        ------
        ValueError
            If fewer than two rows are labelled, or all labels are equal.
        """
        extractor = self.backbone
        if not hasattr(extractor, "fit_transform"):
            extractor = PretrainedFeatureExtractor(extractor)
        extractor = clone(extractor).set_params(stage=None)
        target = read_target(y)
        backbone = extractor.fit(X).backbone_
        network, stages = backbone.name, backbone.stages
        options = {"n_probed": len(stages), "random_state": self.random_state}
        ranking = rank_backbones(extractor, X, y, **options)
        names = [f"{network} {stage}" for stage in stages] if len(stages) > 1 else [network]
        best = names.index(ranking.best)
        if target.judge.is_discrete:
            rows_per_class = int(np.bincount(target.truth).min())
        else:
            rows_per_class = len(target.rows) // 10
        many, similar = rows_per_class >= self.many_rows, best == len(stages) - 1
        case = f"{'many' if many else 'few'} rows, {'similar' if similar else 'different'}"
        depth = best if many else len(stages)
        return TransferAdvice(
            case=case,
            stage=stages[best],
            freeze_depth=depth,
            rows_per_class=rows_per_class,
            ranking=ranking,
            distance=self._distance(extractor, X, X_source),
            sentence=_sentence(stages, best, depth, many, ranking),
        )

    def _distance(self, extractor, X, X_source):
        """Return the proxy A-distance at the last stage; None without source rows."""
        if X_source is None:
            return None
        features = [extractor.transform(rows) for rows in (X_source, X)]
        names = np.repeat(["source", "target"], [len(rows) for rows in features])
        found = proxy_a_distance(
            np.concatenate(features), sample_domain=names, random_state=self.random_state
        )
        return found["source"]


def _sentence(stages, best, depth, many, ranking):
    if not ranking.n_rows:
        return (
            f"With one labelled row a class no stage can be scored: keep the last stage, "
            f"{stages[-1]}, frozen, and label more rows."
        )
    share = f"{100 * ranking.candidates[0].weight:.0f} % of the weight"
    chosen = f"{stages[best]}, which has {share}"
    if not many:
        return (
            f"Few rows: leave the network as it is, and fit a linear model on {chosen}. An average "
            "of stages by their weights is safer."
        )
    trained = ", ".join(stages[depth:])
    return (
        f"Many rows: the best frozen stage is {chosen}. Compare it with training {trained} "
        f"(freeze_depth={depth}), and with other depths."
    )
