"""The candidates of a guarded estimator: no transfer, and the transfers that it is weighed with."""

import time
from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.dummy import DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import has_fit_parameter

from sktransfer._learner import innermost_learner
from sktransfer._messages import shown
from sktransfer._named_estimators import named_estimators
from sktransfer._needs import needs_of
from sktransfer._random import seeded_clones
from sktransfer.feature import (
    CORALAligner,
    DomainAugmenter,
    MomentAligner,
    OptimalTransportAligner,
    SubspaceAligner,
)
from sktransfer.instance import (
    DiscriminatorWeighter,
    LabelShiftWeighter,
    ULSIFWeighter,
    WeightedTransferClassifier,
    WeightedTransferRegressor,
)
from sktransfer.pipeline import make_transfer_pipeline
from sktransfer.transferability._baselines import Pooled, SourceOnly, TargetOnly
from sktransfer.transferability._source_models import (
    PulledClassifier,
    RecalibratedSource,
    ResidualRegressor,
    why_not_pulled,
)

# The names of the two candidates without transfer.
TARGET_ALONE, SOURCE_ALONE = "target", "source"

# The candidate that weighs classes, which is also chosen alone.
SHARES = "shares"

ALIGNERS = {
    "moments": MomentAligner(),
    "coral": CORALAligner(),
    "subspace": SubspaceAligner(),
    "transport": OptimalTransportAligner(),
}


@dataclass(frozen=True)
class Candidate:
    """One of the estimators that are compared.

    Parameters
    ----------
    name : str
    estimator : estimator
        Not fitted, but seeded.
    is_ours : bool, default=True
        Whether it takes all rows and domains in `fit`. One of the user's gets the rows that a
        transfer pipeline would pass to it.
    is_fitted : bool, default=False
        Whether the estimator was fitted once for all, as no target row changes it.
    seconds : float, default=0
        That this fit took.
    """

    name: str
    estimator: object
    is_ours: bool = True
    is_fitted: bool = False
    seconds: float = 0.0

    @property
    def may_fail(self):
        """Whether it is left out if it cannot be fitted; others raise their error."""
        return self.is_ours and self.name != TARGET_ALONE


