"""Networks that return several maps, or maps with their channels last."""

import dataclasses
import typing
import warnings

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks need torch")

import torch
from torch import nn

from sktransfer.deep import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._preprocessing import Preprocessing
from sktransfer.exceptions import TransferWarning

PREPROCESSING = Preprocessing((32, 32), 3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
IMAGES = torch.tensor(
    ((PIXELS / 255 - PREPROCESSING.mean) / PREPROCESSING.std).transpose(0, 3, 1, 2),
    dtype=torch.float32,
)
STAGES = ("stem", "block1", "block2")


@dataclasses.dataclass
class Output:
    maps: list
    logits: object = None


class Named(typing.NamedTuple):
    first: object
    rest: tuple


FORMS = {
    "list": lambda a, b, c: [a, b, c],
    "tuple": lambda a, b, c: (a, b, c),
    "deepest first": lambda a, b, c: [c, b, a],
    "dict": lambda a, b, c: {"0": a, "1": b, "2": c},
    "nested": lambda a, b, c: {"low": [a, {"b": b}], "high": (c,)},
    "named tuple": lambda a, b, c: Named(a, (b, c)),
    "dataclass": lambda a, b, c: Output([a, b, c]),
    "maps and a vector": lambda a, b, c: {"maps": [a, b, c], "logits": c.mean(dim=(2, 3))},
    "a constant too": lambda a, b, c: [a, b, c, torch.zeros(1, 2, 3, 4)],
    "last alone": lambda a, b, c: c,
}


def block(n_in, n_out, stride=2):
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, 1), nn.ReLU())


class Maps(nn.Module):
    def __init__(self, form, stride=2):
        super().__init__()
        self.form = form
        self.stem, self.block1 = block(3, 8), block(8, 16)
        self.block2 = block(16, 32, stride)

    def forward(self, x):
        a = self.stem(x)
        b = self.block1(a)
        return FORMS[self.form](a, b, self.block2(b))


def make(form, **options):
    torch.manual_seed(0)
    return Maps(form, **options)


@pytest.mark.parametrize("form", FORMS)
def test_every_map_is_a_stage(form):
    extractor = PretrainedFeatureExtractor(make(form), preprocessing=PREPROCESSING, cache=None)
    found = extractor.fit_transform(PIXELS)
    assert extractor.backbone_.stages == STAGES
    with torch.no_grad():
        deepest = make("last alone").eval()(IMAGES)
    np.testing.assert_allclose(found, deepest.mean(dim=(2, 3)), rtol=1e-4, atol=1e-5)


def test_maps_of_one_resolution_are_all_stages():
    backbone = resolve_backbone(make("list", stride=1), preprocessing=PREPROCESSING)
    assert backbone.stages == STAGES
    alone = resolve_backbone(make("last alone", stride=1), preprocessing=PREPROCESSING)
    assert alone.stages == ("stem", "block2")


