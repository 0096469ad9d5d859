"""Small networks with random weights, and real photographs where there are any."""

import importlib.util
import json

import numpy as np
import pytest

from tests.shelf import DATA

PREPROCESSING = {
    "size": [32, 32],
    "channels": 1,
    "range": [0, 1],
    "resize": "bilinear",
    "mean": [0.3],
    "std": [0.4],
}


def _stage(number, source, n_in, n_out, rng):
    """Convolution, batch normalisation, rectifier, pooling: nodes and weights."""
    from onnx import helper, numpy_helper

    name = f"block{number}"
    arrays = {
        "kernel": rng.normal(size=(n_out, n_in, 3, 3)) / (3 * np.sqrt(n_in)),
        "scale": rng.uniform(0.5, 1.5, n_out),
        "bias": rng.normal(size=n_out) / 10,
        "mean": rng.normal(size=n_out) / 10,
        "variance": rng.uniform(0.5, 1.5, n_out),
    }
    weights = [
        numpy_helper.from_array(array.astype(np.float32), f"{name}.{key}")
        for key, array in arrays.items()
    ]
    normal = [f"{name}.conv", *(weight.name for weight in weights[1:])]
    nodes = [
        helper.make_node("Conv", [source, f"{name}.kernel"], normal[:1], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", normal, [f"{name}.norm"]),
        helper.make_node("Relu", [f"{name}.norm"], [f"{name}.relu"]),
        helper.make_node(
            "MaxPool",
            [f"{name}.relu"],
            [f"stage{number}"],
            kernel_shape=[2, 2],
            strides=[2, 2],
        ),
    ]
    for node in nodes:
        node.name = f"{name}.{node.op_type}"
    return nodes, weights


@pytest.fixture(scope="session")
def write_network():
    """A function that writes a network of four stages with random weights."""

    def write(path, *, seed=0, channels=(8, 12, 16, 24), n_in=1, metadata=None):
        from onnx import TensorProto, helper, save

        rng = np.random.default_rng(seed)
        nodes, weights, outputs, source, n_source = [], [], [], "image", n_in
        for number, n_out in enumerate(channels, start=1):
            stage_nodes, stage_weights = _stage(number, source, n_source, n_out, rng)
            nodes += stage_nodes
            weights += stage_weights
            source, n_source = f"stage{number}", n_out
            shape = ["N", n_out, 32 // 2**number, 32 // 2**number]
            outputs.append(helper.make_tensor_value_info(source, TensorProto.FLOAT, shape))
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", n_in, 32, 32])
        graph = helper.make_graph(nodes, "random", [image], outputs, weights)
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
        if metadata is None:
            fields = PREPROCESSING | {
                "channels": n_in,
                "mean": PREPROCESSING["mean"] * n_in,
                "std": PREPROCESSING["std"] * n_in,
            }
            metadata = {
                "sktransfer.stages": json.dumps([output.name for output in outputs]),
                "sktransfer.preprocessing": json.dumps(fields),
            }
        helper.set_model_props(model, metadata)
        save(model, path)
        return str(path)

    return write


@pytest.fixture(scope="session")
def write_graph():
    """A function that writes any graph, as another maker would: without our metadata.

    Its nodes are tuples: operator, inputs, outputs, attributes.
    """

    def write(path, nodes, arrays=None, *, shape, outputs=("out",), opset=17, kind=1):
        from onnx import helper, numpy_helper, save

        stored = [
            numpy_helper.from_array(np.asarray(a), name) for name, a in (arrays or {}).items()
        ]
        image = helper.make_tensor_value_info("image", kind, shape)
        results = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
        nodes = [helper.make_node(*names, **attributes) for *names, attributes in nodes]
        graph = helper.make_graph(nodes, "g", [image], results, stored)
        versions = [helper.make_opsetid("", opset)]
        save(helper.make_model(graph, opset_imports=versions, ir_version=8), path)
        return str(path)

    return write


@pytest.fixture(scope="session")
def network(write_network, tmp_path_factory):
    """The path of a grey network with random weights."""
    return write_network(tmp_path_factory.mktemp("network") / "random.onnx")


@pytest.fixture(scope="session")
def colour_network(write_network, tmp_path_factory):
    """The path of a colour network with random weights."""
    return write_network(tmp_path_factory.mktemp("network") / "colour.onnx", n_in=3)


@pytest.fixture(scope="session")
def photos():
    """Paths of real photographs of differing sizes and formats."""
    paths = sorted(path for path in (DATA / "photos").glob("*.*") if path.is_file())
    if not paths:
        pytest.skip(f"no photographs under {DATA} (set SKTRANSFER_DATA)")
    return paths


@pytest.fixture(scope="session")
def pictures():
    """Seven grey pictures of 8 bits whose values fill the range, read-only."""
    pixels = np.random.default_rng(0).integers(0, 256, (7, 12, 9), dtype=np.uint8)
    pixels[:, 0, :2] = [0, 255]
    pixels.setflags(write=False)
    return pixels


@pytest.fixture
def images_run(monkeypatch):
    """A list to which each run of ONNX Runtime adds its number of images; the cache is empty.

    The images that check a new network once more are not counted: tests run in any order.
    """
    import onnxruntime

    from sktransfer.deep._cache.cache import memory

    batches = []
    run = onnxruntime.InferenceSession.run

    def counted(session, names, feed, *rest):
        batches.extend(len(batch) for batch in feed.values())
        return run(session, names, feed, *rest)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", counted)
    monkeypatch.setattr("sktransfer.deep._features.check_rows", lambda *rows, **about: None)
    memory.clear()
    return batches


def pytest_configure(config):
    """Without onnxscript every torch network runs in torch, and says so."""
    if importlib.util.find_spec("onnxscript") is None:
        message = "The network .* cannot run in ONNX Runtime .onnxscript is not installed"
        config.addinivalue_line("filterwarnings", f"ignore:{message}:UserWarning")
