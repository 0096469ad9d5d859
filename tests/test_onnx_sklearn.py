"""Meta-estimators of scikit-learn around models of sktransfer and of its own, as ONNX."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sktransfer import (
    CORALAligner,
    LearnedPriorClassifier,
    TrAdaBoostClassifier,
    TransferLogisticRegression,
    TransferRidge,
    TransferRidgeClassifier,
    make_transfer_pipeline,
    to_onnx,
)
from sktransfer.utils._check_tools import fresh
from tests.test_onnx import _check, _data, _run
from tests.test_onnx_models import CLASSES, _classes, _numbers

pytest.importorskip("skl2onnx", reason="it writes the files")

pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

OURS, TREE = TransferLogisticRegression(), DecisionTreeClassifier(max_depth=2)
PAIR = [("ours", OURS), ("tree", TREE)]
SCALED = make_pipeline(StandardScaler(), LogisticRegression())

CLASSIFIERS = [
    *(CalibratedClassifierCV(OURS, method=m, cv=2) for m in ("sigmoid", "isotonic", "temperature")),
    *(CalibratedClassifierCV(TREE, method=m, cv=2) for m in ("sigmoid", "isotonic", "temperature")),
    CalibratedClassifierCV(make_pipeline(StandardScaler(), TransferRidgeClassifier()), cv=2),
    CalibratedClassifierCV(LearnedPriorClassifier(), cv=2),
    CalibratedClassifierCV(SCALED, cv=2),
    CalibratedClassifierCV(LinearSVC(), cv=2, ensemble=False),
    VotingClassifier(PAIR, voting="soft", weights=[2, 1]),
    StackingClassifier(PAIR, cv=2),
    StackingClassifier([("tree", TREE)], final_estimator=OURS, passthrough=True, cv=2),
    StackingClassifier(PAIR, stack_method="predict_proba", cv=2),
    BaggingClassifier(OURS, n_estimators=3, max_features=2, random_state=0),
    BaggingClassifier(TransferRidgeClassifier(), n_estimators=3, random_state=0),
    GridSearchCV(CalibratedClassifierCV(OURS, cv=2), {"method": ["sigmoid"]}, cv=2),
    make_pipeline(make_union(CORALAligner(), StandardScaler()), OURS),
    make_pipeline(StandardScaler(), CalibratedClassifierCV(OURS, cv=2)),
]

THRESHOLDS = [
    FixedThresholdClassifier(OURS, threshold=0.3, pos_label="b", response_method="predict_proba"),
    FixedThresholdClassifier(OURS, threshold=0.3, response_method="predict_proba"),
    TunedThresholdClassifierCV(OURS, cv=2, response_method="predict_proba"),
]

REGRESSORS = [
    VotingRegressor([("ours", TransferRidge()), ("ridge", Ridge())], weights=[1, 3]),
    StackingRegressor([("ours", TransferRidge()), ("ridge", Ridge())], cv=2),
    BaggingRegressor(TransferRidge(), n_estimators=3, max_features=2, random_state=0),
    TransformedTargetRegressor(TransferRidge(), transformer=MinMaxScaler((1, 5))),
]


def _write(model, X, tmp_path):
    to_onnx(model, tmp_path / "m.onnx", X=X)
    _check(model, tmp_path / "m.onnx", X)


@pytest.mark.parametrize("labels", CLASSES)
@pytest.mark.parametrize("model", CLASSIFIERS, ids=range(len(CLASSIFIERS)))
def test_classifiers(model, labels, tmp_path):
    X, y, _ = _classes(labels)
    _write(fresh(model).fit(X, y), X, tmp_path)


@pytest.mark.parametrize("model", THRESHOLDS, ids=range(len(THRESHOLDS)))
def test_thresholds(model, tmp_path):
    X, y, _ = _data()
    _write(fresh(model).fit(X, np.array(["b", "c"])[y]), X, tmp_path)


@pytest.mark.parametrize("model", REGRESSORS, ids=range(len(REGRESSORS)))
def test_regressors(model, tmp_path):
    X, y, _ = _numbers()
    model, path = fresh(model).fit(X, y), tmp_path / "m.onnx"
    to_onnx(model, path)
    np.testing.assert_allclose(_run(path, X)[0][:, 0], model.predict(X), rtol=0, atol=1e-5)


def test_frozen_models(tmp_path):
    X, y, domains = _data()
    aligner = CORALAligner().fit(X, sample_domain=domains)
    model = make_pipeline(FrozenEstimator(aligner), FrozenEstimator(fresh(OURS).fit(X, y)))
    _write(CalibratedClassifierCV(FrozenEstimator(model.fit(X, y))).fit(X, y), X, tmp_path)


@pytest.mark.parametrize("known", [([0, 1], [0, 0]), ([0.4], [0.2])])
def test_calibrators_that_are_constant(known, tmp_path):
    X, y, _ = _classes("three")
    model = CalibratedClassifierCV(TREE, method="isotonic", cv=2).fit(X, y)
    constant = IsotonicRegression(out_of_bounds="clip").fit(*known)
    for part in model.calibrated_classifiers_:
        part.calibrators = [constant] * 3
    assert (model.predict_proba(X) == 1 / 3).all()
    _write(model, X, tmp_path)


def test_hard_votes_of_scikit_learns_own(tmp_path):
    X, y, _ = _data()
    parts = [("tree", TREE), ("linear", LogisticRegression())]
    model = VotingClassifier(parts, flatten_transform=False).fit(X, y)
    to_onnx(model, tmp_path / "m.onnx")
    np.testing.assert_array_equal(_run(tmp_path / "m.onnx", X)[0], model.predict(X))


def test_a_calibrated_transfer_pipeline(tmp_path):
    X, y, _ = _data()
    inner = make_transfer_pipeline(StandardScaler(), TransferLogisticRegression())
    _write(CalibratedClassifierCV(inner, cv=2).fit(X, y), X, tmp_path)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (VotingClassifier(PAIR), "a meta-estimator holds TransferLogisticRegression, which"),
        (AdaBoostClassifier(OURS), "a meta-estimator holds TransferLogisticRegression, which"),
        (
            CalibratedClassifierCV(TrAdaBoostClassifier(), cv=2),
            "TrAdaBoostClassifier cannot be written .* of its probabilities, not of its decision",
        ),
        (
            FixedThresholdClassifier(OURS, threshold=0.3, response_method="decision_function"),
            "FixedThresholdClassifier cannot .* its threshold is one of a decision function",
        ),
        (
            FixedThresholdClassifier(LinearSVC(), threshold=0.3),
            r"because LinearSVC\(\) has no probabilities",
        ),
        (
            StackingClassifier(PAIR, final_estimator=LinearSVC(), cv=2),
            r"StackingClassifier cannot .* LinearSVC\(\) has no probabilities",
        ),
        (
            StackingClassifier(PAIR, stack_method="predict", cv=2),
            "labels of some of its estimators are columns of numbers for the last one",
        ),
        (
            TransformedTargetRegressor(Ridge(), transformer=FunctionTransformer()),
            r"because the inverse of transformer=FunctionTransformer\(\) is not that of a scaler",
        ),
    ],
    ids=range(8),
)
def test_errors_say_why(model, reason, tmp_path):
    X, y, _ = _data()
    with pytest.raises(TypeError, match=reason):
        to_onnx(fresh(model).fit(X, y), tmp_path / "m.onnx")
