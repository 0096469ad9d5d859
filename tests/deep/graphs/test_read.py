"""Weights in other files: read wherever the network names them, and from its own folder only."""

import os
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sktransfer import PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._networks.onnx.read import all_tensors, read_file

IMAGES = np.zeros((2, 8, 8, 3), dtype=np.uint8)
VALUES = np.arange(6, dtype=np.float32)


def external(name, location="side.bin", *, dims=(6, 1, 1), **entries):
    """A tensor whose values are in another file."""
    tensor = TensorProto(name=name, data_type=1, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor


def info(name, kind=TensorProto.FLOAT, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


def initializer(tensor):
    return {"nodes": [helper.make_node("Add", ["maps", "k"], ["out"])], "stored": [tensor]}


def constant(tensor):
    nodes = [
        helper.make_node("Constant", [], ["k"], value=tensor),
        helper.make_node("Add", ["maps", "k"], ["out"]),
    ]
    return {"nodes": nodes}


def branch(tensor):
    body = helper.make_graph(
        [helper.make_node("Add", ["maps", "k"], ["sum"])], "b", [], [info("sum")], [tensor]
    )
    nodes = [helper.make_node("If", ["yes"], ["out"], then_branch=body, else_branch=body)]
    return {"nodes": nodes}


def loop(tensor):
    body = helper.make_graph(
        [helper.make_node("Add", ["v", "k"], ["u"]), helper.make_node("Identity", ["c"], ["d"])],
        "b",
        [info("i", 7, []), info("c", 9, []), info("v")],
        [info("d", 9, []), info("u")],
        [tensor],
    )
    return {"nodes": [helper.make_node("Loop", ["one", "yes", "maps"], ["out"], body=body)]}


def function(tensor):
    made = helper.make_function(
        "own",
        "F",
        ["x"],
        ["y"],
        [helper.make_node("Constant", [], ["k"], value=tensor), *_add("x", "k", "y")],
        [helper.make_opsetid("", 17)],
    )
    return {"nodes": [helper.make_node("F", ["maps"], ["out"], domain="own")], "functions": [made]}


def sparse(tensor):
    stored = onnx.SparseTensorProto(dims=[6, 1, 1])
    stored.values.CopyFrom(tensor)
    stored.values.dims[:] = [6]
    stored.indices.CopyFrom(numpy_helper.from_array(np.arange(6), ""))
    return {"nodes": _add("maps", "k", "out"), "sparse": [stored]}


def _add(first, second, out):
    return [helper.make_node("Add", [first, second], [out])]


PLACES = [initializer, constant, branch, loop, function]


def write(path, place, tensor=None):
    parts = place(external("k", length=24) if tensor is None else tensor)
    stored = [
        numpy_helper.from_array(np.zeros((6, 3, 3, 3), np.float32), "w"),
        numpy_helper.from_array(np.array(1), "one"),
        numpy_helper.from_array(np.array(True), "yes"),
        *parts.get("stored", []),
    ]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["maps"]), *parts["nodes"]],
        "g",
        [info("image", 1, ("n", 3, 8, 8))],
        [info("out")],
        stored,
        sparse_initializer=parts.get("sparse", []),
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    model = helper.make_model(
        graph, opset_imports=opsets, ir_version=8, functions=parts.get("functions", [])
    )
    path.parent.mkdir(exist_ok=True)
    onnx.save(model, path)
    return path


def features(path, **options):
    extractor = PretrainedFeatureExtractor(
        path, preprocessing="tf", stages=["out"], cache=None, **options
    )
    return extractor.fit_transform(IMAGES)[0]


@pytest.mark.parametrize("place", PLACES)
def test_weights_beside_the_file_are_read_and_fingerprinted(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "model" / "net.onnx", place)
    VALUES.tofile(path.parent / "side.bin")
    np.full(6, 9, np.float32).tofile("side.bin")  # in the current folder: of no concern
    np.testing.assert_array_equal(features(path), VALUES)
    (2 * VALUES).tofile(path.parent / "side.bin")
    np.testing.assert_array_equal(features(path), 2 * VALUES)


@pytest.mark.parametrize("place", [*PLACES, sparse])
def test_nothing_external_is_left_for_onnx_runtime(place, tmp_path):
    path = write(tmp_path / "net.onnx", place)
    VALUES.tofile(tmp_path / "side.bin")
    weights, fingerprint = read_file(path)
    tensors = list(all_tensors(onnx.load_model_from_string(weights)))
    assert {tensor.data_location for tensor in tensors} == {TensorProto.DEFAULT}
    assert not any(tensor.external_data for tensor in tensors)
    assert VALUES.tobytes() in weights
    (2 * VALUES).tofile(tmp_path / "side.bin")
    assert read_file(path)[1] != fingerprint


