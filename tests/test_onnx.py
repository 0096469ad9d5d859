"""Each public estimator is written as ONNX and gives the same numbers, or says why it is not."""

import re
from inspect import isclass
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import sktransfer
from sktransfer import (
    CombatAligner,
    CORALAligner,
    DirectStandardization,
    DomainAugmenter,
    MomentAligner,
    OptimalTransportAligner,
    PrototypeClassifier,
    SubspaceAligner,
    TrAdaBoostClassifier,
    TransferComponentAligner,
    TransferLogisticRegression,
    TransferRidge,
    TransferRidgeClassifier,
    WeightedTransferClassifier,
    make_transfer_pipeline,
    to_onnx,
)
from sktransfer.utils._check_tools import domain_data, fit, fresh, takes_domain
from tests.test_contract import ESTIMATORS, FROM_NUMBERS, PUBLIC, get_tags

skl2onnx = pytest.importorskip("skl2onnx", reason="it writes the files")

pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

NOT_WRITTEN = {
    "DiscriminatorWeighter",
    "GaussianWeighter",
    "KLIEPWeighter",
    "KMMWeighter",
    "LabelShiftWeighter",
    "NearestNeighborWeighter",
    "SelfTaughtClustering",
    "SelfTaughtEncoder",
    "ShiftDiagnosis",
    "ULSIFWeighter",
}

SOURCE_MAPS = [
    MomentAligner(),
    CORALAligner(),
    CORALAligner(map="cholesky"),
    SubspaceAligner(n_components=2),
    CombatAligner(covariates=[1]),
    DirectStandardization(),
    OptimalTransportAligner(method="linear"),
    DomainAugmenter(common_weight=0.3),
]

SETTINGS = [
    TransferComponentAligner(kernel="rbf", n_components=2, n_landmarks=15),
    TransferComponentAligner(kernel="poly", n_components=2),
    TransferComponentAligner(kernel="sigmoid", kernel_params={"gamma": 0.3}, n_components=2),
    TransferComponentAligner(kernel="primal"),
    DomainAugmenter(kernel="rbf"),
    DomainAugmenter(intercepts=False),
    sktransfer.DenoisingEncoder(keep_input=False),
    sktransfer.MultiViewTrAdaBoostClassifier(views=[[0], slice(1, None)]),
    PrototypeClassifier(metric="cosine", normalize=False),
    PrototypeClassifier(whiten=True, candidates="all"),
    WeightedTransferClassifier(make_pipeline(StandardScaler(), LogisticRegression())),
]


def _data():
    X, y, domains = domain_data()
    return X.astype(np.float32), y, domains


def _run(path, X, name="X"):
    return onnxruntime.InferenceSession(path).run(None, {name: X})


