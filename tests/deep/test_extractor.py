"""The extractor: its definition, scikit-learn's contract, and life in pipelines and searches."""

import io
import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import sktransfer.deep
from sktransfer.deep import PretrainedFeatureExtractor, _onnx_engine
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._images import learn_image_format
from sktransfer.deep._onnx_engine import OnnxEngine
from sktransfer.deep._preprocess import image_batches

CHECKS = list(estimator_checks_generator(PretrainedFeatureExtractor()))


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:200], y[:200]


def feature_maps(network, X, stage):
    """The feature maps that the features are made of."""
    backbone = resolve_backbone(network)
    (batch,) = image_batches(
        X,
        image_format=learn_image_format(X),
        preprocessing=backbone.preprocessing,
        batch_size=len(X),
    )
    return OnnxEngine(backbone, stage).run(batch)


@pytest.mark.parametrize(
    ("estimator", "check"), CHECKS, ids=[getattr(c, "func", c).__name__ for _, c in CHECKS]
)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


# The definition


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["random", "glyphs"])
def test_features_are_the_pooled_feature_map(network, digits, name, stage):
    X = digits[0][:20]
    backbone = network if name == "random" else name
    maps = feature_maps(backbone, X, f"stage{stage}")
    n, c, h, w = maps.shape
    expected = {
        "avg": maps.sum(axis=(2, 3)) / (h * w),
        "max": np.array([[channel.max() for channel in image] for image in maps]),
        None: maps.reshape(n, c * h * w),
    }
    for pooling, features in expected.items():
        extractor = PretrainedFeatureExtractor(backbone, stage=stage, pooling=pooling)
        computed = extractor.fit_transform(X)
        assert computed.dtype == np.float32
        np.testing.assert_allclose(computed, features, rtol=1e-5, atol=1e-6)
        assert len(extractor.get_feature_names_out()) == features.shape[1]


def test_the_flattened_map_runs_channel_by_channel(network, digits):
    X = digits[0][:2]
    flat = PretrainedFeatureExtractor(network, stage=3, pooling=None).fit_transform(X)
    maps = feature_maps(network, X, "stage3")
    assert flat[1, 5 * 16 + 2 * 4 + 3] == maps[1, 5, 2, 3]


def test_stage_none_is_the_last_and_names_are_places(network, digits):
    X = digits[0][:5]

    def features(stage):
        return PretrainedFeatureExtractor(network, stage=stage).fit_transform(X)

    np.testing.assert_array_equal(features(None), features(4))
    np.testing.assert_array_equal(features("stage2"), features(2))


@pytest.mark.parametrize("pooling", ["avg", "max", None])
@pytest.mark.parametrize("backbone", ["random", "glyphs"])
def test_a_row_has_the_same_bits_alone_as_in_a_batch(network, digits, backbone, pooling):
    backbone = network if backbone == "random" else backbone
    X = digits[0]
    for stage in (1, 4):
        extractor = PretrainedFeatureExtractor(backbone, stage=stage, pooling=pooling).fit(X)
        together = extractor.transform(X)
        alone = np.concatenate([extractor.transform(X[i : i + 1]) for i in range(0, 200, 9)])
        np.testing.assert_array_equal(alone, together[::9])
        np.testing.assert_array_equal(extractor.set_params(batch_size=7).transform(X), together)


def test_forms_of_the_same_pictures_give_the_same_features(network, digits, tmp_path):
    X = digits[0][:12] * 255 // 16
    expected = PretrainedFeatureExtractor(network).fit_transform(X)
    pixels = X.reshape(-1, 8, 8).astype(np.uint8)
    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for path, picture in zip(paths, pixels, strict=True):
        Image.fromarray(picture).save(path)
    for form in (pixels, X / 255, pixels[..., None], list(pixels), paths, pd.Series(paths)):
        features = PretrainedFeatureExtractor(network).fit_transform(form)
        np.testing.assert_array_equal(features, expected)


