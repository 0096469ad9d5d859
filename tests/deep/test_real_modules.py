"""Real weights through the torch routes: photographs get their right names.

They lie in the folder that SKTRANSFER_WEIGHTS names, the photographs in that of SKTRANSFER_DATA.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks need torch")

import torch

from sktransfer.deep import PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._images.network_input import network_input
from sktransfer.deep._networks.torch.zoo_preprocessing import from_transformers
from tests.shelf import WEIGHTS

NAMES = {
    "cat": ("Egyptian cat", "tiger cat", "tabby"),
    "dragonfly": "dragonfly",
    "hot_dog": "hotdog",
    "parrot": "macaw",
    "sunflower": "daisy",
}


@pytest.fixture(scope="module")
def weights():
    if not (WEIGHTS / "imagenet_labels.txt").is_file():
        pytest.skip(f"no weights under {WEIGHTS} (set SKTRANSFER_WEIGHTS)")
    return WEIGHTS


@pytest.fixture(scope="module")
def networks():
    path = Path(__file__).parent / "modules" / "textbook_networks.py"
    spec = importlib.util.spec_from_file_location("textbook_networks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_names(extractor, photos, labels):
    known = [path for path in photos if path.stem in NAMES]
    assert len(known) == len(NAMES)
    logits = extractor.fit_transform([str(path) for path in known])
    assert logits.shape == (len(known), len(labels))
    for path, row in zip(known, logits, strict=True):
        assert labels[row.argmax()].startswith(NAMES[path.stem])


def test_mobilenet_v2_of_transformers_names_photographs(weights, photos):
    labels = (weights / "imagenet_labels.txt").read_text().splitlines()
    source = f"hf:{weights / 'mobilenet_v2'}"
    assert_names(PretrainedFeatureExtractor(source, stage="classifier"), photos, labels)
    backbone = resolve_backbone(source)
    assert backbone.shapes[-1] == (1280, 7, 7)
    assert (backbone.preprocessing.size, backbone.preprocessing.crop) == ((224, 224), 224 / 256)


def test_pixels_are_those_of_the_networks_own_processor(weights, photos):
    """Within one of 255 levels, which the rounding of two resizes can differ by."""
    transformers = pytest.importorskip("transformers", reason="no transformers")
    from PIL import Image

    folder = weights / "mobilenet_v2"
    processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    preprocessing = from_transformers(processor.to_dict(), "net")
    for path in photos:
        with Image.open(path) as image:
            image = image.convert("RGB")
        expected = np.asarray(processor(image, return_tensors="np")["pixel_values"])
        found = network_input(np.asarray(image)[np.newaxis], preprocessing)
        difference = np.abs(found - expected) * 255 * 0.5
        assert difference.max() <= 1.01, path.name
        assert difference.mean() <= 0.05, path.name


def test_squeezenet_names_photographs(weights, photos, networks):
    labels = (weights / "imagenet_labels.txt").read_text().splitlines()[1:]
    network = networks.SqueezeNet()
    options = {
        "weights": weights / "squeezenet1_0_deepcompression_tv.pth",
        "preprocessing": "torch",
        "input_size": 224,
    }
    extractor = PretrainedFeatureExtractor(network, stage="classifier.3", **options)
    assert_names(extractor, photos, labels)
    assert extractor.load_report_.skipped == extractor.load_report_.fresh == ()
    backbone = resolve_backbone(network, **options)
    assert backbone.stages == ("features.1", "features.5", "features.10", "features.12")
    assert backbone.shapes[-1] == (512, 13, 13)


def test_resnet20_saved_on_a_gpu_loads_whole(weights, networks):
    backbone = resolve_backbone(
        networks.ResNet20(),
        weights=weights / "resnet20-12fca82f.th",
        preprocessing="torch",
        input_size=32,
    )
    report = backbone.load_report
    assert report.skipped == report.fresh == ()
    assert "linear.weight" in report.loaded
    assert backbone.stages == ("layer1", "layer2", "layer3")
    assert backbone.shapes == ((16, 32, 32), (32, 16, 16), (64, 8, 8))
    state = torch.load(weights / "resnet20-12fca82f.th", map_location="cpu", weights_only=True)
    kernel = state["state_dict"]["module.layer3.2.conv2.weight"]
    assert torch.equal(backbone.module.layer3[2].conv2.weight, kernel)


def test_resnet20_into_another_number_of_classes_skips_the_head_alone(weights, networks):
    network = networks.ResNet20()
    network.linear = torch.nn.Linear(64, 2)
    backbone = resolve_backbone(
        network,
        weights=weights / "resnet20-12fca82f.th",
        preprocessing="torch",
        input_size=32,
    )
    report = backbone.load_report
    assert [name for name, _ in report.skipped] == ["module.linear.weight", "module.linear.bias"]
    assert report.fresh == ("linear.weight", "linear.bias")