def _scores(model, X, **options):
    """The answers of a model as its file has them."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X, **options)
    if hasattr(model, "transform"):
        return model.transform(X, **options)
    if is_classifier(model):
        scores = model.decision_function(X)
        return np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
    return model.predict(X, **options)[:, None]


def _check(model, path, X, **options):
    *labels, scores = _run(path, X)
    np.testing.assert_allclose(scores, _scores(model, X, **options), rtol=1e-5, atol=1e-5)
    assert scores.dtype == (np.float64 if X.dtype == np.float64 else np.float32)
    if is_classifier(model):
        np.testing.assert_array_equal(labels[0], model.predict(X, **options))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda item: type(item).__name__)
def test_every_estimator_is_written_or_says_why_not(estimator, tmp_path):
    X, y, domains = _data()
    tags, name, path = get_tags(estimator).input_tags, type(estimator).__name__, tmp_path / "m.onnx"
    estimator = fresh(estimator)
    if tags.string:
        X = np.array(FROM_NUMBERS["string"](X), dtype=object)
    elif not tags.two_d_array:
        X = np.repeat(X, 200, axis=1) / 10  # samples of a sound
        estimator.set_params(sample_rate=16000)
    model = fit(estimator, X, y, domains if takes_domain(estimator) else None)
    if name not in NOT_WRITTEN:
        to_onnx(model, path)
        _check(model, path, X)
        return
    with pytest.raises(TypeError, match=rf"^{name} cannot be written as ONNX, because .*\.$"):
        to_onnx(model, path)
    assert not path.exists()


def test_the_guide_lists_those_that_are_not_written():
    names = {type(estimator).__name__ for estimator in ESTIMATORS}
    guide = (Path(__file__).parents[1] / "docs" / "guide" / "saving.rst").read_text()
    assert f"{len(names - NOT_WRITTEN)} of the {len(names)} estimators" in guide
    table = " ".join(guide.partition("* - not written")[2].split())
    for name in NOT_WRITTEN:
        reason = re.escape(getattr(sktransfer, name)._no_onnx)
        assert re.search(rf"\* - [`\w, ]*`{name}`[`\w, ]* - {reason}", table), name


OTHERS = [item for item in PUBLIC if isclass(item) and not issubclass(item, BaseEstimator)]


@pytest.mark.parametrize("item", OTHERS, ids=lambda item: item.__name__)
def test_what_is_no_estimator_says_so(item, tmp_path):
    with pytest.raises(TypeError, match=rf"^{item.__name__} cannot be .*, because it is no est"):
        to_onnx(item.__new__(item), tmp_path / "m.onnx")


def test_recommenders_say_why_not(tmp_path):
    rows = [(f"u{k // 8}", f"i{k % 8}", float(k % 5)) for k in range(64)]
    model = sktransfer.CollectiveFactorization(random_state=0)
    model.fit(pd.DataFrame(rows), sample_domain=["target", "films"] * 32)
    with pytest.raises(TypeError, match="CollectiveFactorization cannot be written as ONNX"):
        to_onnx(model, tmp_path / "m.onnx")


@pytest.mark.parametrize("model", SETTINGS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_settings(model, dtype, tmp_path):
    X, y, domains = _data()
    X, path = X.astype(dtype), tmp_path / "m.onnx"
    model = fresh(model).fit(X, y, sample_domain=domains)
    to_onnx(model, path, X=X)
    _check(model, path, X)


@pytest.mark.parametrize("model", SOURCE_MAPS, ids=repr)
def test_rows_of_a_source(model, tmp_path):
    X, y, domains = _data()
    model, path = fresh(model).fit(X, y, sample_domain=domains), tmp_path / "m.onnx"
    to_onnx(model, path, domain="south")
    _check(model, path, X, sample_domain=["south"] * len(X))


def test_missing_values_of_a_source(tmp_path):
    X, _, domains = _data()
    X[::5, 1] = np.nan
    model, path = MomentAligner().fit(X, sample_domain=domains), tmp_path / "m.onnx"
    to_onnx(model, path, domain="north")
    _check(model, path, X, sample_domain=["north"] * len(X))


@pytest.mark.parametrize("domain", ["target", "north"])
@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"], [False, True]])
def test_a_transfer_pipeline(domain, labels, tmp_path):
    X, y, domains = _data()
    pipe = make_transfer_pipeline(
        make_column_transformer((CORALAligner(), [0, 1]), (MomentAligner(), [2, 3])),
        StandardScaler(),
        "passthrough",
        LogisticRegression(),
    ).fit(X, np.array(labels)[y], sample_domain=domains)
    path = tmp_path / "m.onnx"
    to_onnx(pipe, path, domain=domain)
    _check(pipe, path, X, sample_domain=[domain] * len(X))


@pytest.mark.parametrize(
    "kind", [sktransfer.TemperatureScaledClassifier, WeightedTransferClassifier]
)
def test_a_transfer_pipeline_inside(kind, tmp_path):
    X, y, domains = _data()
    inner = make_transfer_pipeline(StandardScaler(), CORALAligner(), LogisticRegression())
    model, path = kind(inner).fit(X, y, sample_domain=domains), tmp_path / "m.onnx"
    to_onnx(model, path)
    _check(model, path, X)


def test_searches_and_nested_pipelines(tmp_path):
    X, y, domains = _data()
    inner = make_transfer_pipeline(SubspaceAligner(n_components=2), LogisticRegression())
    pipe, path = make_transfer_pipeline(StandardScaler(), inner), tmp_path / "m.onnx"
    grid = {"transferpipeline__logisticregression__C": [0.1, 1.0]}
    search = GridSearchCV(pipe, grid, cv=sktransfer.TargetFold(3))
    search.fit(X, y, groups=domains, sample_domain=domains)
    to_onnx(search, path)
    _check(search, path, X)


@pytest.mark.parametrize(
    "model",
    [
        TransferLogisticRegression(),
        TransferRidgeClassifier(),
        TrAdaBoostClassifier(random_state=0),
        PrototypeClassifier(),
    ],
    ids=repr,
)
def test_three_classes_of_text(model, tmp_path):
    X, _, domains = _data()
    labels = np.array(["b", "c", "a"], dtype=object)[(7 * X[:, 0]).astype(int) % 3]
    model, path = fresh(model).fit(X, labels, sample_domain=domains), tmp_path / "m.onnx"
    to_onnx(model, path)
    _check(model, path, X)


def test_a_base_estimator_without_probabilities(tmp_path):
    X, y, domains = _data()
    model = TrAdaBoostClassifier(LinearSVC(), random_state=0)
    model, path = model.fit(X, y, sample_domain=domains), tmp_path / "m.onnx"
    to_onnx(model, path)
    _check(model, path, X)
    with pytest.raises(TypeError, match=r"^skl2onnx cannot write Pipeline.*with double"):
        to_onnx(model, path, X=X.astype(np.float64))


@pytest.mark.parametrize("source", [Ridge(), DecisionTreeRegressor(max_depth=2), SVR()], ids=repr)
@pytest.mark.parametrize("kind", [TransferRidge, sktransfer.AdaptiveSVR])
def test_sources_of_numbers(kind, source, tmp_path):
    X, y, _ = _data()
    values, path = y + X[:, 1], tmp_path / "m.onnx"
    model = kind(source=source.fit(X, y), beta=0.7).fit(X, values)
    to_onnx(model, path)
    _check(model, path, X)


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"]])
def test_a_source_of_probabilities(labels, tmp_path):
    X, _, _ = _data()
    y, path = np.array(labels)[(7 * X[:, 0]).astype(int) % len(labels)], tmp_path / "m.onnx"
    tree = DecisionTreeClassifier(max_depth=2).fit(X, y)
    for model in (TransferLogisticRegression(source=tree), TransferRidgeClassifier(source=tree)):
        to_onnx(model.fit(X[:30], y[:30]), path)
        _check(model, path, X)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"]])
def test_margins_of_classes(kernel, labels, tmp_path):
    X, _, _ = _data()
    y, path = np.array(labels)[(7 * X[:, 0]).astype(int) % len(labels)], tmp_path / "m.onnx"
    for source in (LogisticRegression(), DecisionTreeClassifier(max_depth=2)):
        model = sktransfer.AdaptiveSVC(source=source.fit(X, y), kernel=kernel, beta=0.7)
        to_onnx(model.fit(X[:30] ** 2, y[:30]), path)
        _check(model, path, X)


@pytest.mark.parametrize(
    "model",
    [
        sktransfer.WeightedConformalRegressor(cv=2, random_state=0),
        sktransfer.WeightedConformalClassifier(
            LogisticRegression(), weighter=sktransfer.LabelShiftWeighter(), cv=2, random_state=0
        ),
    ],
    ids=lambda model: type(model).__name__,
)
def test_the_mean_of_several_folds(model, tmp_path):
    X, y, domains = _data()
    model, path = fresh(model).fit(X, y, sample_domain=domains), tmp_path / "m.onnx"
    assert len(model.estimators_) > 1
    to_onnx(model, path)
    _check(model, path, X)


def test_a_prior_of_classes_with_several_variances(tmp_path):
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(12), 8)
    X = rng.normal(size=(12, 3))[codes] + rng.normal(size=(96, 3)) * (1 + codes % 4)[:, None]
    domains = np.where(codes < 9, "old", "target")
    rows = (codes != 10) | (np.arange(96) % 8 < 2)  # a class of two shots
    model = sktransfer.ClassPriorClassifier().fit(X[rows], codes[rows], sample_domain=domains[rows])
    assert np.isfinite(model.dof_).all()
    assert len(np.unique(model.dof_)) > 1
    to_onnx(model, tmp_path / "m.onnx")
    _check(model, tmp_path / "m.onnx", X.astype(np.float32))


def test_a_file_that_is_open_elsewhere_stays_whole(tmp_path):
    path, linked = tmp_path / "model.onnx", tmp_path / "served.onnx"
    path.write_bytes(b"the model before")
    linked.hardlink_to(path)
    to_onnx(Ridge().fit(np.eye(2), [0, 1]), path)
    assert linked.read_bytes() == b"the model before"
    assert path.read_bytes() != linked.read_bytes()


def test_large_means_and_no_rows(tmp_path):
    X, y, domains = _data()
    X, path = X + np.float32(1e4), tmp_path / "m.onnx"
    for step in (SubspaceAligner(n_components=2), TransferComponentAligner(kernel="rbf")):
        pipe = make_transfer_pipeline(step, LogisticRegression())
        pipe.fit(X.astype(np.float64), y, sample_domain=domains)
        to_onnx(pipe, path)
        _check(pipe, path, X)
        assert _run(path, X[:0])[1].shape == (0, 2)


def test_a_data_frame_has_an_input_for_each_column(tmp_path):
    X, y, domains = _data()
    frame, path = pd.DataFrame(X, columns=list("abcd")), tmp_path / "m.onnx"
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    pipe.fit(frame, y, sample_domain=domains)
    to_onnx(pipe, path, X=frame)
    session = onnxruntime.InferenceSession(path)
    scores = session.run(None, {name: frame[[name]].to_numpy() for name in frame})[1]
    np.testing.assert_allclose(scores, pipe.predict_proba(frame), rtol=0, atol=1e-5)


def test_skl2onnx_asks_the_estimators_themselves():
    X, y, domains = _data()
    pipe = make_transfer_pipeline(MomentAligner(), TrAdaBoostClassifier(random_state=0))
    pipe.fit(X, y, sample_domain=domains)
    written = skl2onnx.to_onnx(Pipeline(pipe.steps), X[:1], target_opset=17)
    _check(pipe, written.SerializeToString(), X)


def test_errors_name_the_remedy(tmp_path):
    X, y, domains = _data()
    path, aligner = tmp_path / "m.onnx", CORALAligner().fit(X, sample_domain=domains)
    with pytest.raises(ValueError, match="has seen the domains 'north', 'south', 'target'"):
        to_onnx(aligner, path, domain="east")
    with pytest.raises(ValueError, match=r"domain='lab': no step of Ridge\(\) maps domains apart"):
        to_onnx(Ridge().fit(X, y), path, domain="lab")
    moved = OptimalTransportAligner().fit(X, sample_domain=domains)
    with pytest.raises(TypeError, match="domain='north', because a row of a source moves"):
        to_onnx(moved, path, domain="north")
    cosine = TransferComponentAligner(kernel="cosine").fit(X, sample_domain=domains)
    with pytest.raises(TypeError, match="because kernel='cosine' has no operators"):
        to_onnx(cosine, path)
    days = np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]")[y]
    model = TransferLogisticRegression().fit(X, days, sample_domain=domains)
    with pytest.raises(TypeError, match="ONNX has labels of integers or of text"):
        to_onnx(model, path)
    model = TransferRidgeClassifier(source=SVC().fit(X, y)).fit(X, y)
    with pytest.raises(TypeError, match=r"the decisions of SVC\(\), which is no linear model"):
        to_onnx(model, path)
    assert not path.exists()