def test_a_grey_picture_in_colour_has_the_same_features(network, digits):
    grey = digits[0][:12].reshape(-1, 8, 8)
    colour = np.repeat(grey[..., None], 3, axis=3)
    np.testing.assert_allclose(
        PretrainedFeatureExtractor(network).fit_transform(colour),
        PretrainedFeatureExtractor(network).fit_transform(grey),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_colour_network_sees_colour(colour_network):
    red, blue = np.zeros((2, 1, 8, 8, 3))
    red[..., 0] = blue[..., 2] = 1
    extractor = PretrainedFeatureExtractor(colour_network).fit(red)
    assert abs(extractor.transform(red) - extractor.transform(blue)).max() > 0.01


def test_the_value_range_of_fit_holds_at_transform(network, digits):
    X = digits[0]
    extractor = PretrainedFeatureExtractor(network).fit(X)
    assert extractor.image_format_.value_range == (0, 16)
    faint = X[:5] / 16
    brightened = PretrainedFeatureExtractor(network, value_range=(0, 1)).fit_transform(faint)
    np.testing.assert_allclose(brightened, extractor.transform(X[:5]), rtol=1e-4, atol=1e-5)
    assert abs(extractor.transform(faint) - brightened).max() > 0.01
    np.testing.assert_array_equal(extractor.transform(X[:5] - 100), extractor.transform(X[:5] * 0))


def test_photographs(photos):
    extractor = PretrainedFeatureExtractor().fit(photos)
    features = extractor.transform(photos)
    assert np.isfinite(features).all()
    for path, row in zip(photos, features, strict=True):
        np.testing.assert_array_equal(extractor.transform([path.read_bytes()])[0], row)


# scikit-learn's world


def test_names_and_containers(network, digits):
    X = digits[0][:3]
    extractor = PretrainedFeatureExtractor(network, stage=1).fit(X)
    names = [f"random_stage1_{i}" for i in range(8)]
    assert list(extractor.get_feature_names_out()) == names
    frame = extractor.set_output(transform="pandas").transform(
        pd.DataFrame(X, index=[5, 6, 7]).to_numpy()
    )
    assert list(frame.columns) == names
    assert set(frame.dtypes) == {np.dtype(np.float32)}
    polars = extractor.set_output(transform="polars").transform(X)
    assert polars.columns == names
    assert set(polars.dtypes) == {pl.Float32}


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("column", ["file", ["file"]])
def test_a_column_of_paths_in_a_column_transformer(network, digits, tmp_path, frame, column):
    pixels = digits[0][:6].reshape(-1, 8, 8).astype(np.uint8)
    paths = [str(tmp_path / f"{i}.png") for i in range(6)]
    for path, picture in zip(paths, pixels, strict=True):
        Image.fromarray(picture).save(path)
    X = frame({"file": paths, "weight": np.arange(6.0)})
    extractor = PretrainedFeatureExtractor(network, stage=1)
    columns = ColumnTransformer([("image", extractor, column), ("rest", "passthrough", ["weight"])])
    features = columns.fit_transform(X)
    np.testing.assert_array_equal(features[:, :8], extractor.fit_transform(pixels))
    np.testing.assert_array_equal(features[:, 8], np.arange(6))
    assert columns.get_feature_names_out()[0] == "image__random_stage1_0"
    kind = "pandas" if frame is pd.DataFrame else "polars"
    assert columns.set_output(transform=kind).fit_transform(X).shape == (6, 9)
    assert not hasattr(columns.named_transformers_["image"], "n_features_in_")


def test_the_stage_is_searched_for_like_any_parameter(network, digits):
    X, y = digits
    steps = [("embed", PretrainedFeatureExtractor(network)), ("scale", StandardScaler())]
    pipe = Pipeline([*steps, ("classify", LogisticRegression(max_iter=1000))])
    search = GridSearchCV(pipe, {"embed__stage": [1, 2, 3, 4]}, cv=2).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    best = clone(pipe).set_params(embed__stage=int(np.argmax(scores)) + 1).fit(X, y)
    np.testing.assert_array_equal(search.predict(X), best.predict(X))


def test_a_search_in_other_processes_gives_the_same_scores(network, digits):
    X, y = digits
    pipe = make_pipeline(PretrainedFeatureExtractor(network), LogisticRegression(max_iter=1000))
    grid = {"pretrainedfeatureextractor__stage": [1, 4]}
    here, there = (GridSearchCV(pipe, grid, cv=2, n_jobs=n).fit(X, y) for n in (None, 2))
    np.testing.assert_array_equal(
        here.cv_results_["mean_test_score"], there.cv_results_["mean_test_score"]
    )


def test_lists_of_files_can_be_split(network, digits):
    X, y = digits
    files = []
    for picture in X[:40].reshape(-1, 8, 8).astype(np.uint8):
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "PNG")
        files.append(stream.getvalue())
    pipe = make_pipeline(PretrainedFeatureExtractor(network), LogisticRegression(max_iter=1000))
    by_files = GridSearchCV(pipe, {"logisticregression__C": [1.0]}, cv=2).fit(files, y[:40])
    by_array = GridSearchCV(pipe, {"logisticregression__C": [1.0]}, cv=2).fit(
        X[:40].reshape(-1, 8, 8).astype(np.uint8), y[:40]
    )
    np.testing.assert_array_equal(
        by_files.predict(files),
        by_array.predict_proba(X[:40].reshape(-1, 8, 8).astype(np.uint8)).argmax(axis=1),
    )


# References, not weights


