"""Real networks of other makers name real photographs; where neither is there, this is skipped."""

import numpy as np
import pytest

from sktransfer import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.engine import open_engine
from tests.shelf import DATA, WEIGHTS

PHOTOS = {
    "cat.bmp": "cat",
    "dragonfly.bmp": "dragonfly",
    "hot_dog.jpg": "hotdog, hot dog, red hot",
    "parrot.jpg": "macaw",
    "sunflower.bmp": "daisy",
}
# Of the 1001 classes of MobileNet the first is the background, which the others have not.
NETWORKS = {
    "mobilenet_v1_0.25_224.onnx": ("tf", "logits", 0),
    "shufflenet-v2-12-int8.onnx": ("torch", "output", 1),
}

pytestmark = pytest.mark.skipif(
    not all((WEIGHTS / name).is_file() for name in NETWORKS) or not (DATA / "photos").is_dir(),
    reason=f"no real networks under {WEIGHTS} or photographs under {DATA} (set SKTRANSFER_DATA)",
)


def predicted(logits, first):
    labels = (WEIGHTS / "imagenet_labels.txt").read_text(encoding="utf-8").splitlines()
    return [labels[row.argmax() + first] for row in logits]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_photograph_is_named(name):
    preprocessing, stage, first = NETWORKS[name]
    extractor = PretrainedFeatureExtractor(
        WEIGHTS / name, stage=stage, preprocessing=preprocessing, cache=None
    )
    logits = extractor.fit_transform([DATA / "photos" / photo for photo in PHOTOS])
    for found, expected in zip(predicted(logits, first), PHOTOS.values(), strict=True):
        assert expected in found


def test_squashed_or_wrongly_scaled_photographs_are_seen_otherwise():
    paths = [DATA / "photos" / photo for photo in PHOTOS]
    right, scaled = (
        PretrainedFeatureExtractor(
            WEIGHTS / "mobilenet_v1_0.25_224.onnx", preprocessing=preprocessing, cache=None
        ).fit_transform(paths)
        for preprocessing in ("tf", "caffe")
    )
    assert np.abs(right - scaled).max() > 0.5


def test_mobilenet_is_cut_where_its_paper_halves_the_resolution():
    # Howard et al. 2017, table 1, with a quarter of the channels.
    backbone = resolve_backbone(WEIGHTS / "mobilenet_v1_0.25_224.onnx", preprocessing="tf")
    table = {112: 64, 56: 128, 28: 256, 14: 512, 7: 1024}
    assert backbone.shapes == tuple((channels // 4, side, side) for side, channels in table.items())
    assert backbone.locate("features") == ("features", (256,))


def test_shufflenet_is_cut_where_its_paper_halves_the_resolution():
    # Ma et al. 2018, table 5, 1x; the first map has whole numbers only and is no stage.
    backbone = resolve_backbone(WEIGHTS / "shufflenet-v2-12-int8.onnx", preprocessing="torch")
    assert backbone.shapes == ((116, 28, 28), (232, 14, 14), (1024, 7, 7))
    assert backbone.locate("611") == ("611", (1024,))


@pytest.mark.parametrize(("name", "stage"), [(n, s) for n, (_, s, _) in NETWORKS.items()])
def test_an_image_alone_has_the_same_bits_as_in_a_batch(name, stage):
    backbone = resolve_backbone(WEIGHTS / name, preprocessing="torch")
    batch = np.random.default_rng(0).normal(size=(5, 3, 224, 224)).astype(np.float32)
    engine = open_engine(backbone, stage)
    together = engine.run(batch)
    np.testing.assert_array_equal(np.concatenate([engine.run(x[None]) for x in batch]), together)


def test_the_int8_network_equals_a_bare_session_image_by_image():
    import onnxruntime

    path = WEIGHTS / "shufflenet-v2-12-int8.onnx"
    backbone = resolve_backbone(path, preprocessing="torch")
    batch = np.random.default_rng(0).normal(size=(3, 3, 224, 224)).astype(np.float32)
    bare = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = [bare.run(None, {"input": x[None]})[0] for x in batch]
    found = open_engine(backbone, "output").run(batch)
    np.testing.assert_array_equal(found, np.concatenate(expected))


def test_mobilenet_s_engines_agree_at_every_stage():
    pytest.importorskip("torch", reason="the second engine")
    from sktransfer.deep._engines.torch_engine import TorchEngine

    backbone = resolve_backbone(WEIGHTS / "mobilenet_v1_0.25_224.onnx", preprocessing="tf")
    batch = np.random.default_rng(0).uniform(-1, 1, (2, 3, 224, 224)).astype(np.float32)
    for stage in (*backbone.stages, "features", "logits"):
        expected = open_engine(backbone, stage, device="cpu").run(batch)
        found = TorchEngine(backbone, stage, device="cpu").run(batch)
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_int8_operators_are_left_to_onnx_runtime():
    pytest.importorskip("torch", reason="the second engine")
    from sktransfer.deep._engines.torch_engine import build_torch_stages

    backbone = resolve_backbone(WEIGHTS / "shufflenet-v2-12-int8.onnx", preprocessing="torch")
    message = r"does not know: DequantizeLinear, QLinearConv, QuantizeLinear; .*FeatureExtractor"
    with pytest.raises(ValueError, match=message):
        build_torch_stages(backbone)


@pytest.mark.parametrize("scale", [0.71, 1.43])
def test_an_exported_file_gives_photographs_of_any_size_the_same_class(scale, tmp_path):
    """Resized by ONNX's operator, and by Pillow in `predict`."""
    import onnxruntime
    from PIL import Image

    folder = DATA / "hymenoptera_256" / "val"
    if not folder.is_dir():
        pytest.skip(f"no photographs of ants and bees under {DATA} (set SKTRANSFER_DATA)")
    pictures, y = [], []
    for path in sorted(folder.glob("*/*.jpg"))[::3]:
        with Image.open(path) as picture:
            size = [round(side * scale) for side in picture.size]
            pictures.append(picture.convert("RGB").resize(size, Image.LANCZOS))
        y.append(path.parent.name)
    network = WEIGHTS / "mobilenet_v1_0.25_224.onnx"
    classifier = FineTuneClassifier(network, preprocessing="tf").fit(pictures[::2], y[::2])
    classifier.to_onnx(tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    images = [np.asarray(picture, dtype=np.float32)[np.newaxis] for picture in pictures]
    labels, probabilities = map(
        np.concatenate, zip(*(session.run(None, {"X": x}) for x in images), strict=True)
    )
    assert np.mean(labels == classifier.predict(pictures)) >= 0.99
    expected = classifier.predict_proba(pictures)
    np.testing.assert_allclose(probabilities, expected, atol=0.02)
    assert np.abs(probabilities - expected).mean() < 1e-3
