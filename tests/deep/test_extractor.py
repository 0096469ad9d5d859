"""The extractor: its definition, scikit-learn's contract, and life in pipelines and searches."""

import io
import pickle
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import sktransfer.deep
from sktransfer.deep import (
    FineTuneClassifier,
    PretrainedAudioExtractor,
    PretrainedFeatureExtractor,
    PretrainedTextExtractor,
)
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._cache.cache import memory
from sktransfer.deep._engines import onnx_engine
from sktransfer.deep._engines.onnx_engine import OnnxEngine
from sktransfer.deep._features import read_inputs
from sktransfer.deep._items import Run
from sktransfer.deep._preprocessing import Preprocessing

CHECKS = list(estimator_checks_generator(PretrainedFeatureExtractor()))


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:200], y[:200]


def bytes_of(digits):
    """Digits with values of 0..16 as pictures of 8 bits."""
    return (digits.reshape(-1, 8, 8) * 255 // 16).astype(np.uint8)


def feature_maps(network, X, stage):
    """The feature maps that the features are made of."""
    backbone = resolve_backbone(network)
    estimator = PretrainedFeatureExtractor()
    items = backbone.preprocessing.read(X, estimator, reset=True).learn(estimator)
    ((_, batch),) = read_inputs(items, backbone, Run(batch_size=len(X)))
    return OnnxEngine(backbone, stage).run(batch)


@pytest.mark.parametrize(
    "nothing",
    [[], (), np.empty((0, 64)), np.empty((0, 8, 8)), pd.Series([], dtype=object), pl.Series([])],
    ids=lambda nothing: f"{type(nothing).__module__}{np.shape(nothing)}",
)
def test_no_images_become_no_rows(digits, nothing):
    extractor = PretrainedFeatureExtractor().fit(digits[0])
    n_features = len(extractor.get_feature_names_out())
    found = extractor.transform(nothing)
    assert found.shape == (0, n_features)
    assert found.dtype == np.float32
    assert extractor.feature_maps(nothing).shape == (0, 2, 2, n_features)
    grid = PretrainedFeatureExtractor(pooling="grid").fit(digits[0][:3])
    assert grid.transform(nothing).shape == (0, 4 * n_features)
    with pytest.raises(ValueError, match="X has 63 features"):
        extractor.transform(np.empty((0, 63)))
    with pytest.raises(ValueError, match=r"X is an empty|0 sample\(s\)|Expected 2D array"):
        PretrainedFeatureExtractor().fit(nothing)


@pytest.mark.parametrize("nothing", [[], np.array([], dtype=object), pd.Series([], dtype=object)])
def test_no_texts_and_no_sounds_become_no_rows(nothing):
    texts = PretrainedTextExtractor().fit(["one text"])
    sounds = PretrainedAudioExtractor(sample_rate=16000).fit([np.ones(16000, dtype=np.float32)])
    for extractor in (texts, sounds):
        assert extractor.transform(nothing).shape == (0, len(extractor.get_feature_names_out()))
        with pytest.raises(ValueError, match="X is an empty"):
            extractor.fit(nothing)


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
    with pytest.warns(
        UserWarning, match=r"within 0\.\.1, but are read as 0\.\.16, .* nearly black"
    ):
        assert abs(extractor.transform(faint) - brightened).max() > 0.01
    with pytest.warns(UserWarning, match=r"from -100 to -84, far beyond the 0\.\.16"):
        black = extractor.transform(X[:5] - 100)
    np.testing.assert_array_equal(black, extractor.transform(X[:5] * 0))


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
    pixels = bytes_of(digits[0][:6])
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
    for picture in bytes_of(X[:40]):
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "PNG")
        files.append(stream.getvalue())
    pipe = make_pipeline(PretrainedFeatureExtractor(network), LogisticRegression(max_iter=1000))
    by_files = GridSearchCV(pipe, {"logisticregression__C": [1.0]}, cv=2).fit(files, y[:40])
    by_array = GridSearchCV(pipe, {"logisticregression__C": [1.0]}, cv=2).fit(
        bytes_of(X[:40]), y[:40]
    )
    np.testing.assert_array_equal(
        by_files.predict(files),
        by_array.predict_proba(bytes_of(X[:40])).argmax(axis=1),
    )


# References, not weights