@dataclass(frozen=True, eq=False)
class Field:
    """Makes the candidates for some rows.

    Parameters
    ----------
    given : "auto", estimator, list of estimators and (str, estimator) tuples, or dict
    estimator : estimator
        The model of each candidate of ours.
    discrete : bool
        Whether it is a classifier.
    generator : RandomState
        Draws the seeds of the candidates.
    keep_seeds : bool
        Whether seeds that the user gave to a part are kept.
    """

    given: object
    estimator: object
    discrete: bool
    generator: object
    keep_seeds: bool

    @property
    def is_auto(self):
        """Whether the candidates are ours."""
        return isinstance(self.given, str)

    @property
    def target(self):
        """The candidate that is fitted on labelled target rows alone."""
        return self._seeded(TARGET_ALONE, TargetOnly(self.estimator))

    @property
    def source(self):
        """The candidate that is fitted on labelled source rows alone."""
        return self._seeded(SOURCE_ALONE, SourceOnly(self.estimator))

    def _seeded(self, name, estimator, *, is_ours=True):
        """Return a candidate whose parts have seeds of their own, the same in each of its fits."""
        kept = {"generator": self.generator, "keep_seeds": self.keep_seeds}
        (prototype,) = seeded_clones(estimator, 1, **kept)
        return Candidate(name, prototype, is_ours)

    def fit_source(self, rows):
        """Return the fitted candidate of source rows alone; None if none of them is labelled."""
        if not len(rows.labelled_source()):
            return None
        start = time.perf_counter()
        model = self.source.estimator.fit(rows.X, rows.y, sample_domain=rows.sample_domain)
        seconds = time.perf_counter() - start
        return Candidate(SOURCE_ALONE, model, is_fitted=True, seconds=seconds)

    def candidates(self, rows, source):
        """Return the candidates for labelled target rows, and those left out.

        Parameters
        ----------
        rows : GuardRows
        source : Candidate or None
            That of `fit_source`.

        Returns
        -------
        candidates : list of Candidate
            The one without transfer first.
        left_out : dict of str -> str
            The reason for each candidate that the estimator or the rows cannot have.
        """
        if not self.is_auto:
            return [self.target, *self._given(TARGET_ALONE)], {}
        if source is None:
            return [self.target], {}
        found, left_out = self._split(self._labelled(rows, source.estimator.estimator_))
        return [self.target, source, *found], left_out

    def unlabelled_candidates(self, rows, source):
        """Return the candidates that read no target label, and those left out, in the same way."""
        if not self.is_auto:
            return [source, *self._given(SOURCE_ALONE)], {}
        found, left_out = self._split(self._unlabelled(rows))
        return [source, *found], left_out

    def _given(self, baseline):
        named = named_estimators(self.given, parameter="candidates", reserved=(baseline,))
        for name, each in named.items():
            if not self.discrete and is_classifier(each):
                raise ValueError(
                    f"candidates has {name!r}, {shown(each)}, which is a classifier; pass "
                    "regressors."
                )
            if self.discrete and not hasattr(each, "predict_proba"):
                raise ValueError(
                    f"candidates has {name!r}, {shown(each)}, which has no predict_proba; pass "
                    "classifiers that give probabilities, for example by CalibratedClassifierCV."
                )
        return [self._seeded(name, each, is_ours=False) for name, each in named.items()]

    def _split(self, found):
        """Return the candidates that can be fitted, and the reasons for the others."""
        found = list(found)
        left_out = {name: reason for name, _, reason in found if reason}
        return [self._seeded(name, each) for name, each, reason in found if not reason], left_out

    def _labelled(self, rows, model):
        estimator = self.estimator
        frozen = FrozenEstimator(model)
        augmented = make_transfer_pipeline(DomainAugmenter(), estimator)
        yield "pooled", Pooled(estimator), None
        yield "balanced", Pooled(estimator, target_share=0.5), _why_not_weighted(estimator)
        yield "augmented", augmented, _why_not_mapped(DomainAugmenter(), rows)
        if self.discrete:
            yield "pulled", PulledClassifier(frozen), why_not_pulled(model)
            why = _why_not_recalibrated(model, rows)
            yield "recalibrated", RecalibratedSource(frozen), why
        else:
            why = _why_no_residuals(model, rows)
            yield "offset", ResidualRegressor(DummyRegressor(), frozen), why
            yield "pulled", ResidualRegressor(estimator, frozen), why

    def _unlabelled(self, rows):
        estimator = self.estimator
        weighters = {"ratio": ULSIFWeighter(), "discriminator": DiscriminatorWeighter()}
        weighted = WeightedTransferRegressor
        if self.discrete:
            weighters[SHARES] = LabelShiftWeighter(estimator)
            weighted = WeightedTransferClassifier
        for name, aligner in ALIGNERS.items():
            pipeline = make_transfer_pipeline(aligner, estimator)
            yield name, pipeline, _why_not_mapped(aligner, rows)
        for name, weighter in weighters.items():
            reason = _why_not_weighted(estimator) or _why_not_mapped(weighter, rows)
            yield name, weighted(estimator, weighter), reason


def _why_not_weighted(estimator):
    learner = innermost_learner(estimator)
    if not has_fit_parameter(learner, "sample_weight"):
        return f"{type(learner).__name__} takes no sample_weight"
    return None


def _why_not_mapped(step, rows):
    """Return why a step cannot read the rows; None if it can."""
    needs, name = needs_of(step), type(step).__name__
    if not rows.is_numeric:
        return f"{name} takes numbers, and X holds none"
    if issparse(rows.X) and not needs.sparse:
        return f"{name} takes no sparse rows"
    if rows.has_missing and not needs.missing:
        return f"{name} takes no missing values"
    return None


def _why_not_recalibrated(model, rows):
    if len(model.classes_) < 2:
        return "source rows are of one class"
    p = model.predict_proba(rows.rows_of(rows.labelled_target))
    return "the source model gives all rows the same probabilities" if (p == p[0]).all() else None


def _why_no_residuals(model, rows):
    numbers = np.asarray(model.predict(rows.rows_of(rows.labelled_target)))
    is_constant = len(numbers) > 1 and (numbers == numbers[0]).all()
    return "the source model predicts one number for all rows" if is_constant else None