@pytest.mark.parametrize("place", [*PLACES, sparse])
def test_a_file_of_the_current_folder_is_never_read(place, tmp_path, monkeypatch):
    path = write(tmp_path / "model" / "net.onnx", place)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    VALUES.tofile("side.bin")
    with pytest.raises(FileNotFoundError, match=r"weights in the file 'side\.bin' beside it"):
        features(path)


@pytest.mark.parametrize("place", [initializer, loop])
@pytest.mark.parametrize(
    "location",
    ["../secret.bin", "/secret.bin", "sub/../../secret.bin", "link.bin", "*/_ORT_MEM_ADDR_/*", ""],
)
def test_names_that_leave_the_folder_are_refused(place, location, tmp_path):
    folder = tmp_path / "model"
    location = location.replace("/secret", str(tmp_path / "secret"), location[:1] == "/")
    path = write(folder / "net.onnx", place, external("k", location))
    VALUES.tofile(tmp_path / "secret.bin")
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises((ValueError, FileNotFoundError), match=r"^backbone='.*net\.onnx' "):
        features(path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": "x"}, r"external_data=\{'location': 'side.bin', 'offset': 'x'\}"),
        ({"offset": -4}, "whole numbers from 0"),
        ({"length": "1e3"}, "cannot be used"),
        ({"offset": 8, "length": 24}, "24 bytes at 8 of the file 'side.bin', which has only 24"),
        ({"offset": 25}, "which has only 24"),
    ],
)
def test_places_that_are_not_in_the_file_are_refused(entries, message, tmp_path):
    path = write(tmp_path / "net.onnx", branch, external("k", **entries))
    VALUES.tofile(tmp_path / "side.bin")
    with pytest.raises(ValueError, match=rf"^backbone='.*net\.onnx' .*{message}"):
        features(path)


def test_links_of_the_hub_s_cache_are_followed(tmp_path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "main"
    write(blobs / "net.onnx", initializer, external("k", "net.onnx_data")).rename(blobs / "aaa")
    VALUES.tofile(blobs / "bbb")
    snapshot.mkdir(parents=True)
    for name, blob in {"net.onnx": "aaa", "net.onnx_data": "bbb"}.items():
        (snapshot / name).symlink_to(f"../../blobs/{blob}")
    np.testing.assert_array_equal(features(snapshot / "net.onnx"), VALUES)
    assert resolve_backbone(snapshot / "net.onnx", preprocessing="tf").name == "net"
    (snapshot / "net.onnx_data").unlink()
    (snapshot / "net.onnx_data").symlink_to(__file__)
    with pytest.raises(ValueError, match=r"outside of its own folder, 'net\.onnx_data'"):
        features(snapshot / "net.onnx")


@pytest.mark.parametrize("changed", ["net.onnx", "side.bin"])
def test_a_replaced_file_of_the_same_size_and_time_is_read_again(changed, tmp_path):
    path = write(tmp_path / "net.onnx", initializer)
    VALUES.tofile(tmp_path / "side.bin")
    for name in ("net.onnx", "side.bin"):
        os.utime(tmp_path / name, (1e9, 1e9))
    np.testing.assert_array_equal(features(path), VALUES)
    other = tmp_path / "other"
    other.write_bytes((tmp_path / changed).read_bytes())
    if changed == "side.bin":
        (VALUES + 1).tofile(other)
    else:
        model = onnx.load(path, load_external_data=False)
        weight = model.graph.initializer[0]
        weight.CopyFrom(numpy_helper.from_array(np.zeros((6, 3, 3, 3), np.float32), "w"))
        model.graph.node[1].op_type = "Sub"
        other.write_bytes(model.SerializeToString())
        assert other.stat().st_size == path.stat().st_size
    os.utime(other, (1e9, 1e9))
    os.replace(other, tmp_path / changed)
    expected = VALUES + 1 if changed == "side.bin" else -VALUES
    np.testing.assert_array_equal(features(path), expected)


def test_a_fitted_extractor_finds_a_moved_network_with_its_side_file(tmp_path):
    path = write(tmp_path / "old" / "net.onnx", loop)
    VALUES.tofile(path.parent / "side.bin")
    extractor = PretrainedFeatureExtractor(path, preprocessing="tf", stages=["out"], cache=None)
    extractor.fit(IMAGES)
    shutil.move(tmp_path / "old", tmp_path / "new")
    extractor.set_params(backbone=tmp_path / "new" / "net.onnx")
    np.testing.assert_array_equal(extractor.transform(IMAGES)[0], VALUES)
