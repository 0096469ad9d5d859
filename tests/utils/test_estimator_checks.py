"""The checks can fail: for each, an estimator that breaks just that rule."""

import re
import warnings
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from sktransfer import (
    CORALAligner,
    NearestNeighborWeighter,
    RegularizedMultiTaskRegressor,
    ShiftDiagnosis,
    TrAdaBoostClassifier,
)
from sktransfer._base import _BaseAligner
from sktransfer._domains import read_sample_domain
from sktransfer._labels import is_labelled, labels_alone
from sktransfer._needs import Needs
from sktransfer.utils import estimator_checks as checks


class Shift(_BaseAligner):
    """An honest aligner: moves every source's mean onto the target's."""

    _parameter_constraints: dict = {}

    def _fit_domains(self, sources, X_target):
        self.shifts_ = {name: X_target.mean(axis=0) - X.mean(axis=0) for name, X in sources.items()}

    def _transform_domain(self, X, name):
        return X if name == "target" else X + self.shifts_[name]


class Weighted(ClassifierMixin, BaseEstimator):
    """An honest classifier: fits an inner one on the labelled rows, source rows at half weight."""

    __metadata_request__fit = {"sample_domain": True}

    def __init__(self, estimator=None):
        self.estimator = estimator

    def fit(self, X, y, *, sample_domain=None):
        domains, labelled = read_sample_domain(sample_domain, len(X)), is_labelled(y)
        weights = np.where(domains.is_target, 1.0, 0.5)[labelled]
        inner = LogisticRegression() if self.estimator is None else clone(self.estimator)
        y = labels_alone(y, labelled, discrete=True)
        self.estimator_ = inner.fit(X[labelled], y, sample_weight=weights)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X):
        return self.estimator_.predict(X)

    def predict_proba(self, X):
        return self.estimator_.predict_proba(X)


@pytest.mark.parametrize("estimator", [Shift(), Weighted()])
def test_an_honest_estimator_passes_all(estimator):
    passed = checks.check_transfer_estimator(estimator)
    assert passed == [check.__name__ for check in checks.transfer_checks(estimator)]


class NeedsArgument(Shift):
    def __init__(self, n):
        self.n = n


class CallsThemGroups(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None, groups=None):
        return self

    def transform(self, X):
        return X


class MapsWithoutDomains(Shift):
    def transform(self, X):
        return super().transform(X)


class OpensFile(Shift):
    def __init__(self):
        open(__file__).close()


class WritesToInput(Shift):
    def fit(self, X, y=None, *, sample_domain=None):
        X[:] = X - X.mean(axis=0)
        return super().fit(X, y, sample_domain=sample_domain)


class WritesToOwnableInput(Shift):
    """Writes where it may: read-only arrays are spared, a search's copies of them too."""

    def fit(self, X, y=None, *, sample_domain=None):
        if getattr(y, "base", None) is None and y is not None and y.flags.writeable:
            y[:] = 0
        return super().fit(X, y, sample_domain=sample_domain)


class SeedsGlobally(Shift):
    def _fit_domains(self, sources, X_target):
        np.random.seed(0)
        super()._fit_domains(sources, X_target)


class FiltersWarnings(Shift):
    def _fit_domains(self, sources, X_target):
        warnings.simplefilter("ignore", category=ImportWarning)
        super()._fit_domains(sources, X_target)


class ChangesParameter(Shift):
    def __init__(self, history=()):
        self.history = history

    def _fit_domains(self, sources, X_target):
        self.history = (*self.history, "fit")
        super()._fit_domains(sources, X_target)


class BuildsInInit(Shift):
    def __init__(self, factor=1.0):
        self.factor = factor
        self.built_ = factor

    def _transform_domain(self, X, name):
        return self.built_ * super()._transform_domain(X, name)


class ContinuesOldFit(Shift):
    def _fit_domains(self, sources, X_target):
        super()._fit_domains(sources, X_target)
        self.count_ = getattr(self, "count_", 0) + 1

    def _transform_domain(self, X, name):
        return super()._transform_domain(X, name) + self.count_


