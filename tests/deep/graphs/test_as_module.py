"""An ONNX graph as a torch module: the names, the weights of each stage, and older files."""

import numpy as np
import pytest

from sktransfer.deep._backbone import resolve_backbone

pytest.importorskip("torch", reason="graphs become torch modules")

import torch

from sktransfer.deep._engines.torch_engine import build_torch_stages
from sktransfer.deep._networks.onnx.as_module import as_module

RNG = np.random.default_rng(0)
IMAGES = torch.tensor(RNG.normal(size=(4, 3, 8, 8)).astype(np.float32))
WEIGHT = RNG.normal(size=(3, 3, 3, 3)).astype(np.float32)


@pytest.fixture
def backbone(write_graph, tmp_path):
    """Two convolutions with one array, and a reshaping whose target is computed."""
    nodes = [
        ("Conv", ["image", "w/1.x"], ["first.map"], {"pads": [1] * 4}),
        ("Conv", ["first.map", "w/1.x"], ["second"], {"pads": [1] * 4}),
        ("Shape", ["image"], ["sizes"], {}),
        ("Gather", ["sizes", "zero"], ["n"], {}),
        ("Concat", ["n", "rest"], ["target"], {"axis": 0}),
        ("Reshape", ["second", "target"], ["out"], {}),
    ]
    arrays = {"w/1.x": WEIGHT, "zero": np.array([0]), "rest": np.array([3, 64])}
    path = write_graph(tmp_path / "net.onnx", nodes, arrays, shape=("N", 3, 8, 8))
    return resolve_backbone(path, preprocessing="torch", stages=["first.map", "out"])


def test_submodules_have_the_names_of_the_tensors_that_they_make(backbone):
    names = [name for name, _ in as_module(backbone).named_modules()]
    assert names == ["", "first.map", "second", "out"]


def test_an_array_that_two_stages_read_is_trained_in_each(backbone):
    first, second = build_torch_stages(backbone)
    assert set(first.arrays()) == set(second.arrays()) == {"w/1.x"}
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(first.arrays()["w/1.x"], WEIGHT)
    assert not second(first(IMAGES)).any()


def test_the_constants_of_older_files_are_left_out_and_unknown_names_are_not(backbone):
    _, second = build_torch_stages(backbone)
    second.load({"w/1.x": 2 * WEIGHT, "zero": np.array([0]), "rest": np.array([3, 64])})
    np.testing.assert_array_equal(second.arrays()["w/1.x"], 2 * WEIGHT)
    with pytest.raises(KeyError):
        second.load({"no such name": WEIGHT})
