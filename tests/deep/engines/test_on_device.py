"""Graphs that scale bytes and pool maps themselves, as on a GPU, run on the CPU."""

from dataclasses import replace

import numpy as np
import pytest

from sktransfer import PretrainedFeatureExtractor
from sktransfer.deep import _features
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.onnx_engine import OnnxEngine
from sktransfer.deep._engines.pooling import pool
from sktransfer.deep._features import all_stage_features, stage_features
from sktransfer.deep._images.network_input import scale_bytes
from sktransfer.deep._items import Run
from sktransfer.deep._preprocessing import Preprocessing

RNG = np.random.default_rng(0)
INPUTS = Preprocessing((8, 8), 3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BYTES = RNG.integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)
FLOATS = scale_bytes(BYTES, INPUTS)
ARRAYS = {"kernel": RNG.normal(size=(6, 3, 3, 3)).astype(np.float32)}
NODES = [
    ("Conv", ["image", "kernel"], ["map"], {}),
    ("Reshape", ["map", "flat"], ["rows"], {}),
    ("Transpose", ["rows"], ["tokens"], {"perm": [0, 2, 1]}),
    ("ReduceMax", ["tokens"], ["vector"], {"axes": [1], "keepdims": 0}),
]
STAGES = ["map", "tokens", "vector"]
POOLING = pytest.mark.parametrize("pooling", ["avg", "max"])


@pytest.fixture(params=["any number", "two"])
def backbone(request, write_graph, tmp_path):
    """A map, tokens and a vector, of a graph for any number of images or for two."""
    n = "n" if request.param == "any number" else 2
    first = -1 if n == "n" else n
    arrays = ARRAYS | {"flat": np.array([first, 6, 36])}
    path = write_graph(tmp_path / "net.onnx", NODES, arrays, shape=[n, 3, 8, 8])
    return resolve_backbone(path, preprocessing=INPUTS, stages=STAGES)


@POOLING
def test_a_graph_pools_as_numpy_does(backbone, pooling):
    for stage in STAGES:
        engine = OnnxEngine(backbone, stage)
        expected = pool(engine.run(FLOATS), pooling)
        found = engine.run(FLOATS, pooling)
        assert found.dtype == np.float32
        if pooling == "max":
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@POOLING
def test_several_stages_are_pooled_in_one_pass(backbone, pooling):
    together = OnnxEngine(backbone, tuple(STAGES)).run(FLOATS, pooling)
    for stage, found in zip(STAGES, together, strict=True):
        alone = OnnxEngine(backbone, stage).run(FLOATS, pooling)
        np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", [None, "avg"])
def test_bytes_that_the_graph_scales_give_the_bits_of_floats(backbone, pooling):
    engine = OnnxEngine(backbone, "map")
    np.testing.assert_array_equal(engine.run(BYTES, pooling), engine.run(FLOATS, pooling))


def test_a_graph_in_half_precision_pools_in_float32(write_graph, tmp_path):
    from onnx import TensorProto

    nodes = [
        ("Cast", ["image"], ["half"], {"to": TensorProto.FLOAT16}),
        ("Mul", ["half", "large"], ["map"], {}),
    ]
    arrays = {"large": np.float16(60000.0)}
    path = write_graph(tmp_path / "half.onnx", nodes, arrays, shape=["n", 3, 8, 8])
    backbone = resolve_backbone(path, preprocessing=INPUTS, stages=["map"])
    found = OnnxEngine(backbone, "map").run(np.ones_like(FLOATS), "avg")
    np.testing.assert_array_equal(found, np.full((5, 3), np.float16(60000.0), np.float32))


@POOLING
def test_features_are_those_that_numpy_pools(backbone, pooling, monkeypatch):
    """With an engine that says, as on a GPU, that it pools and takes bytes."""
    opened, seen = _features.open_engine, []

    def open_engine(*args, **options):
        engine = opened(*args, **options)
        engine.pools, run = True, engine.run

        def counting(batch, *pooling):
            seen.append((batch.dtype, pooling))
            return run(batch, *pooling)

        engine.run = counting
        return engine

    pixels = RNG.integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    estimator = PretrainedFeatureExtractor()
    items = backbone.preprocessing.read(pixels, estimator, reset=True).learn(estimator)
    run = Run(cache=None)
    expected, _ = all_stage_features(items, backbone, run, pooling=pooling)
    alone, _ = stage_features(items, backbone, "tokens", run, pooling=pooling)
    monkeypatch.setattr(_features, "open_engine", open_engine)
    monkeypatch.setattr(_features, "read_for", lambda key, kind, run: replace(run, as_bytes=True))
    found, _ = all_stage_features(items, backbone, run, pooling=pooling)
    for stage in STAGES:
        np.testing.assert_allclose(found[stage], expected[stage], rtol=1e-5, atol=1e-6)
    found, _ = stage_features(items, backbone, "tokens", run, pooling=pooling)
    np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-6)
    assert set(seen) == {(np.dtype(np.uint8), (pooling,))}