class DrawsGlobally(Shift):
    def _fit_domains(self, sources, X_target):
        super()._fit_domains(sources, X_target)
        self.noise_ = np.random.default_rng().normal()

    def _transform_domain(self, X, name):
        return super()._transform_domain(X, name) + self.noise_


class AdaptsToBatch(Shift):
    def _transform_domain(self, X, name):
        return X - X.mean(axis=0) if len(X) else X


class LosesStateInPickle(Shift):
    def __getstate__(self):
        return super().__getstate__() | {"shifts_": {}, "lost_": True}

    def _transform_domain(self, X, name):
        return super()._transform_domain(X, name) + hasattr(self, "lost_")


class TreatsNoneAsSource(Shift):
    def _transform_domain(self, X, name):
        return super()._transform_domain(X, name) + (not self.shifts_ and self.was_none_)

    def fit(self, X, y=None, *, sample_domain=None):
        self.was_none_ = sample_domain is None
        return super().fit(X, y, sample_domain=sample_domain)


class TakesStringsOnly(Shift):
    def fit(self, X, y=None, *, sample_domain=None):
        if sample_domain is not None:
            sample_domain = [str(name) for name in np.asarray(sample_domain)]
            sample_domain[-1] = "target"
        return super().fit(X, y, sample_domain=sample_domain)


class AcceptsAnything(Shift):
    def fit(self, X, y=None, *, sample_domain=None):
        try:
            return super().fit(X, y, sample_domain=sample_domain)
        except ValueError:
            return super().fit(X, y)


class RequestsNothing(Shift):
    __metadata_request__fit = {"sample_domain": None}


class DependsOnOrder(Shift):
    def _fit_domains(self, sources, X_target):
        super()._fit_domains(sources, X_target)
        self.first_ = X_target[0, 0]

    def _transform_domain(self, X, name):
        return super()._transform_domain(X, name) + self.first_


class DropsDomains(Shift):
    def fit_transform(self, X, y=None, *, sample_domain=None):
        return self.fit(X, y, sample_domain=sample_domain).transform(X)


class NewRowsAreSource(Shift):
    def transform(self, X, *, sample_domain=None):
        if sample_domain is None and self.source_domains_:
            return super().transform(X) + self.shifts_[self.source_domains_[0]]
        return super().transform(X, sample_domain=sample_domain)


class IgnoresUnseen(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None, *, sample_domain=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X, *, sample_domain=None):
        check_is_fitted(self)
        return X


class MakesFloat64(Shift):
    def _transform_domain(self, X, name):
        return super()._transform_domain(X, name).astype(np.float64)