def test_nothing_is_loaded_before_fit(monkeypatch):
    def refuse(*args):
        raise AssertionError("loaded")

    monkeypatch.setattr("sktransfer.deep._extractor.resolve_backbone", refuse)
    monkeypatch.setattr(_onnx_engine, "_get_session", refuse)
    extractor = PretrainedFeatureExtractor("glyphs", stage=2)
    assert clone(extractor).set_params(stage=3).get_params()["stage"] == 3
    assert repr(extractor) == "PretrainedFeatureExtractor(stage=2)"


def test_a_pickle_is_small_and_gives_the_same_features(digits):
    X = digits[0]
    extractor = PretrainedFeatureExtractor().fit(X)
    features = extractor.transform(X)
    pickled = pickle.dumps(extractor)
    assert len(pickled) < 20_000
    np.testing.assert_array_equal(pickle.loads(pickled).transform(X), features)


def test_a_pickle_works_in_a_new_process(network, digits, tmp_path):
    X = digits[0][:5]
    extractor = PretrainedFeatureExtractor(network).fit(X)
    (tmp_path / "fitted.pickle").write_bytes(pickle.dumps((extractor, X)))
    script = f"""
import pickle
extractor, X = pickle.load(open({str(tmp_path / "fitted.pickle")!r}, "rb"))
print(extractor.transform(X).tobytes().hex())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == extractor.transform(X).tobytes().hex()


def test_clones_share_the_description_and_the_session(network, digits, monkeypatch):
    X = digits[0][:5]
    first = PretrainedFeatureExtractor(network).fit(X)
    first.transform(X)
    monkeypatch.setattr(_onnx_engine, "_make_session", None)
    second = clone(first).fit(X)
    assert second.backbone_ is first.backbone_
    np.testing.assert_array_equal(second.transform(X), first.transform(X))


def test_a_backbone_description_is_a_parameter_too(network, digits):
    X = digits[0][:5]
    backbone = resolve_backbone(network)
    extractor = PretrainedFeatureExtractor(backbone).fit(X)
    assert clone(extractor).backbone == backbone
    assert extractor.backbone_ is backbone


def test_a_second_fit_forgets_the_first(network, digits):
    X = digits[0][:5]
    twice = PretrainedFeatureExtractor(network).fit(X)
    images = X.reshape(-1, 8, 8) / 16
    twice.fit(images)
    once = PretrainedFeatureExtractor(network).fit(images)
    assert vars(twice) == vars(once)


def test_parameters_and_input_stay(network, digits):
    X = digits[0].copy()
    X.setflags(write=False)
    extractor = PretrainedFeatureExtractor(network, image_shape=[8, 8], value_range=[0, 16])
    before = dict(extractor.get_params())
    extractor.fit(X).transform(X)
    assert extractor.get_params() == before
    np.testing.assert_array_equal(X, digits[0])


# Errors


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"stage": 7}, "stage=7 is not a stage of the backbone 'random': expected None"),
        ({"backbone": "vgg"}, "backbone='vgg' is not known: expected the name of a network"),
        ({"image_shape": (8, 9)}, "image_shape=(8, 9) holds 72 values, but a row of X has 64"),
        ({"value_range": 255}, "value_range=255 is no range: expected None or two finite"),
        ({"pooling": "mean"}, "The 'pooling' parameter of PretrainedFeatureExtractor must be"),
        ({"batch_size": 0}, "The 'batch_size' parameter of PretrainedFeatureExtractor must be"),
        ({"n_jobs": 0}, "The 'n_jobs' parameter of PretrainedFeatureExtractor must be"),
        ({"device": "gpu"}, "The 'device' parameter of PretrainedFeatureExtractor must be"),
    ],
)
def test_faulty_parameters(network, digits, parameters, message):
    extractor = PretrainedFeatureExtractor(network).set_params(**parameters)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        extractor.fit(digits[0])


def test_sparse_input_is_refused_in_one_sentence(network):
    message = (
        "PretrainedFeatureExtractor does not take sparse X: pass dense rows of pixels, "
        "X.toarray() for example."
    )
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        PretrainedFeatureExtractor(network).fit(csr_array(np.eye(4)))


def test_a_failed_fit_leaves_it_unfitted(network, digits):
    extractor = PretrainedFeatureExtractor(network, image_shape=(8, 9))
    with pytest.raises(ValueError, match="image_shape"):
        extractor.fit(digits[0])
    with pytest.raises(NotFittedError):
        extractor.transform(digits[0])


# The package


def test_the_package_is_lazy_and_lists_its_names():
    assert set(sktransfer.deep.__all__) <= set(dir(sktransfer.deep))
    assert "PretrainedFeatureExtractor" in sktransfer.deep.__all__
    with pytest.raises(AttributeError, match=r"module 'sktransfer\.deep' has no attribute 'Nope'"):
        _ = sktransfer.deep.Nope
    script = """
import sys
import sktransfer.deep
print({"torch", "onnxruntime", "onnx", "PIL", "sklearn"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
