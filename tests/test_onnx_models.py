"""Predictors of each family as ONNX: their settings, classes, tasks and sources."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    ExpSineSquared,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sktransfer import (
    AdaptiveGaussianProcessRegressor,
    AdaptiveSVC,
    AdaptiveSVR,
    GuardedTransferClassifier,
    GuardedTransferRegressor,
    LearnedPriorClassifier,
    LearnedPriorRegressor,
    MultiTaskFeatureClassifier,
    MultiTaskFeatureRegressor,
    RegularizedMultiTaskClassifier,
    RegularizedMultiTaskRegressor,
    TrAdaBoostClassifier,
    TrAdaBoostRegressor,
    TransferForestClassifier,
    TransferForestRegressor,
    TransferredDiscriminantAnalysis,
    TransferStackingClassifier,
    TransferStackingRegressor,
    TwoStageTrAdaBoostRegressor,
    ZeroShotClassifier,
    to_onnx,
)
from sktransfer.utils._check_tools import fresh
from tests.test_onnx import _check, _data, _run

pytest.importorskip("skl2onnx", reason="it writes the files")

pytestmark = [
    pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

CLASSES = {"two": [0, 1], "three": ["b", "c", "a"]}


def _classes(labels):
    X, _, domains = _data()
    labels = np.array(CLASSES[labels], dtype=object if labels == "three" else None)
    return X, labels[(7 * X[:, 0]).astype(int) % len(labels)], domains


def _numbers():
    X, y, domains = _data()
    return X, y + np.sin(3 * X[:, 1]) + X[:, 2], domains


def _write(model, X, tmp_path, dtype, **options):
    X = X.astype(dtype)
    to_onnx(model, tmp_path / "m.onnx", X=X)
    _check(model, tmp_path / "m.onnx", X, **options)


CLASSIFIERS = [
    TransferForestClassifier(method="ser", n_estimators=5, random_state=0),
    TransferForestClassifier(method="strut", n_estimators=5, random_state=0),
    TransferStackingClassifier(source_estimator=DecisionTreeClassifier(max_depth=2)),
    TransferStackingClassifier(mode="residual"),
    TransferStackingClassifier(Ridge(), mode="residual", beta=0.5),
    GuardedTransferClassifier(cv=2, n_repeats=1, rehearse="never", random_state=0),
    LearnedPriorClassifier(),
    LearnedPriorClassifier(fit_intercept=False),
    MultiTaskFeatureClassifier(),
    RegularizedMultiTaskClassifier(),
    RegularizedMultiTaskClassifier(kernel="rbf", kernel_params={"gamma": 0.3}),
    TrAdaBoostClassifier(make_pipeline(StandardScaler(), LogisticRegression()), random_state=0),
    *(ZeroShotClassifier(method=method) for method in ("eszsl", "sae", "dap", "conse")),
]

KERNELS = [
    ConstantKernel(2.0) * RBF([1.0, 2.0, 1.0, 3.0]) + WhiteKernel(0.1),
    Matern(2.0, nu=0.5) + DotProduct(0.5) ** 2,
    Matern(2.0, nu=1.5),
    Matern(2.0, nu=2.5) * RationalQuadratic(1.5, 0.7),
]

REGRESSORS = [
    TransferForestRegressor(method="ser", n_estimators=5, random_state=0),
    TransferForestRegressor(method="strut", n_estimators=5, random_state=0),
    TransferStackingRegressor(source_estimator=DecisionTreeRegressor(max_depth=2)),
    TransferStackingRegressor(mode="residual"),
    GuardedTransferRegressor(cv=2, n_repeats=1, rehearse="never", random_state=0),
    LearnedPriorRegressor(),
    MultiTaskFeatureRegressor(),
    RegularizedMultiTaskRegressor(),
    RegularizedMultiTaskRegressor(kernel="poly", kernel_params={"degree": 2}),
    TrAdaBoostRegressor(Ridge(), n_estimators=5, random_state=0),
    TwoStageTrAdaBoostRegressor(Ridge(), n_estimators=4, n_steps=3, random_state=0),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labels", CLASSES)
@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
def test_classifiers(model, labels, dtype, tmp_path):
    X, y, domains = _classes(labels)
    model = fresh(model).fit(X.astype(dtype), y, sample_domain=domains)
    _write(model, X, tmp_path, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_regressors(model, dtype, tmp_path):
    X, y, domains = _numbers()
    model = fresh(model).fit(X.astype(dtype), y, sample_domain=domains)
    _write(model, X, tmp_path, dtype)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_kernels_of_gaussian_processes(kernel, tmp_path):
    X, y, domains = _numbers()
    model = AdaptiveGaussianProcessRegressor(kernel=kernel, noise=0.1, relatedness=0.5)
    _write(model.fit(X, y, sample_domain=domains), X, tmp_path, np.float32)


OWN_OPERATORS = [
    LearnedPriorRegressor(),
    MultiTaskFeatureRegressor(),
    RegularizedMultiTaskRegressor(kernel="rbf", kernel_params={"gamma": 0.3}),
    AdaptiveGaussianProcessRegressor(kernel=RBF(2.0), noise=0.1, relatedness=0.5),
    TransferForestRegressor(method="strut", n_estimators=5, random_state=0),
]


@pytest.mark.parametrize("model", OWN_OPERATORS, ids=repr)
def test_means_of_ten_thousand_and_no_rows(model, tmp_path):
    X, y, domains = _numbers()
    X, path = X + np.float32(1e4), tmp_path / "m.onnx"
    model = fresh(model).fit(X, y, sample_domain=domains)
    _write(model, X, tmp_path, np.float32)
    assert _run(path, X[:0])[0].shape == (0, 1)


@pytest.mark.parametrize("domain", ["north", "target"])
@pytest.mark.parametrize(
    "model",
    [
        LearnedPriorClassifier(),
        MultiTaskFeatureRegressor(),
        RegularizedMultiTaskRegressor(kernel="sigmoid"),
        TransferredDiscriminantAnalysis(n_clusters=2, random_state=0),
    ],
    ids=repr,
)
def test_the_domain_names_the_task(model, domain, tmp_path):
    X, y, domains = _data()
    model, path = fresh(model).fit(X, y, sample_domain=domains), tmp_path / "m.onnx"
    to_onnx(model, path, domain=domain)
    _check(model, path, X, sample_domain=[domain] * len(X))
    with pytest.raises(ValueError, match="has seen the domains 'north', 'south', 'target'"):
        to_onnx(model, path, domain="east")


def test_tasks_without_a_target_have_the_common_function(tmp_path):
    X, y, domains = _data()
    tasks, path = np.unique(domains, return_inverse=True)[1], tmp_path / "m.onnx"
    model = RegularizedMultiTaskRegressor().fit(X, y, sample_domain=[f"t{k}" for k in tasks])
    to_onnx(model, path)
    _check(model, path, X)
    adapted = LearnedPriorClassifier().fit(X, y, sample_domain=domains).adapt(X[:9], y[:9])
    to_onnx(adapted, path)
    _check(adapted, path, X)


@pytest.mark.parametrize("labels", CLASSES)
@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly"])
def test_support_vectors_of_sources(kernel, labels, tmp_path):
    X, y, _ = _classes(labels)
    source = SVC(kernel=kernel, gamma=0.5, coef0=0.2).fit(X, y)
    for model in (AdaptiveSVC(source=source), TransferStackingClassifier(source=source)):
        model.fit(X[:30] ** 2, y[:30])
        _write(model, X, tmp_path, np.float64)
    alone = AdaptiveSVC(kernel=kernel, gamma=0.5).fit(X, y)
    _write(alone, X, tmp_path, np.float64)


def test_support_vectors_of_numbers(tmp_path):
    X, y, _ = _numbers()
    model = AdaptiveSVR(source=SVR(gamma=0.3).fit(X, y)).fit(X[:30], y[:30] + X[:30, 1])
    _write(model, X, tmp_path, np.float64)


@pytest.mark.parametrize("kind", [TransferForestClassifier, TransferStackingClassifier])
def test_forests_as_sources(kind, tmp_path):
    X, y, domains = _classes("three")
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    model = kind(source=forest).fit(X[:30] ** 2, y[:30])
    _write(model, X, tmp_path, np.float32)


def test_thresholds_are_those_of_float32(tmp_path):
    X = np.linspace(0, 1, 7, dtype=np.float32)[:, None]
    model = TransferForestRegressor(source=RandomForestRegressor(3, random_state=0).fit(X, X[:, 0]))
    model.fit(X, 2 * X[:, 0])
    cuts = np.concatenate([tree.threshold[tree.left >= 0] for tree in model.trees_])
    around = np.float32(cuts)
    rows = [np.nextafter(around, np.float32(-1)), around, np.nextafter(around, np.float32(2))]
    _write(model, np.concatenate(rows)[:, None], tmp_path, np.float32)


def test_labels_of_a_classifier_without_probabilities(tmp_path):
    X, y, domains = _classes("three")
    tree, path = DecisionTreeClassifier(max_depth=2), tmp_path / "m.onnx"
    model = TransferStackingClassifier(LinearSVC(), source_estimator=tree)
    to_onnx(model.fit(X, y, sample_domain=domains), path)
    np.testing.assert_array_equal(_run(path, X)[0], model.predict(X))


def test_a_guard_that_changes_few_rows(tmp_path):
    X, y, domains = _data()
    is_target = domains == "target"
    y = np.where(is_target, np.nan, y)
    X[is_target] += np.float32(0.3) * (1 + X[is_target, :1] * [0, 1, 0, 0])
    guard = GuardedTransferClassifier(target_labels="ignore", max_change=0.02, random_state=0)
    guard.fit(X, y, sample_domain=domains)
    assert guard._mixture_now.least_margin is not None
    _write(guard, X, tmp_path, np.float32)


@pytest.mark.parametrize("estimator", [LinearRegression(), DecisionTreeRegressor(max_depth=2)])
def test_a_guard_of_numbers(estimator, tmp_path):
    X, y, domains = _numbers()
    guard = GuardedTransferRegressor(estimator, cv=2, n_repeats=1, random_state=0)
    _write(guard.fit(X, y, sample_domain=domains), X, tmp_path, np.float32)


def test_kernels_without_operators_are_named(tmp_path):
    X, y, domains = _numbers()
    kernel = 2.0 * RBF() + ExpSineSquared()
    model = AdaptiveGaussianProcessRegressor(kernel=kernel, noise=0.1)
    model.fit(X, y, sample_domain=domains)
    with pytest.raises(TypeError, match=r"its kernel ExpSineSquared\(.*\) has no operators"):
        to_onnx(model, tmp_path / "m.onnx")
    model = RegularizedMultiTaskRegressor(kernel="cosine").fit(X, y, sample_domain=domains)
    with pytest.raises(TypeError, match=r"because kernel='cosine' has no operators"):
        to_onnx(model, tmp_path / "m.onnx")