class SquaresTargets(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.coef_ = (X.T @ y) / np.square(y).sum()
        return self

    def predict(self, X):
        return X @ self.coef_


class Overflows(Shift):
    def transform(self, X, *, sample_domain=None):
        with np.errstate(over="ignore"):
            return super().transform(X, sample_domain=sample_domain) * 1e305


class PeeksAtTargetLabels(Shift):
    def fit(self, X, y=None, *, sample_domain=None):
        super().fit(X, y, sample_domain=sample_domain)
        self.mean_ = 0.0 if y is None else np.nanmean(np.asarray(y, dtype=float))
        return self

    def _transform_domain(self, X, name):
        return super()._transform_domain(X, name) + self.mean_


class ReportsADict(ShiftDiagnosis):
    def fit(self, X, y=None, *, sample_domain=None):
        super().fit(X, y, sample_domain=sample_domain)
        self.report_ = asdict(self.report_)
        return self


class ReservesMinusOne(Weighted):
    def fit(self, X, y, *, sample_domain=None):
        y = np.asarray(y)
        keep = np.array([label != -1 for label in y])
        domains = None if sample_domain is None else np.asarray(sample_domain)[keep]
        return super().fit(X[keep], y[keep], sample_domain=domains)


class MakesMissingAClass(Weighted):
    def fit(self, X, y, *, sample_domain=None):
        y = np.where(is_labelled(y), np.asarray(y), "none")
        return super().fit(X, y.astype(str), sample_domain=sample_domain)


class TargetClassesOnly(Weighted):
    def fit(self, X, y, *, sample_domain=None):
        domains = read_sample_domain(sample_domain, len(X))
        known = np.unique(np.asarray(y)[domains.is_target])
        keep = np.isin(y, known)
        return super().fit(X[keep], np.asarray(y)[keep], sample_domain=None)


class HidesInner(Weighted):
    def fit(self, X, y, *, sample_domain=None):
        kept, self.estimator = self.estimator, None
        super().fit(X, y, sample_domain=sample_domain)
        self.estimator = kept
        return self


class OverwritesSeeds(Weighted):
    """Seeds its part even if its own random_state is None."""

    def __init__(self, estimator=None, random_state=None):
        super().__init__(estimator)
        self.random_state = random_state

    def fit(self, X, y, *, sample_domain=None):
        kept, self.estimator = self.estimator, clone(self.estimator).set_params(random_state=3)
        super().fit(X, y, sample_domain=sample_domain)
        self.estimator = kept
        return self


class NeverSeeds(OverwritesSeeds):
    """Does not seed its part at all."""

    def fit(self, X, y, *, sample_domain=None):
        return Weighted.fit(self, X, y, sample_domain=sample_domain)


class BypassesPipeline(Shift):
    """Its first fit, the one in the pipeline, reads the target as it was before the scaler."""

    fits = 0

    def _fit_domains(self, sources, X_target):
        type(self).fits += 1
        super()._fit_domains(sources, X_target - 1000 * (type(self).fits == 1))


class WeighsByOrder(NearestNeighborWeighter):
    """Gives a row the weight of its place among the rows."""

    def fit(self, X, y=None, *, sample_domain=None):
        super().fit(X, y, sample_domain=sample_domain)
        self.weights_ = np.arange(len(X))
        return self


class WeighsTheTarget(NearestNeighborWeighter):
    """Gives target rows a weight of two."""

    def fit(self, X, y=None, *, sample_domain=None):
        super().fit(X, y, sample_domain=sample_domain)
        self.weights_ += read_sample_domain(sample_domain, len(X)).is_target
        return self


class ReadsNamesAsText(RegularizedMultiTaskRegressor):
    """Takes only the names of domains as strings for tasks."""

    def fit(self, X, y, sample_weight=None, *, sample_domain=None):
        read_sample_domain(sample_domain, len(X))
        return super().fit(X, y, sample_weight, sample_domain=sample_domain)


class NewRowsAreOfTheFirstTask(RegularizedMultiTaskRegressor):
    """Takes rows without a task for rows of the first one."""

    def predict(self, X, *, sample_domain=None):
        given = [self.tasks_[0]] * len(X) if sample_domain is None else sample_domain
        return super().predict(X, sample_domain=given)


class AnswersUnseenTasks(RegularizedMultiTaskRegressor):
    """Gives rows of tasks that it has not seen the answers of the target task."""

    def predict(self, X, *, sample_domain=None):
        if sample_domain is not None:
            sample_domain = [t if t in self.tasks_ else "target" for t in sample_domain]
        return super().predict(X, sample_domain=sample_domain)


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        ("builds_without_arguments", NeedsArgument(1)),
        ("domains_have_their_name", CallsThemGroups()),
        ("domains_have_their_name", MapsWithoutDomains()),
        ("construction_touches_nothing", OpensFile()),
        ("inputs_unchanged", WritesToInput()),
        ("search_leaves_inputs_unchanged", WritesToOwnableInput()),
        ("global_state_unchanged", SeedsGlobally()),
        ("global_state_unchanged", FiltersWarnings()),
        ("params_unchanged_by_fit", ChangesParameter()),
        ("set_params_counts", BuildsInInit(factor=2.0)),
        ("refit_forgets", ContinuesOldFit()),
        ("same_seed_same_numbers", DrawsGlobally()),
        ("row_alone_equals_row_in_batch", AdaptsToBatch()),
        ("pickle_answers_the_same", LosesStateInPickle()),
        ("none_is_all_target", TreatsNoneAsSource()),
        ("spellings_of_domains", TakesStringsOnly()),
        ("bad_domains_are_refused", AcceptsAnything()),
        ("domain_is_requested", RequestsNothing()),
        ("every_row_passes_earlier_steps", BypassesPipeline()),
        ("permuting_rows_changes_nothing", DependsOnOrder()),
        ("any_value_names_a_task", ReadsNamesAsText()),
        ("new_rows_are_of_the_target_task", NewRowsAreOfTheFirstTask()),
        ("unseen_task_is_refused", AnswersUnseenTasks()),
        ("fit_transform_keeps_domains", DropsDomains()),
        ("new_rows_are_target_rows", NewRowsAreSource()),
        ("unseen_source_is_refused", IgnoresUnseen()),
        ("float32_stays_float32", MakesFloat64()),
        ("extreme_values", Overflows()),
        ("extreme_targets", SquaresTargets()),
        ("target_labels_are_not_read", PeeksAtTargetLabels()),
        ("weights_are_of_the_source_rows", WeighsTheTarget()),
        ("permuting_rows_permutes_weights", WeighsByOrder()),
        ("report_is_frozen", ReportsADict()),
        ("any_label_type", ReservesMinusOne()),
        ("missing_labels_are_no_class", MakesMissingAClass()),
        ("union_of_classes", TargetClassesOnly()),
        ("nested_params_reach_the_inner_estimator", HidesInner()),
        ("seeds_of_parts_are_kept", OverwritesSeeds()),
        ("seeds_of_parts_are_kept", NeverSeeds()),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_check_fails_for_an_estimator_that_breaks_the_rule(check, broken):
    with warnings.catch_warnings(), pytest.raises(AssertionError) as failure:
        getattr(checks, f"check_{check}")(broken)
    sentence = rf"{type(broken).__name__} fails check_{check}\. Expected: \S.*\. Observed: \S.*\."
    assert re.fullmatch(sentence, str(failure.value)), "one line: who, what was expected, what is"
    assert len(str(failure.value)) < 1000
    assert not isinstance(failure.value.__cause__, AttributeError | NameError)


def test_every_check_is_broken_above():
    marks = test_the_check_fails_for_an_estimator_that_breaks_the_rule.pytestmark
    broken = {f"check_{case[0]}" for case in marks[0].args[1]}
    every = {name for name in vars(checks) if re.match(r"check_(?!transfer_estimator|is_)", name)}
    assert every == broken


def test_checks_are_chosen_by_what_the_estimator_offers():
    names = {check.__name__ for check in checks.transfer_checks(DummyClassifier())}
    assert "check_any_label_type" in names
    assert "check_none_is_all_target" not in names
    names = {check.__name__ for check in checks.transfer_checks(CORALAligner())}
    assert {"check_fit_transform_keeps_domains", "check_target_labels_are_not_read"} <= names
    names = {check.__name__ for check in checks.transfer_checks(TrAdaBoostClassifier())}
    assert "check_nested_params_reach_the_inner_estimator" in names
    assert "check_permuting_rows_changes_nothing" in names
    assert "check_target_labels_are_not_read" not in names


def test_checks_are_chosen_by_what_the_estimator_says_that_it_needs():
    class InMinibatches(TrAdaBoostClassifier):
        _needs = Needs(source_labels=True, order_matters=True)

    names = {check.__name__ for check in checks.transfer_checks(InMinibatches())}
    assert "check_permuting_rows_changes_nothing" not in names
    assert "check_target_labels_are_not_read" in names


class ReturnsNone(Shift):
    def fit(self, X, y=None, *, sample_domain=None):
        super().fit(X, y, sample_domain=sample_domain)


class NeedsTwoRows(Shift):
    def _transform_domain(self, X, name):
        X[1]
        return super()._transform_domain(X, name)


class DropsARow(Shift):
    def transform(self, X, *, sample_domain=None):
        return super().transform(X, sample_domain=sample_domain)[1:]


class ReturnsANumber(Shift):
    def transform(self, X, *, sample_domain=None):
        return 0.0


class KnowsNoDomains(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


class AsksForABug(Shift):
    def _fit_domains(self, sources, X_target):
        raise RuntimeError("first line\n" + "and a very long story " * 500)


@pytest.mark.parametrize(
    ("check", "broken", "observed"),
    [
        ("refit_forgets", ReturnsNone(), "fit returned None instead of self."),
        (
            "row_alone_equals_row_in_batch",
            NeedsTwoRows(),
            r"IndexError: index 1 is out of bounds for axis 0 with size 1 \(raised in "
            r"test_estimator_checks.py, line \d+, in _transform_domain\).",
        ),
        (
            "fit_transform_keeps_domains",
            DropsARow(),
            r"the transformed rows have the shape \(71, 4\), but X has 72 rows.",
        ),
        (
            "pickle_answers_the_same",
            DropsARow(),
            r"transform of 72 rows returned an array of shape \(71, 4\).",
        ),
        (
            "pickle_answers_the_same",
            ReturnsANumber(),
            r"transform of 72 rows returned an array of shape \(\).",
        ),
        (
            "bad_domains_are_refused",
            IgnoresUnseen(),
            r"fit\(X, y, sample_domain=array\(.*\)\) raised no ValueError.",
        ),
        (
            "unseen_source_is_refused",
            IgnoresUnseen(),
            r"transform\(.*\) with the unseen source 'east' raised no ValueError.",
        ),
        (
            "none_is_all_target",
            KnowsNoDomains(),
            r"fit\(X, y\) has no parameter sample_domain.",
        ),
        (
            "domains_have_their_name",
            CallsThemGroups(),
            r"fit\(X, y, groups\) names them 'groups'.",
        ),
        (
            "domains_have_their_name",
            MapsWithoutDomains(),
            "fit takes sample_domain, but transform does not.",
        ),
        (
            "params_unchanged_by_fit",
            ChangesParameter(),
            r"fit replaced the parameters \['history'\].",
        ),
        ("float32_stays_float32", MakesFloat64(), "float32 rows became float64."),
        (
            "missing_labels_are_no_class",
            MakesMissingAClass(),
            "two classes and rows without a label make 3 classes.",
        ),
        ("inputs_unchanged", AsksForABug(), "RuntimeError: first line and a very long story .*"),
        (
            "refit_forgets",
            ContinuesOldFit(),
            "the answers differ in 288 of 288 entries, by up to 1.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else None,
)
def test_a_failure_says_what_was_observed(check, broken, observed):
    with pytest.raises(AssertionError) as failure:
        getattr(checks, f"check_{check}")(broken)
    assert re.search(rf"\. Observed: {observed}$", str(failure.value)), str(failure.value)
    assert "\n" not in str(failure.value)
    assert len(str(failure.value)) < 1000


@pytest.mark.parametrize(
    ("estimator", "lacks"),
    [(Shift, "it is a class"), (object(), "it has no fit"), (lambda X: X, "it has no fit")],
)
def test_what_is_no_estimator_is_refused_in_a_sentence(estimator, lacks):
    with pytest.raises(TypeError, match=f"expected an instance of an estimator, but {lacks}; "):
        checks.check_transfer_estimator(estimator)


def test_every_check_fails_by_a_sentence():
    for name, check in vars(checks).items():
        if re.match(r"check_(?!transfer_estimator|is_)", name):
            assert hasattr(check, "__wrapped__"), f"{name} is no @contract"
