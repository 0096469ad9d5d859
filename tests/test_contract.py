"""Every public estimator against every check: scikit-learn's, with no excuse, and ours.

scikit-learn's checks run on the defaults, ours on the variants too. Few epochs make them quick.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from inspect import isclass
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data

import sktransfer
from sktransfer import KMMWeighter, LabelShiftWeighter
from sktransfer.deep import CDAN
from sktransfer.utils._check_tools import domain_data, fit, fresh, takes_domain
from sktransfer.utils.estimator_checks import transfer_checks

# Networks are trained by torch: without it, the contract is that of all other estimators.
WITHOUT = () if find_spec("torch") else ("sktransfer.deep",)

# The rows of the checks are few: weights that leave few of them and rounds at chance are expected.
pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

# Optional parts of an environment, in scikit-learn's words. Only the first is a setting of ours.
NOT_HERE = (
    "SCIPY_ARRAY_API is not set",
    "array_api_strict is not installed",
    "torch is not installed",
    "cupy is not installed",
    "dpnp is not installed",
    "PyTorch test requires cuda, which is not available",
    "no XPU device is available",
    "PYTORCH_ENABLE_MPS_FALLBACK is not set",
    "was not built with MPS enabled",
)

# The checks that scikit-learn itself may skip, with the reason. Any other skip is a failure.
SKIPPED_BY_SCIKIT_LEARN = {
    "check_array_api_input": NOT_HERE,
    "check_array_api_mixed_inputs": NOT_HERE,
    "check_array_api_same_namespace": NOT_HERE,
    # Classifiers whose `classes_` is a list have none, as scikit-learn's forests do not.
    "check_classifiers_multilabel_output_format_decision_function": [
        "does not have a decision_function method"
    ],
}

PUBLIC = [getattr(sktransfer, name) for name in sktransfer.__all__]

# A pipeline needs steps, as scikit-learn's does; `test_pipeline.py` runs the checks on one.
COMPOSITIONS = (sktransfer.TransferPipeline,)

# An epoch of a network says as much as ten, and five trees as much as a hundred.
QUICK = {
    "AdaptedNetworkClassifier": {"max_epochs": 1},
    "AdaptedNetworkRegressor": {"max_epochs": 1},
    "FineTuneClassifier": {"max_epochs": 1},
    "FineTuneRegressor": {"max_epochs": 1},
    "GuardedTransferClassifier": {"n_repeats": 1},
    "GuardedTransferRegressor": {"n_repeats": 1},
    "SelfTaughtClustering": {"n_init": 2},
    "TransferForestClassifier": {"n_estimators": 5},
    "TransferForestRegressor": {"n_estimators": 5},
    "TransferredDiscriminantAnalysis": {"n_init": 1},
}

ESTIMATORS = [
    item(**QUICK.get(item.__name__, {}))
    for item in PUBLIC
    if isclass(item)
    and issubclass(item, BaseEstimator)
    and not item.__module__.startswith(WITHOUT)
    and item not in COMPOSITIONS
]


# Parameters that choose another formula or another way to compute it. A new choice belongs here.
# Not here: "dai2007", which takes two classes, and bootstrap, which draws rows by their position.
VARIANTS = [
    ("MomentAligner", {"with_std": False}),
    ("ColumnBridge", {"estimator": DecisionTreeRegressor(max_depth=2)}),
    ("CombatAligner", {"covariates": [1]}),
    ("CombatAligner", {"reference": "all"}),
    ("CORALAligner", {"map": "monge"}),
    ("CORALAligner", {"map": "cholesky"}),
    ("DirectStandardization", {"method": "direct"}),
    ("DirectStandardization", {"method": "piecewise", "window": 1}),
    ("OptimalTransportAligner", {"method": "exact"}),
    ("OptimalTransportAligner", {"method": "linear"}),
    ("OptimalTransportAligner", {"supervised": True}),
    ("OptimalTransportAligner", {"metric": "cityblock"}),
    ("SubspaceAligner", {"n_components": 2}),
    ("GeodesicFlowAligner", {"n_components": 2}),
    ("TransferComponentAligner", {"kernel": "rbf", "n_components": 2}),
    ("TransferComponentAligner", {"kernel": "rbf", "n_components": 2, "n_landmarks": 15}),
    ("TransferComponentAligner", {"kernel": "primal"}),
    ("TransferComponentAligner", {"supervised": True}),
    ("TransferJointAligner", {"kernel": "rbf", "n_components": 2}),
    ("JointDistributionAligner", {"kernel": "rbf", "n_components": 2}),
    ("JointDistributionAligner", {"kernel": "primal"}),
    ("JointDistributionAligner", {"estimator": LogisticRegression()}),
    ("DomainAugmenter", {"kernel": "rbf"}),
    ("DomainAugmenter", {"kernel": "rbf", "n_components": None}),
    ("DomainAugmenter", {"common_weight": 0.3}),
    ("DomainAugmenter", {"intercepts": False}),
    ("DenoisingEncoder", {"keep_input": False}),
    ("StructuralEncoder", {"pivots": "mutual_information"}),
    ("StructuralEncoder", {"keep_input": False, "n_components": 2}),
    ("DiscriminatorWeighter", {"estimator": DecisionTreeClassifier(max_depth=2), "cv": 3}),
    ("KLIEPWeighter", {"n_centers": 7, "cv": 3}),
    ("KMMWeighter", {"n_components": None}),
    ("KMMWeighter", {"n_components": 10}),
    ("LabelShiftWeighter", {"method": "bbse"}),
    ("NearestNeighborWeighter", {"smoothing": 0}),
    ("ShiftDiagnosis", {"estimator": DecisionTreeClassifier(max_depth=2)}),
    ("ULSIFWeighter", {"alpha": 0.5, "n_centers": 7}),
    ("PretrainedFeatureExtractor", {"pooling": "grid"}),
    ("ClassPriorClassifier", {"candidates": "all"}),
    ("PrototypeClassifier", {"metric": "cosine", "normalize": False}),
    ("PrototypeClassifier", {"whiten": True, "candidates": "all"}),
    ("LearnedPriorClassifier", {"n_clusters": 2}),
    ("LearnedPriorRegressor", {"n_clusters": 2, "rank": 1}),
    ("LearnedPriorRegressor", {"fit_intercept": False}),
    ("MultiTaskFeatureRegressor", {"alpha": 1.0, "fit_intercept": False}),
    ("RegularizedMultiTaskClassifier", {"kernel": "rbf", "relatedness": 0.7}),
    ("RegularizedMultiTaskRegressor", {"kernel": "rbf", "alpha": 1.0}),
    ("RegularizedMultiTaskRegressor", {"relatedness": 0.5, "offset": 0, "fit_intercept": False}),
    ("TransferredDiscriminantAnalysis", {"n_clusters": 2, "n_components": 3, "n_init": 1}),
    ("TrAdaBoostClassifier", {"algorithm": "samme"}),
    ("TrAdaBoostClassifier", {"negligible_weight": 0.01}),
    ("MultiSourceTrAdaBoostClassifier", {"estimator": DecisionTreeClassifier(max_depth=1)}),
    ("MultiViewTrAdaBoostClassifier", {"views": [[0], slice(1, None)]}),
    ("TaskTrAdaBoostClassifier", {"flip": False}),
    ("TrAdaBoostRegressor", {"loss": "square"}),
    ("TrAdaBoostRegressor", {"loss": "exponential"}),
    ("TwoStageTrAdaBoostRegressor", {"loss": "square", "n_steps": 3}),
    ("TransductivePrototypeClassifier", {"balance": 1.0, "whiten": True}),
    ("ZeroShotClassifier", {"method": "conse", "calibration": 0.1}),
    ("ZeroShotClassifier", {"method": "dap"}),
    ("ZeroShotClassifier", {"method": "sae", "alpha": 0.1}),
    ("AdaptiveGaussianProcessRegressor", {"likelihood": "conditional", "relatedness": 0.5}),
    ("AdaptiveSVC", {"gamma": 2.0, "beta": 0.5}),
    ("AdaptiveSVR", {"gamma": "auto", "positive": False}),
    ("TransferLogisticRegression", {"C": 1.0, "beta": 0.5}),
    ("TransferRidge", {"alpha": 1.0, "positive": False}),
    ("TransferRidgeClassifier", {"source_estimator": LogisticRegression()}),
    ("TransferForestClassifier", {"method": "ser", "n_estimators": 3}),
    ("TransferForestRegressor", {"method": "strut", "n_estimators": 3}),
    ("TransferStackingClassifier", {"estimator": DecisionTreeClassifier(max_depth=2)}),
    ("WeightedConformalClassifier", {"weighter": LabelShiftWeighter(), "cv": 2}),
    ("WeightedConformalRegressor", {"calibrate_on": "target"}),
    ("WeightedTransferClassifier", {"weighter": KMMWeighter()}),
    ("WeightedTransferRegressor", {"weighter": KMMWeighter()}),
    ("FineTuneClassifier", {"objective": "contrastive", "freeze_depth": -1, "max_epochs": 1}),
    ("AdaptedNetworkClassifier", {"backbone": "mlp", "hidden_layer_sizes": (8,), "max_epochs": 2}),
    (
        "AdaptedNetworkClassifier",
        {"backbone": "mlp", "adaptation": CDAN(entropy=True), "max_epochs": 2},
    ),
    (
        "AdaptedNetworkClassifier",
        {"backbone": "mlp", "adaptation": "jan", "supervised": True, "max_epochs": 2},
    ),
    (
        "AdaptedNetworkRegressor",
        {"backbone": "mlp", "adaptation": "mdd", "activation": "logistic", "max_epochs": 2},
    ),
    ("GuardedTransferClassifier", {"method": "best", "n_repeats": 1, "cv": 2}),
]


# Inputs that are not numbers, made from the rows of numbers of the checks.
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "and", "the", "of", "to", "in", "is"]


def _as_texts(X):
    """Rows of numbers as texts: equal rows are equal texts, other rows are other texts."""
    scaled = np.round(np.fmod(np.abs(X), 100) * 10).astype(np.int64) % len(WORDS)
    return [" ".join(WORDS[place] for place in row) for row in scaled]


def _as_sounds(X):
    """Rows of numbers as log-mel frames in decibels: one number after the other, for 50 ms."""
    values = np.fmod(np.abs(X), 100)[:, np.arange(100) // 5 % X.shape[1], np.newaxis]
    return values * np.linspace(0.2, 1, 32)


FROM_NUMBERS = {"string": _as_texts, "three_d_array": _as_sounds}


def _reading_numbers(estimator):
    """The estimator if it reads numbers, else one that makes its input of rows of numbers.

    scikit-learn lists no check for an estimator that reads no numbers.
    """
    tags = get_tags(estimator).input_tags
    if tags.two_d_array:
        return estimator
    name = next(name for name in FROM_NUMBERS if getattr(tags, name))
    return _of_numbers(type(estimator), FROM_NUMBERS[name])(**estimator.get_params(deep=False))


@cache
def _of_numbers(kind, convert):
    class Reading(kind):
        __init__ = kind.__init__
        __doc__ = kind.__doc__

        def fit(self, X, y=None):
            super().fit(self._convert(X, reset=True), y)
            self._remember(X)
            return self

        def fit_transform(self, X, y=None):
            features = super().fit_transform(self._convert(X, reset=True), y)
            self._remember(X)
            return features

        def transform(self, X):
            check_is_fitted(self)
            return super().transform(self._convert(X, reset=False))

        def _convert(self, X, reset):
            return convert(validate_data(BaseEstimator() if reset else self, X, reset=reset))

        def _remember(self, X):
            validate_data(self, X, reset=True)

        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.input_tags.two_d_array = True
            tags.input_tags.string = tags.input_tags.three_d_array = False
            return tags

    Reading.__name__ = Reading.__qualname__ = f"{kind.__name__}OfNumbers"
    globals()[Reading.__name__] = Reading  # the place that pickle reads
    return Reading


def _transfer_cases():
    cases = [(type(estimator).__name__, {}, estimator) for estimator in ESTIMATORS]
    cases += [(name, params, getattr(sktransfer, name)(**params)) for name, params in VARIANTS]
    for name, params, estimator in cases:
        estimator = _reading_numbers(estimator)
        for check in transfer_checks(estimator):
            values = ", ".join(f"{key}={value}" for key, value in params.items())
            yield pytest.param(estimator, check, id=f"{name}({values})-{check.__name__}")


def _name(check):
    return getattr(check, "func", check).__name__


def _sklearn_cases():
    for estimator in ESTIMATORS:
        for instance, check in estimator_checks_generator(_reading_numbers(estimator)):
            yield pytest.param(instance, check, id=f"{type(estimator).__name__}-{_name(check)}")


@pytest.mark.parametrize(("estimator", "check"), list(_sklearn_cases()))
def test_scikit_learns_contract(estimator, check):
    try:
        check(estimator)
    except SkipTest as skip:
        reasons = SKIPPED_BY_SCIKIT_LEARN.get(_name(check), ())
        if not any(reason in str(skip) for reason in reasons):
            raise AssertionError(f"skipped for what is not listed above: {skip}") from None


@pytest.mark.parametrize(("estimator", "check"), list(_transfer_cases()))
def test_transfer_contract(estimator, check):
    if getattr(estimator, "method", None) == "exact":
        pytest.importorskip("ot", reason="exact transport needs POT")
    check(estimator)


def _transformers():
    cases = [(type(estimator).__name__, {}, estimator) for estimator in ESTIMATORS]
    cases += [(name, params, getattr(sktransfer, name)(**params)) for name, params in VARIANTS]
    for name, params, estimator in cases:
        of_numbers = _reading_numbers(estimator) is estimator
        if of_numbers and hasattr(estimator, "transform"):
            values = ", ".join(f"{key}={value}" for key, value in params.items())
            yield pytest.param(estimator, id=f"{name}({values})")


@pytest.mark.parametrize("estimator", list(_transformers()))
def test_no_rows_become_no_rows(estimator):
    # A partition that a filter has emptied is transformed as any other one.
    if getattr(estimator, "method", None) == "exact":
        pytest.importorskip("ot", reason="exact transport needs POT")
    X, y, domains = domain_data()
    fitted = fit(fresh(estimator), X, y, domains if takes_domain(estimator) else None)
    some, none = fitted.transform(X[:3]), fitted.transform(X[:0])
    assert none.shape == (0, some.shape[1])
    assert none.dtype == some.dtype
    if takes_domain(estimator):
        assert fitted.transform(X[:0], sample_domain=[]).shape == none.shape
    frames = fitted.set_output(transform="pandas").transform(X[:0])
    assert list(frames.columns) == list(fitted.get_feature_names_out())


def test_the_named_estimators_are_found():
    named = {"CORALAligner", "TrAdaBoostClassifier"}
    named |= set() if WITHOUT else {"FineTuneClassifier", "PretrainedFeatureExtractor"}
    assert {type(estimator).__name__ for estimator in ESTIMATORS} >= named


def test_every_public_estimator_stands_in_its_packages_all():
    for item in PUBLIC:
        package = import_module(item.__module__.partition("._")[0])  # the first public one
        if package is not sktransfer:
            assert item.__name__ in package.__all__


def test_star_import_brings_every_public_name():
    namespace = {}
    exec("from sktransfer import *", namespace)
    assert set(sktransfer.__all__) <= set(namespace)