def test_nothing_is_loaded_before_fit(monkeypatch):
    def refuse(*args):
        raise AssertionError("loaded")

    monkeypatch.setattr("sktransfer.deep._extractor.describe_for", refuse)
    monkeypatch.setattr(onnx_engine, "_get_session", refuse)
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
    monkeypatch.setattr(onnx_engine, "_make_session", None)
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


# Each image once


def stage_times_c(network, **options):
    steps = [("embed", PretrainedFeatureExtractor(network, **options)), ("scale", StandardScaler())]
    pipe = Pipeline([*steps, ("classify", LogisticRegression(max_iter=1000))])
    grid = {"embed__stage": [1, 3, 4], "classify__C": [0.01, 1.0, 100.0]}
    return GridSearchCV(pipe, grid, cv=5)


def test_a_search_over_stage_and_c_runs_each_image_once_a_stage(network, digits, images_run):
    X, y = digits
    search = stage_times_c(network).fit(X, y)
    assert sum(images_run) == 3 * len(X)
    search.predict(X)
    clone(search.best_estimator_).fit(X, y)
    PretrainedFeatureExtractor(network, stage=3, batch_size=7).fit(X).transform(X[5:])
    assert sum(images_run) == 3 * len(X)
    expected = stage_times_c(network, cache=None).fit(X, y)
    assert sum(images_run) > 3 * 10 * len(X)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )


def test_a_folder_serves_searches_with_worker_processes(network, digits, images_run, tmp_path):
    X, y = digits
    search = stage_times_c(network, cache=tmp_path).set_params(n_jobs=2).fit(X, y)
    memory.clear()
    images_run.clear()
    again = stage_times_c(network, cache=tmp_path).fit(X, y)
    assert images_run == []
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], again.cv_results_["mean_test_score"]
    )


def test_the_rows_of_a_result_belong_to_the_user(network, digits):
    X = digits[0][:5]
    extractor = PretrainedFeatureExtractor(network).fit(X)
    features = extractor.transform(X)
    before = features.copy()
    features[:] = -1
    np.testing.assert_array_equal(extractor.transform(X), before)


# Unreadable items


