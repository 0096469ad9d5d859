"""The engine: right values, no more work than asked for, the same bits alone as in a batch."""

import json
import subprocess
import sys

import joblib
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines import onnx_engine
from sktransfer.deep._engines.onnx_engine import (
    OnnxEngine,
    cut_graph,
    find_device,
    make_session,
    n_threads,
)
from sktransfer.deep._networks.recent import Recent

STAGES = ["stage1", "stage2", "stage3", "stage4"]


def images(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 1, 32, 32)).astype(np.float32)


@pytest.fixture
def backbone(network):
    return resolve_backbone(network)


@pytest.fixture
def no_sessions(monkeypatch):
    """An empty cache, so that nothing made by other tests is found."""
    monkeypatch.setattr(onnx_engine, "SESSIONS", Recent(2))
    return onnx_engine.SESSIONS


@pytest.mark.parametrize("stage", STAGES)
def test_equals_onnx_s_own_evaluator(backbone, stage):
    batch = images(3)
    expected = ReferenceEvaluator(backbone.source).run([stage], {"image": batch})[0]
    maps = OnnxEngine(backbone, stage).run(batch)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-5)


def executed_nodes(session):
    """Names of the operators that a session ran, from its own profile."""
    session.run(None, {"image": images(1)})
    with open(session.end_profiling(), encoding="utf-8") as profile:
        events = json.load(profile)
    names = {event["name"] for event in events if event.get("cat") == "Node"}
    return {name for name in names if name.endswith("_kernel_time")}


@pytest.mark.parametrize(("last", "stage"), list(enumerate(STAGES, start=1)))
def test_nothing_behind_the_stage_is_computed(backbone, tmp_path, stage, last):
    profiling = {"enable_profiling": True, "profile_file_prefix": str(tmp_path / "run")}
    unfused = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = make_session(
        cut_graph(backbone.weights(), stage), graph_optimization_level=unfused, **profiling
    )
    expected = {
        f"block{block}.{operator}_kernel_time"
        for block in range(1, last + 1)
        for operator in ("Conv", "BatchNormalization", "Relu", "MaxPool")
    }
    assert executed_nodes(session) == expected


@pytest.mark.parametrize(("last", "stage"), list(enumerate(STAGES, start=1)))
def test_the_cut_graph_holds_only_what_the_stage_needs(backbone, stage, last):
    cut = onnx.load_model_from_string(cut_graph(backbone.weights(), stage))
    onnx.checker.check_model(cut)
    assert [output.name for output in cut.graph.output] == [stage]
    assert len(cut.graph.node) == 4 * last
    assert {tensor.name.split(".")[0] for tensor in cut.graph.initializer} == {
        f"block{block}" for block in range(1, last + 1)
    }


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", ["random", "glyphs"])
def test_an_image_alone_has_the_same_bits_as_in_a_batch(backbone, name, stage):
    backbone = backbone if name == "random" else resolve_backbone(name)
    batch = images(37)
    engine = OnnxEngine(backbone, stage)
    together = engine.run(batch)
    for size in (1, 2, 16):
        apart = [engine.run(batch[i : i + size]) for i in range(0, len(batch), size)]
        np.testing.assert_array_equal(np.concatenate(apart), together)
    np.testing.assert_array_equal(engine.run(batch[::-1].copy()), together[::-1])


def test_the_number_of_threads_changes_no_bit(backbone):
    batch = images(9)
    one, two = (OnnxEngine(backbone, "stage4", n_jobs=n_jobs).run(batch) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_a_session_is_made_once_for_all_engines(backbone, no_sessions):
    first = OnnxEngine(backbone, "stage2", n_jobs=1)
    assert OnnxEngine(backbone, "stage2", n_jobs=1)._session is first._session
    assert OnnxEngine(backbone, "stage3", n_jobs=1)._session is not first._session
    assert OnnxEngine(backbone, "stage2", n_jobs=2)._session is not first._session


def test_the_cache_is_bounded_and_forgets_what_was_used_longest_ago(backbone, no_sessions):
    for stage in ("stage1", "stage2", "stage1", "stage3"):
        OnnxEngine(backbone, stage, n_jobs=1)
    assert [key[1] for key in no_sessions] == ["stage1", "stage3"]


def test_n_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    expected = {None: 4, 1: 1, 3: 3, 9: 9, -1: 4, -2: 3, -9: 1}
    assert {n_jobs: n_threads(n_jobs) for n_jobs in expected} == expected
    for setting, threads in {"2": 2, "2,1": 2, "64": 4, "": 4, "0": 4, "many": 4}.items():
        monkeypatch.setenv("OMP_NUM_THREADS", setting)
        assert n_threads(None) == threads
        assert n_threads(-1) == 4


def test_cuda_is_refused_where_it_is_missing(monkeypatch):
    cpu_only = ["CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: cpu_only)
    assert find_device("auto") == find_device("cpu") == "cpu"
    message = "^device='cuda': this ONNX Runtime has no CUDA support; install onnxruntime-gpu in"
    with pytest.raises(ValueError, match=message):
        find_device("cuda")
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    assert find_device("auto") == find_device("cuda") == "cuda"


def test_threads_may_share_an_engine(backbone):
    engine = OnnxEngine(backbone, "stage4", n_jobs=1)
    batches = [images(5, seed=seed) for seed in range(8)]
    expected = [engine.run(batch) for batch in batches]
    parallel = joblib.Parallel(n_jobs=4, backend="threading")
    for maps, alone in zip(parallel(joblib.delayed(engine.run)(b) for b in batches), expected):
        np.testing.assert_array_equal(maps, alone)


def test_no_global_state_is_changed(network):
    # scikit-learn's own import of its pipeline moves the state of Python's random.
    script = f"""
import os, random, sys, warnings
import numpy as np, sklearn.pipeline
def state():
    return (dict(os.environ), list(warnings.filters), sklearn.get_config(), random.getstate(),
            [repr(part) for part in np.random.get_state()], sys.path[:], np.geterr())
before = state()
from sktransfer.deep import PretrainedFeatureExtractor
light = not {{"torch", "onnxruntime", "onnx", "PIL"}} & set(sys.modules)
images = np.random.default_rng(0).integers(0, 255, (3, 9, 9), dtype=np.uint8)
PretrainedFeatureExtractor({network!r}).fit_transform(list(images))
from PIL import Image
PretrainedFeatureExtractor({network!r}).fit_transform([Image.fromarray(i) for i in images])
print(light, [a == b for a, b in zip(before, state())], "torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == f"True {[True] * 7} False".split()
