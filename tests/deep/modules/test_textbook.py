"""The networks of the textbooks have the stages, sizes and pooled features that the table says."""

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="networks need torch")

import torch

from sktransfer.deep._networks.torch.places import find_module_stages
from sktransfer.deep._networks.torch.record import record

# The function that makes the network, the origin of its names, the size of its last feature map.
FROM_PAPERS = {
    "vgg16": ("vgg16", "torchvision", (7, 7)),
    "vgg19": ("vgg19", "torchvision", (7, 7)),
    "alexnet": ("alexnet", "torchvision", (6, 6)),
    "inception_v3": ("InceptionV3", "torchvision", (8, 8)),
    "xception": ("Xception", "timm", (10, 10)),
}


def load(name):
    """A file beside this one as a module."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


TEXTBOOK = load("textbook").TEXTBOOK


@pytest.fixture(scope="module")
def networks():
    return load("textbook_networks")


def look_at(make, size):
    """The stages and shapes of a network, without weights: on the meta device."""
    with torch.device("meta"):
        network = make().eval()
        images = torch.empty(2, 3, *size)
    recording = record(network, images)
    stages = find_module_stages(recording)
    return stages, [recording.last_call(stage).shape[1:] for stage in stages]


@pytest.mark.parametrize("name", FROM_PAPERS)
def test_a_network_written_from_its_paper_is_cut_as_the_table_says(name, networks):
    maker, library, last = FROM_PAPERS[name]
    known = TEXTBOOK[name]
    stages, shapes = look_at(getattr(networks, maker), known.preprocessing.size)
    assert stages == known.stages[library]
    assert tuple(shape[0] for shape in shapes) == known.features
    assert shapes[-1][1:] == last


# VGG: Simonyan, Zisserman 2015, table 2 has 138 and 144 million; Xception: Chollet 2017, table 3;
# AlexNet in one column and Inception v3 without its auxiliary head as torchvision has them.
N_PARAMETERS = {
    "alexnet": 61_100_840,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "InceptionV3": 23_834_568,
    "Xception": 22_855_952,
}


@pytest.mark.parametrize("name", N_PARAMETERS)
def test_the_networks_of_the_tests_are_those_of_the_papers(name, networks):
    with torch.device("meta"):
        network = getattr(networks, name)()
    assert sum(p.numel() for p in network.parameters()) == N_PARAMETERS[name]


def transformers_network(name):
    transformers = pytest.importorskip("transformers", reason="no transformers")
    if name.startswith("resnet"):
        deep = name == "resnet50"
        config = transformers.ResNetConfig(
            layer_type="bottleneck" if deep else "basic",
            depths=[3, 4, 6, 3] if deep else [2, 2, 2, 2],
            hidden_sizes=[256, 512, 1024, 2048] if deep else [64, 128, 256, 512],
        )
        return transformers.ResNetForImageClassification(config)
    kind = {"convnext_tiny": "ConvNext", "vit_b_16": "ViT", "mobilenet_v2": "MobileNetV2"}[name]
    config = getattr(transformers, f"{kind}Config")()
    return getattr(transformers, f"{kind}ForImageClassification")(config)


@pytest.mark.parametrize("name", [n for n in TEXTBOOK if "hf" in TEXTBOOK[n].stages])
def test_a_network_of_transformers_is_cut_as_the_table_says(name):
    known = TEXTBOOK[name]
    stages, shapes = look_at(lambda: transformers_network(name), known.preprocessing.size)
    assert stages == known.stages["hf"]
    assert tuple(s[1] if len(s) == 2 else s[0] for s in shapes) == known.features
    if name == "vit_b_16":
        assert set(shapes) == {((224 // 16) ** 2 + 1, 768)}
    else:
        assert [shape[1] for shape in shapes] == [112, 56, 28, 14, 7][-len(shapes) :]


@pytest.mark.parametrize("name", TEXTBOOK)
def test_each_has_a_feature_count_for_each_stage_and_a_reference(name):
    known = TEXTBOOK[name]
    assert all(len(stages) == len(known.features) for stages in known.stages.values())
    assert "https://arxiv.org/abs/" in known.reference
    side = {"inception_v3": 299, "xception": 299}.get(name, 224)
    assert known.preprocessing.size == (side, side)