def test_bad_files_are_rows_of_nan_and_a_warning(network, digits, tmp_path):
    pixels = bytes_of(digits[0][:4])
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path, picture in zip(paths, pixels, strict=True):
        Image.fromarray(picture).save(path)
    paths[2].write_bytes(b"text")
    with pytest.raises(ValueError, match="1 of 4 images cannot be read"):
        PretrainedFeatureExtractor(network).fit(paths)
    extractor = PretrainedFeatureExtractor(network, on_error="nan").fit(paths)
    message = (
        f"1 of 4 images cannot be read: X[2] {str(paths[2])!r} (not an image that Pillow knows); "
        "their features are NaN."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        features = extractor.transform(paths)
    expected = PretrainedFeatureExtractor(network).fit_transform(pixels)
    np.testing.assert_array_equal(features[[0, 1, 3]], expected[[0, 1, 3]])
    assert np.isnan(features[2]).all()
    unfitted = PretrainedFeatureExtractor(network)
    assert unfitted.find_unreadable(pd.DataFrame({"file": paths})) == [
        (2, str(paths[2]), "not an image that Pillow knows")
    ]
    assert not hasattr(unfitted, "n_features_in_")


def test_a_batch_of_missing_images_is_rows_of_nan(network, digits, tmp_path):
    path = tmp_path / "one.png"
    Image.fromarray(digits[0][0].reshape(8, 8).astype(np.uint8)).save(path)
    extractor = PretrainedFeatureExtractor(network, on_error="nan").fit([path])
    with pytest.warns(UserWarning, match=r"^2 of 2 images cannot be read: X\[0\] \(missing\)"):
        features = extractor.transform([None, None])
    assert features.shape == extractor.transform([path, path]).shape
    assert np.isnan(features).all()


def test_one_colour_image_is_refused_by_a_fitted_pipeline_too(network, digits):
    X, y = digits
    pipe = make_pipeline(PretrainedFeatureExtractor(network), LogisticRegression(max_iter=1000))
    pipe.fit(X, y)
    image = np.random.default_rng(0).integers(0, 256, (27, 40, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"X of shape \(27, 40, 3\) looks like one colour image"):
        pipe.predict(image)
    assert len(pipe.predict([image])) == 1


def test_integers_after_a_fit_on_floats_get_a_kind_word(network, digits):
    X = digits[0][:5]
    extractor = PretrainedFeatureExtractor(network).fit(X)
    with pytest.warns(UserWarning, match=r"^X holds uint8 pixels that lie within 0\.\.16, which"):
        extractor.transform(X.astype(np.uint8))
    extractor.transform(X.astype(int))


# Any network


def test_an_inner_tensor_is_a_stage(network, digits):
    X = digits[0][:5]
    relu = PretrainedFeatureExtractor(network, stage="block2.relu", pooling="max").fit(X)
    pooled = PretrainedFeatureExtractor(network, stage="stage2", pooling="max").fit_transform(X)
    np.testing.assert_array_equal(relu.transform(X), pooled)
    assert list(relu.get_feature_names_out()[:1]) == ["random_block2.relu_0"]
    assert len(relu.get_feature_names_out()) == pooled.shape[1]


def test_stages_and_preprocessing_are_what_the_user_says(network, digits):
    X = digits[0][:5]
    other = PretrainedFeatureExtractor(
        network, stages=["block1.relu", "stage3"], preprocessing=(0.5, 0.25)
    ).fit(X)
    assert other.stage_ == "stage3"
    assert other.backbone_.stages == ("block1.relu", "stage3")
    assert other.backbone_.preprocessing.mean == (0.5,)
    # (0.3 + 0.4 z) is the pixel that the network's own preprocessing maps to z.
    own = PretrainedFeatureExtractor(network, stage=3, value_range=(0, 1)).fit(X)
    as_own = 0.3 + 0.4 * (X / 16 - 0.5) / 0.25
    inside = np.clip(as_own, 0, 1) == as_own
    flat = np.where(inside.all(axis=1)[:, None], X, 8.0)
    as_own = 0.3 + 0.4 * (flat / 16 - 0.5) / 0.25
    np.testing.assert_allclose(other.transform(flat), own.transform(as_own), rtol=1e-4, atol=1e-5)


def test_a_checkpoint_for_a_module_leaves_its_report(digits, tmp_path):
    torch = pytest.importorskip("torch")
    X = digits[0][:5]

    def module():
        layers = [torch.nn.Conv2d(1, 6, 3), torch.nn.ReLU(), torch.nn.Conv2d(6, 4, 3)]
        return torch.nn.Sequential(*layers)

    trained = module()
    torch.save({"state_dict": trained.state_dict()}, tmp_path / "checkpoint.pth")
    options = {"preprocessing": Preprocessing((8, 8), 1, (0.0,), (1.0,)), "stage": "2"}
    loaded = PretrainedFeatureExtractor(
        module(), weights=tmp_path / "checkpoint.pth", **options
    ).fit(X)
    assert loaded.load_report_ is loaded.backbone_.load_report
    batch = torch.from_numpy((X.reshape(-1, 1, 8, 8) / 16).astype(np.float32))
    expected = trained(batch).mean(dim=(2, 3)).detach().numpy()
    np.testing.assert_allclose(loaded.transform(X), expected, rtol=1e-4, atol=1e-5)
    loaded.set_params(weights=None, backbone="glyphs", preprocessing=None, stage=None).fit(X)
    assert not hasattr(loaded, "load_report_")


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
        ({"cache": 3}, "The 'cache' parameter of PretrainedFeatureExtractor must be"),
        ({"on_error": "skip"}, "The 'on_error' parameter of PretrainedFeatureExtractor must be"),
        ({"weights": "x.pth"}, "weights='x.pth' is a checkpoint for a torch.nn.Module, but"),
        ({"n_jobs": 0}, "The 'n_jobs' parameter of PretrainedFeatureExtractor must be"),
        ({"device": "gpu"}, "device='gpu' is not known: expected 'auto', 'cpu', 'cuda', 'mps'"),
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


# Its text, and its progress


def _network():
    torch = pytest.importorskip("torch")
    layers = [torch.nn.Conv2d(3, 4, 3)] + [torch.nn.Conv2d(4, 4, 1) for _ in range(100)]
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1))


