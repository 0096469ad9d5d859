"""A fitted estimator whose network has moved: where it is found again, and what is never used."""

import json
import pickle
import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sktransfer.deep import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines import onnx_engine
from sktransfer.deep._networks.onnx.describe import inner_names, inner_shape
from sktransfer.deep._networks.onnx.run import make_session

# Networks with random weights and few epochs seldom improve on the head alone.
pytestmark = pytest.mark.filterwarnings("ignore:Training the stages")

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y, X_NEW = DIGITS[:60], LABELS[:60] % 2, DIGITS[60:90]

WAY_OUT = r"say where .* with set_params\(backbone=its .* now\), or fit again"


def forget():
    """Be another process: nothing of a network is left, and the cache is off in these tests."""
    onnx_engine.SESSIONS.clear()
    inner_names.cache_clear()
    inner_shape.cache_clear()


@pytest.fixture
def old(network, tmp_path):
    """A copy of a network, which a test may move."""
    path = tmp_path / "old" / "net.onnx"
    path.parent.mkdir()
    shutil.copy(network, path)
    return path


def moved(path):
    new = path.parent.parent / "new" / "other_name.onnx"
    new.parent.mkdir()
    path.rename(new)
    forget()
    return new


def fitted(kind, backbone):
    if kind == "extractor":
        return PretrainedFeatureExtractor(backbone, cache=None).fit(X, Y)
    if kind == "inner stage":
        return PretrainedFeatureExtractor(backbone, cache=None, stage="block3.relu").fit(X, Y)
    options = {"max_epochs": 1, "random_state": 0, "cache": None}
    if kind == "tuned":
        pytest.importorskip("torch", reason="stages are trained with torch")
        options["freeze_depth"] = 3
    return FineTuneClassifier(backbone, **options).fit(X, Y)


def outcome(estimator):
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(X_NEW)
    assert len(estimator.get_feature_names_out()) == estimator.transform(X_NEW).shape[1]
    return estimator.transform(X_NEW)


KINDS = ["extractor", "inner stage", "frozen", "tuned"]


@pytest.mark.parametrize("as_description", [False, True], ids=["path", "description"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_moved_is_read_where_the_parameter_says(kind, as_description, old):
    estimator = fitted(kind, old)
    expected = outcome(estimator)
    pickled = pickle.dumps(estimator)
    new = moved(old)
    loaded = pickle.loads(pickled)
    with pytest.raises(FileNotFoundError, match=rf"'net' are no longer at .*net\.onnx.*{WAY_OUT}"):
        outcome(loaded)
    loaded.set_params(backbone=resolve_backbone(new) if as_description else str(new))
    before = dict(vars(loaded))
    np.testing.assert_array_equal(outcome(loaded), expected)
    assert vars(loaded) == before


def test_inside_of_a_pipeline(old):
    pipe = make_pipeline(PretrainedFeatureExtractor(old, cache=None), LogisticRegression()).fit(
        X, Y
    )
    expected = pipe.predict_proba(X_NEW)
    pipe.set_params(pretrainedfeatureextractor__backbone=moved(old))
    np.testing.assert_array_equal(pipe.predict_proba(X_NEW), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_other_weights_are_never_used(kind, old, write_network, tmp_path):
    estimator = fitted(kind, old)
    expected = outcome(estimator)
    other = write_network(tmp_path / "other.onnx", seed=1)
    (tmp_path / "text.onnx").write_text("no network")
    for named in (other, tmp_path / "text.onnx", tmp_path / "absent.onnx", "glyphs", 3):
        forget()
        np.testing.assert_array_equal(outcome(estimator.set_params(backbone=named)), expected)
    new = moved(old)
    for named in (other, tmp_path / "text.onnx", tmp_path / "absent.onnx", "glyphs", 3):
        with pytest.raises(FileNotFoundError, match=WAY_OUT):
            outcome(estimator.set_params(backbone=named))
    np.testing.assert_array_equal(outcome(estimator.set_params(backbone=new)), expected)


def test_what_the_cache_holds_wants_no_file(old):
    extractor = fitted("extractor", old).set_params(cache="memory")
    expected = outcome(extractor)
    moved(old)
    np.testing.assert_array_equal(outcome(extractor), expected)


def test_a_file_that_was_replaced_is_read_where_it_was_kept(old, write_network):
    extractor = fitted("extractor", old)
    expected = outcome(extractor)
    new = moved(old)
    write_network(old, seed=1)
    with pytest.raises(ValueError, match=rf"not the ones that fit has seen.*{WAY_OUT}"):
        outcome(extractor)
    np.testing.assert_array_equal(outcome(extractor.set_params(backbone=new)), expected)


@pytest.mark.parametrize("kind", ["frozen", "tuned"])
def test_it_leaves_as_one_file_from_there(kind, old, tmp_path):
    pytest.importorskip("safetensors", reason="save writes its format")
    classifier = fitted(kind, old)
    expected = outcome(classifier)
    new = moved(old)
    with pytest.raises(FileNotFoundError, match=WAY_OUT):
        classifier.to_onnx(tmp_path / "m.onnx")
    classifier.set_params(backbone=new)
    classifier.to_onnx(tmp_path / "m.onnx")
    session = make_session((tmp_path / "m.onnx").read_bytes())
    _, found = session.run(None, {"X": X_NEW.astype(np.float32)})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    classifier.save(tmp_path / "m.safetensors")
    loaded = FineTuneClassifier.load(tmp_path / "m.safetensors")
    assert loaded.backbone_.source == str(new)
    np.testing.assert_array_equal(outcome(loaded), expected)


@pytest.fixture
def folder(tmp_path):
    """A tiny network of transformers in a folder that a test may move."""
    pytest.importorskip("torch", reason="no torch")
    transformers = pytest.importorskip("transformers", reason="no transformers")
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    shape = {"intermediate_size": 8, "image_size": 16, "patch_size": 8, "num_labels": 2}
    path = tmp_path / "old-vit"
    transformers.ViTForImageClassification(
        transformers.ViTConfig(**sizes, **shape)
    ).save_pretrained(path)
    processor = {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}
    values = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (path / "preprocessor_config.json").write_text(json.dumps(processor | values))
    return path


def test_a_folder_of_transformers_that_moved(folder, tmp_path):
    from sktransfer.deep._engines import exported, torch_engine

    extractor = fitted("extractor", f"hf:{folder}")
    expected = outcome(extractor)
    new = folder.rename(tmp_path / "new-vit")
    torch_engine.SHARED.clear()
    exported._EXPORTS.clear()  # an export needs the folder no more
    with pytest.raises(OSError, match=rf"old-vit' are gone: .*{WAY_OUT}; its zoo says"):
        outcome(extractor)
    np.testing.assert_array_equal(outcome(extractor.set_params(backbone=f"hf:{new}")), expected)