def test_a_part_that_returns_a_dict_stands_for_its_deepest_map():
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = make("dict")
            self.final = nn.Conv2d(32, 4, 1)

        def forward(self, x):
            return self.final(self.body(x)["2"])

    network = Wrapped()
    options = {"preprocessing": PREPROCESSING, "cache": None}
    found = PretrainedFeatureExtractor(network, stage="body", **options).fit_transform(PIXELS)
    with torch.no_grad():
        expected = network.body(IMAGES)["2"].mean(dim=(2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_stages_of_several_maps_can_be_trained():
    y = np.repeat([0, 1], 10)
    X = np.random.default_rng(0).uniform(0, 0.5, (20, 32, 32, 3)) + 0.5 * y[:, None, None, None]
    classifier = FineTuneClassifier(
        make("list"), freeze_depth=1, max_epochs=2, preprocessing=PREPROCESSING, random_state=0
    )
    assert classifier.fit(X, y).score(X, y) == 1.0


class TwoPaths(nn.Module):
    """A second map is computed beside the first."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Sequential(block(3, 4), block(4, 4)), block(3, 5)

    def forward(self, x):
        return [self.one(x), self.two(x)]


def test_a_map_beside_the_stages_gives_a_warning():
    with pytest.warns(TransferWarning, match="returns 2 feature maps, of which 1 have no stage"):
        backbone = resolve_backbone(TwoPaths(), preprocessing=PREPROCESSING)
    assert backbone.shapes[-1] == (4, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve_backbone(TwoPaths(), preprocessing=PREPROCESSING, stages=["two"])


def test_an_output_without_tensors_is_named():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return str(self.conv(x).shape)

    with pytest.raises(ValueError, match=r"returns no tensor .* an object of the class str"):
        resolve_backbone(Odd(), preprocessing=PREPROCESSING)


class ChannelsLast(nn.Module):
    """As Swin transformers: maps (n, height, width, channels) from the first layer on."""

    def __init__(self, n=6):
        super().__init__()
        self.patches = nn.Conv2d(3, n, 4, 4)
        self.mix1, self.mix2 = nn.Linear(n, n), nn.Linear(4 * n, 8)
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        x = self.mix1(self.patches(x).permute(0, 2, 3, 1)).relu()
        parts = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        return self.norm(self.mix2(torch.cat(parts, dim=-1)))


@pytest.mark.parametrize("size", [(32, 32), (32, 48)])
@pytest.mark.parametrize("n", [6, 8])  # 8: at 32 pixels the maps are 8 x 8 x 8
def test_channels_that_are_last_are_pooled_as_channels(size, n):
    torch.manual_seed(0)
    network = ChannelsLast(n).eval()
    preprocessing = dataclasses.replace(PREPROCESSING, size=size)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, *size, 3), dtype=np.uint8)
    images = (pixels / 255 - preprocessing.mean) / preprocessing.std
    images = torch.tensor(images.transpose(0, 3, 1, 2), dtype=torch.float32)
    extractor = PretrainedFeatureExtractor(network, preprocessing=preprocessing, cache=None)
    found = extractor.fit_transform(pixels)
    assert extractor.backbone_.stages == ("mix1", "norm")
    assert extractor.backbone_.shapes[-1] == (8, size[0] // 8, size[1] // 8)
    with torch.no_grad():
        expected = network(images).mean(dim=(1, 2))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_stages_with_channels_last_can_be_trained():
    y = np.repeat([0, 1], 10)
    X = np.random.default_rng(0).uniform(0, 0.5, (20, 32, 32, 3)) + 0.5 * y[:, None, None, None]
    torch.manual_seed(0)
    for depth in (0, 1, "all"):
        classifier = FineTuneClassifier(
            ChannelsLast(),
            freeze_depth=depth,
            max_epochs=2,
            preprocessing=PREPROCESSING,
            random_state=0,
        )
        assert classifier.fit(X, y).score(X, y) > 0.9


def test_tokens_are_averaged_over_the_sequence():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.norm = nn.Conv2d(3, 6, 8, 8), nn.LayerNorm(6)

        def forward(self, x):
            return self.norm(self.patches(x).flatten(2).transpose(1, 2))

    network = Tokens().eval()
    extractor = PretrainedFeatureExtractor(network, preprocessing=PREPROCESSING, cache=None)
    found = extractor.fit_transform(PIXELS)
    with torch.no_grad():
        expected = network(IMAGES).mean(dim=1)
    assert expected.shape == (4, 6)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


class Pyramid(nn.Module):
    """As feature pyramids: each map of the list knows of all deeper ones."""

    def __init__(self):
        super().__init__()
        self.body = make("list")
        self.sides = nn.ModuleList(nn.Conv2d(n, 4, 1) for n in (8, 16, 32))

    def forward(self, x):
        low, middle, high = (side(y) for side, y in zip(self.sides, self.body(x), strict=True))
        middle = middle + nn.functional.interpolate(high, scale_factor=2)
        return [low + nn.functional.interpolate(middle, scale_factor=2), middle, high]


def test_maps_of_a_pyramid_can_be_named():
    with pytest.warns(TransferWarning, match="returns 3 feature maps, of which 3 have no stage"):
        backbone = resolve_backbone(Pyramid(), preprocessing=PREPROCESSING)
    assert backbone.stages == ("body.stem",)
    options = {"preprocessing": PREPROCESSING, "cache": None, "stages": ["body.stem"]}
    network = Pyramid()
    found = PretrainedFeatureExtractor(network, stage="sides.2", **options).fit_transform(PIXELS)
    with torch.no_grad():
        expected = network(IMAGES)[2].mean(dim=(2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_maps_that_are_made_from_a_block_without_a_submodule_have_its_stage():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(6, 6)

        def forward(self, x):
            return x + self.mix(x).relu()

    class Reshaped(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, 6, 8, 8)
            self.blocks = nn.ModuleList(Block() for _ in range(4))

        def forward(self, x):
            x, maps = self.patches(x).flatten(2).transpose(1, 2), []
            for block in self.blocks:
                x = block(x)
                maps.append(x.transpose(1, 2).unflatten(2, (4, 4)))
            return maps[1:]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backbone = resolve_backbone(Reshaped(), preprocessing=PREPROCESSING)
    assert set(backbone.stages) >= {"blocks.1", "blocks.2", "blocks.3"}