@pytest.mark.parametrize("make", [PretrainedFeatureExtractor, FineTuneClassifier])
def test_a_torch_module_is_printed_by_the_name_of_its_class(make):
    network = _network()
    estimator = make(network, batch_size=3)
    name = make.__name__
    assert repr(estimator) == f"{name}(backbone=<Sequential>, batch_size=3)"
    assert "Conv2d" not in estimator._repr_html_()
    assert estimator.backbone is network
    # Inside of scikit-learn's estimators its own limit of the text holds.
    inside = make_pipeline(estimator)
    assert len(repr(inside)) < 2000
    assert len(inside._repr_html_()) < 100_000
    search = GridSearchCV(estimator, {"backbone": [network, network]})
    assert len(repr(search)) < 2000
    assert len(search._repr_html_()) < 200_000
    assert repr(make("glyphs", batch_size=3)) == f"{name}(batch_size=3)"


def test_the_text_of_an_estimator_without_a_module_is_scikit_learn_s():
    extractor = PretrainedFeatureExtractor("net.onnx", stage="a", cache="c" * 60, batch_size=1)

    class Plain(BaseEstimator):
        __init__ = PretrainedFeatureExtractor.__init__

    plain = Plain(**extractor.get_params())
    indent = " " * (len("PretrainedFeatureExtractor") - len("Plain"))
    expected = repr(plain).replace("Plain", "PretrainedFeatureExtractor", 1)
    assert repr(extractor) == expected.replace("\n", "\n" + indent)


class Tasks:
    """A callback that writes down the tasks that end."""

    def __init__(self):
        self.begun, self.ended, self.is_over = [], [], 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        self.is_over += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.max_subtasks))

    def on_fit_task_end(self, estimator, context):
        self.ended.append(context.task_name)


def test_every_batch_is_a_task_for_callbacks(network, digits):
    X = digits[0][:50]
    tasks = Tasks()
    extractor = PretrainedFeatureExtractor(network, cache=None, batch_size=20)
    expected = extractor.fit_transform(X)
    extractor.set_callbacks(tasks)
    np.testing.assert_array_equal(extractor.fit_transform(X), expected)
    assert tasks.begun == [("fit_transform", 3)] + [("batch", 0)] * 3
    assert tasks.ended == ["batch"] * 3 + ["fit_transform"]
    tasks.ended.clear()
    np.testing.assert_array_equal(extractor.transform(X), expected)
    assert tasks.ended == ["batch"] * 3 + ["transform"]
    tasks.ended.clear()
    extractor.fit(X)
    assert tasks.ended == ["fit"]
    assert tasks.is_over == 3
    extractor.set_params(cache="memory").transform(X)
    tasks.ended.clear()
    extractor.transform(X)
    assert tasks.ended == ["transform"]


def test_callbacks_are_taken_down_if_the_images_cannot_be_read(network):
    tasks = Tasks()
    extractor = PretrainedFeatureExtractor(network, cache=None).set_callbacks(tasks)
    for method in (extractor.fit, extractor.fit_transform):
        with pytest.raises(ValueError, match="cannot be read"):
            method([b"text"])
    assert tasks.is_over == 2


def test_progress_of_a_pipeline(network, digits, capsys):
    from sklearn.callback import ProgressBar

    X, y = digits
    plain = make_pipeline(PretrainedFeatureExtractor(network, batch_size=20), LogisticRegression())
    watched = clone(plain).set_callbacks(ProgressBar())
    np.testing.assert_array_equal(
        watched.fit(X, y).predict_proba(X), plain.fit(X, y).predict_proba(X)
    )


# The part of an image that the network sees


@pytest.mark.parametrize("side", [32, 64])
def test_crop_none_shows_the_network_the_whole_image(colour_network, side):
    own = resolve_backbone(colour_network, preprocessing="torch").preprocessing
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    margins = X.copy()
    margins[:, 0] = margins[:, -1] = margins[:, :, 0] = margins[:, :, -1] = 0

    def features(images, crop):
        preprocessing = replace(own, crop=crop)
        extractor = PretrainedFeatureExtractor(
            colour_network, preprocessing=preprocessing, cache=None
        )
        return extractor.fit_transform(images)

    np.testing.assert_array_equal(features(X, 0.8), features(margins, 0.8))
    assert not np.array_equal(features(X, None), features(margins, None))
    if side == 32:
        np.testing.assert_array_equal(features(X, None), features(X, 1.0))
