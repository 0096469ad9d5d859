"""pooling="grid" and `feature_maps`: features that keep the positions of images."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from sktransfer import PretrainedFeatureExtractor, PretrainedTextExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.grid import find_grid
from sktransfer.deep._engines.onnx_engine import OnnxEngine
from sktransfer.deep._features import read_inputs
from sktransfer.deep._items import Run
from sktransfer.deep._preprocessing import Preprocessing
from tests.shelf import DATA, WEIGHTS, whole

DIGITS = load_digits().data[:12]


def extractor(backbone="glyphs", **parameters):
    options = {"value_range": (0, 16), "pooling": "grid"} | parameters
    return PretrainedFeatureExtractor(backbone, **options)


def direct(network, X, stage):
    """The activations (n, channels, height, width) without the extractor."""
    backbone, estimator = resolve_backbone(network), PretrainedFeatureExtractor()
    items = backbone.preprocessing.read(X, estimator, reset=True).learn(estimator)
    ((_, batch),) = read_inputs(items, backbone, Run(batch_size=len(X)))
    return OnnxEngine(backbone, stage).run(batch)


@pytest.mark.parametrize("stage", ["stage1", "stage3"])
@pytest.mark.parametrize("name", ["random", "glyphs"])
def test_a_position_has_all_its_channels(network, name, stage):
    backbone = network if name == "random" else name
    model = extractor(backbone, stage=stage).fit(DIGITS)
    maps, expected = model.feature_maps(DIGITS), direct(backbone, DIGITS, stage)
    n, c, h, w = expected.shape
    assert maps.shape == (n, h, w, c)
    assert maps.dtype == np.float32
    for channel in range(c):
        np.testing.assert_array_equal(maps[..., channel], expected[:, channel])
    rows = model.transform(DIGITS)
    np.testing.assert_array_equal(rows, maps.reshape(n, -1))
    names = model.get_feature_names_out()
    assert len(names) == rows.shape[1] == len(set(names))
    row, column, channel = 1, h - 1, c - 2
    place = names.tolist().index(f"{model.backbone_.name}_{stage}_{row}_{column}_{channel}")
    np.testing.assert_array_equal(rows[:, place], expected[:, channel, row, column])


def test_means_and_maxima_over_positions_are_the_pooled_features():
    maps = extractor().fit(DIGITS).feature_maps(DIGITS)
    for pooling, reduced in (("avg", maps.mean(axis=(1, 2))), ("max", maps.max(axis=(1, 2)))):
        pooled = extractor(pooling=pooling).fit_transform(DIGITS)
        np.testing.assert_allclose(pooled, reduced, rtol=1e-5, atol=1e-6)
        again = extractor(pooling=pooling).fit(DIGITS).feature_maps(DIGITS)
        np.testing.assert_array_equal(again, maps)


def test_fit_transform_is_transform_and_a_row_is_the_same_alone():
    model = extractor(stage=2)
    together = model.fit_transform(DIGITS)
    np.testing.assert_array_equal(together, model.transform(DIGITS))
    alone = np.concatenate([model.transform(DIGITS[i : i + 1]) for i in range(len(DIGITS))])
    np.testing.assert_array_equal(alone, together)


def test_maps_are_computed_once_for_every_order_and_clone(monkeypatch, tmp_path):
    counted, run = [], OnnxEngine.run

    def counting(engine, batch):
        counted.append(len(batch))
        return run(engine, batch)

    monkeypatch.setattr(OnnxEngine, "run", counting)
    model = extractor(stage=2, cache=tmp_path)
    model.fit_transform(DIGITS)
    n_runs = sum(counted)
    assert n_runs >= len(DIGITS)
    clone(model).fit(DIGITS).feature_maps(DIGITS)
    clone(model).set_params(pooling=None).fit_transform(DIGITS)
    assert sum(counted) == n_runs


def test_channels_last_and_tokens_have_the_grid_of_the_image():
    torch = pytest.importorskip("torch", reason="modules are torch's")

    class Patches(torch.nn.Module):
        """Three numbers for each square of 4 x 4 pixels, channels last or as tokens."""

        def __init__(self, n_first):
            super().__init__()
            self.n_first = n_first

        def forward(self, x):
            means = x.reshape(-1, 2, 4, 2, 4).mean(dim=(2, 4))
            maps = torch.stack([means, -means, 2 * means], dim=3)
            if self.n_first is None:
                return maps
            tokens = maps.flatten(1, 2)
            return torch.cat([tokens[:, : self.n_first] + 100, tokens], dim=1)

    X = DIGITS.astype(np.float32)
    means = X.reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4)) / 16
    expected = np.stack([means, -means, 2 * means], axis=3)
    options = {"input_size": (8, 8), "stages": ["patches"], "cache": None}
    for n_first in (None, 0, 1, 3):
        module = torch.nn.Sequential()
        module.add_module("patches", Patches(n_first))
        preprocessing = Preprocessing((8, 8), 1, (0.0,), (1.0,))
        model = extractor(module, preprocessing=preprocessing, **options).fit(X)
        np.testing.assert_allclose(model.feature_maps(X), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("n_tokens", "size", "expected"),
    [
        (197, (224, 224), (14, 14, 1)),  # ViT: the token of the class
        (198, (224, 224), (14, 14, 2)),  # DeiT: one of a teacher, too
        (261, (224, 224), (16, 16, 5)),  # DINOv2 with registers
        (49, (224, 224), (7, 7, 0)),  # Swin
        (577, (384, 384), (24, 24, 1)),
        (1 + 14 * 28, (224, 448), (14, 28, 1)),
    ],
)
def test_tokens_of_known_networks(n_tokens, size, expected):
    found = find_grid(Described("image", (n_tokens, 6), size), None)
    assert (found.height, found.width, found.n_first) == expected
    assert found.n_features == found.height * found.width * 6


class Described:
    """As much of a backbone as `find_grid` reads."""

    name, stages, shapes = "net", ("map", "end"), ((3, 4, 4), (7,))

    def __init__(self, kind, shape, size):
        self.preprocessing = type("Inputs", (), {"kind": kind, "size": size})
        self.locate = lambda stage: ("end", shape)


def test_faults_say_which_stages_keep_positions(write_graph, tmp_path):
    sentence = (
        "stage='end' of backbone='net' has the shape (7,), which keeps no positions of the image: "
        "expected a feature map, ['map']."
    )
    with pytest.raises(ValueError, match=whole(sentence)):
        find_grid(Described("image", (7,), (8, 8)), None)
    with pytest.raises(ValueError, match="keeps no positions"):
        find_grid(Described("image", (90, 6), (224, 224)), None)
    with pytest.raises(ValueError, match="'words' reads texts, and only images have rows and col"):
        PretrainedFeatureExtractor("words", pooling="grid").fit(["a text"])
    texts = PretrainedTextExtractor()
    assert not hasattr(texts, "feature_maps")
    with pytest.raises(ValueError, match="The 'pooling' parameter of PretrainedTextExtractor"):
        texts.set_params(pooling="grid").fit(["a text"])


def test_images_that_cannot_be_read_are_nan_at_every_position():
    X = [DIGITS[0].reshape(8, 8), b"no picture", DIGITS[1].reshape(8, 8)]
    model = extractor(on_error="nan").fit(X)
    with pytest.warns(UserWarning, match="features are NaN"):
        maps = model.feature_maps(X)
    assert np.isnan(maps[1]).all()
    assert np.isfinite(maps[[0, 2]]).all()


@pytest.mark.skipif(
    not (WEIGHTS / "mobilenet_v2").is_dir() or not (DATA / "photos").is_dir(),
    reason=f"no MobileNetV2 under {WEIGHTS} or photographs under {DATA} (set SKTRANSFER_DATA)",
)
def test_a_linear_model_of_whole_photographs_finds_them_in_a_mosaic():
    pytest.importorskip("torch", reason="the network runs in torch")
    pytest.importorskip("transformers", reason="the network is one of transformers")
    from PIL import Image

    names = ["cat.bmp", "dragonfly.bmp", "hot_dog.jpg", "parrot.jpg", "sunflower.bmp", "owl.jpg"]
    photos = []
    for name in names:
        with Image.open(DATA / "photos" / name) as image:
            photos.append(np.asarray(image.convert("RGB").resize((224, 224))))
    network = f"hf:{WEIGHTS / 'mobilenet_v2'}"
    model = PretrainedFeatureExtractor(network, pooling="avg", value_range=(0, 255)).fit(photos)
    turned = [photo[:, ::-1] for photo in photos]
    labels = [*range(6), *range(6)]
    linear = LogisticRegression(max_iter=1000).fit(model.transform([*photos, *turned]), labels)
    rng, found = np.random.default_rng(0), []
    for _ in range(3):
        four = rng.permutation(6)[:4]
        small = [np.asarray(Image.fromarray(photos[k]).resize((128, 128))) for k in four]
        mosaic = np.concatenate([np.concatenate(small[:2], 1), np.concatenate(small[2:], 1)])
        maps = model.feature_maps([mosaic])[0]  # 7 x 7 positions
        scores = linear.decision_function(maps.reshape(49, -1)).reshape(7, 7, 6)
        for quadrant, k in enumerate(four):
            row, column = np.unravel_index(scores[..., k].argmax(), (7, 7))
            if 3 not in (row, column):  # the middle belongs to no quadrant
                found.append(2 * (row > 3) + (column > 3) == quadrant)
    assert len(found) > 8
    assert np.mean(found) > 0.9
