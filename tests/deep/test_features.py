"""Features with a cache: their definition, each image once, and what is said about bad files."""

import os
import pickle
import re
import subprocess
import sys
import tempfile
import threading
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from sktransfer.deep import PretrainedFeatureExtractor, _features
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._engines.engine import open_engine
from sktransfer.deep._engines.pooling import pool
from sktransfer.deep._features import stage_features
from sktransfer.deep._items import Run
from tests.shelf import encode


def read(X, backbone="glyphs", *, value_range=None):
    """The items of anything that a user passes, and the network."""
    backbone, estimator = resolve_backbone(backbone), PretrainedFeatureExtractor()
    estimator.value_range = value_range
    items = backbone.preprocessing.read(X, estimator, reset=True, on_error="nan")
    return items.learn(estimator, on_error="nan"), backbone


def compute(X, backbone="glyphs", *, stage=2, pooling="avg", value_range=None, view=None, **run):
    """Features and faults of anything that a user passes."""
    items, backbone = read(X, backbone, value_range=value_range)
    return stage_features(items, backbone, stage, Run(**run), pooling=pooling, view=view)


def direct(X, backbone="glyphs", *, stage=2):
    """The activations, from the network alone."""
    items, backbone = read(X, backbone)
    ((_, batch),) = _features.read_inputs(items, backbone, Run(batch_size=len(X)))
    return open_engine(backbone, backbone.stage_name(stage)).run(batch)


@pytest.fixture
def files(tmp_path):
    """Forty different pictures in files."""
    rng = np.random.default_rng(3)
    paths = [tmp_path / f"{number}.png" for number in range(40)]
    for path in paths:
        path.write_bytes(encode(rng.integers(0, 256, (9, 11, 3), dtype=np.uint8)))
    return paths


class Darker:
    """A view of images: darker by a number that comes from the image's digest and the view's."""

    def __init__(self, number):
        self.number = number

    def key(self):
        return bytes([self.number])

    def many(self, images, digests):
        shares = np.float32([digest[self.number] / 255 for digest in digests])
        return images * shares[:, None, None, None]


# The definition


@pytest.mark.parametrize("pooling", ["avg", "max", None])
@pytest.mark.parametrize("cache", ["memory", None, "folder"])
def test_features_are_the_pooled_activations(pictures, tmp_path, pooling, cache):
    cache = tmp_path if cache == "folder" else cache
    expected = pool(direct(pictures), pooling)
    for _ in range(2):
        features, faults = compute(pictures, pooling=pooling, cache=cache, batch_size=3)
        np.testing.assert_array_equal(features, expected)
        assert features.dtype == np.float32
        assert faults == []
    features, _ = compute(pictures[::-1], pooling=pooling, cache=cache)
    np.testing.assert_array_equal(features, expected[::-1])


def test_files_keep_their_order_whatever_the_threads(files):
    expected = np.concatenate([compute([path], cache=None)[0] for path in files])
    for n_jobs, batch_size in ((1, 64), (2, 3), (5, 16), (None, 1)):
        features, _ = compute(files, cache=None, n_jobs=n_jobs, batch_size=batch_size)
        np.testing.assert_array_equal(features, expected)
    assert len(np.unique(expected, axis=0)) == len(files)


# Each image once


def test_what_is_known_does_not_run_again(pictures, images_run):
    for X in (pictures, pictures[::-1], pictures[2:5], list(pictures), pictures[..., None]):
        compute(X)
        assert images_run == [7]
    more = np.concatenate([pictures, 255 - pictures[:1], pictures])
    np.testing.assert_array_equal(compute(more)[0], pool(direct(more), "avg"))
    assert images_run[:2] == [7, 1]


@pytest.mark.parametrize("cache", ["memory", None])
def test_of_equal_images_one_runs(pictures, images_run, cache):
    X = np.concatenate([pictures] * 3)
    features, _ = compute(X, cache=cache, batch_size=4)
    assert images_run == [4, 3]
    np.testing.assert_array_equal(features, np.concatenate([features[:7]] * 3))
    images_run.clear()
    paths_and_bytes = [encode(picture) for picture in pictures] * 2
    features, _ = compute(paths_and_bytes, cache=cache, n_jobs=3, batch_size=2)
    assert sum(images_run) == 7
    np.testing.assert_array_equal(features[:7], features[7:])


def test_a_file_is_known_by_its_content(files, images_run, tmp_path):
    compute(files)
    assert sum(images_run) == 40
    copy = tmp_path / "another name.dat"
    copy.write_bytes(files[3].read_bytes())
    forms = [copy, str(copy), copy.read_bytes(), bytearray(copy.read_bytes())]
    features, _ = compute([*forms, memoryview(copy.read_bytes())])
    assert sum(images_run) == 40
    np.testing.assert_array_equal(features, np.repeat(compute(files[3:4])[0], 5, axis=0))
    files[3].write_bytes(files[4].read_bytes())
    np.testing.assert_array_equal(compute(files)[0][3], compute(files)[0][4])
    assert sum(images_run) == 40


def test_the_same_bytes_in_another_shape_or_dtype_are_another_image(images_run):
    pixels = np.arange(0, 128, 8, dtype=np.uint8).reshape(1, 4, 4)
    other = [pixels.reshape(1, 2, 8), pixels.view(np.int8), pixels.reshape(1, 1, 4, 4)[:, 0]]
    features = [compute(X, cache="memory")[0] for X in (pixels, *other)]
    assert images_run == [1, 1, 1]
    assert len({row.tobytes() for row in features}) == 3


def test_pillow_images_are_known_by_all_that_shows(images_run):
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 250, 0, 0])
    other = palette.copy()
    other.putpalette([0, 0, 0, 0, 0, 250])
    turned = palette.copy()
    turned.putpixel((0, 0), 0)
    rotated = turned.copy()
    rotated.getexif()[0x0112] = 3
    through = turned.copy()
    through.info["transparency"] = 0
    images = [palette, other, turned, rotated, through]
    features, _ = compute(images, cache=None)
    assert len(np.unique(features, axis=0)) == sum(images_run) == 5
    compute([image.copy() for image in images])
    compute(images)
    assert sum(images_run) == 10


def test_all_that_changes_the_features_changes_the_key(
    pictures, images_run, write_network, tmp_path
):
    paths = [write_network(tmp_path / f"{seed}.onnx", seed=seed) for seed in (0, 1)]
    for path in paths:
        resolve_backbone(path)  # which runs black images
    images_run.clear()
    compute(pictures)
    base = dict.fromkeys(range(7))
    variants = [
        {"stage": 3},
        {"pooling": "max"},
        {"pooling": None},
        {"value_range": (0, 300)},
        {"view": Darker(1)},
        {"view": Darker(2)},
        {"backbone": paths[0]},
        {"backbone": paths[1]},
    ]
    seen = set()
    for number, variant in enumerate(variants, start=2):
        for _ in range(2):
            features, _ = compute(pictures, **variant)
            assert sum(images_run) == number * len(base)
        seen.add(features.tobytes())
    assert len(seen) == len(variants)
    compute(pictures.astype(np.float64))
    assert sum(images_run) == (len(variants) + 2) * len(base)


def test_views_are_computed_from_the_image_and_its_digest(pictures, files):
    for X in (pictures, files):
        (first, _), (again, _) = (compute(X, view=Darker(1), cache=None) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        backwards, _ = compute(X[::-1], view=Darker(1), cache=None, batch_size=2)
        np.testing.assert_array_equal(first, backwards[::-1])
        assert abs(first - compute(X)[0]).max() > 0.01

    class Half(Darker):
        def many(self, images, digests):
            return images / 2

    halved = pictures / np.float32(255) / 2
    expected, _ = compute(halved, value_range=(0, 1))
    features, _ = compute(pictures, view=Half(0), cache=None)
    np.testing.assert_array_equal(features, expected)


def test_views_of_photographs_are_taken_of_what_the_network_needs_of_them(tmp_path):
    seen = []

    class Seen(Darker):
        def many(self, images, digests):
            seen.append(images.shape[1:])
            return images

    X = np.random.default_rng(0).integers(0, 256, (2, 96, 128), dtype=np.uint8)
    compute(X, view=Seen(0), cache=None)
    paths = [str(tmp_path / f"{i}.png") for i in range(2)]
    for path, pixels in zip(paths, X, strict=True):
        Image.fromarray(pixels).save(path)
    compute(paths, view=Seen(0), cache=None)
    assert set(seen) == {(32, 42, 1)}  # the network takes 32 x 32 pixels
    small = X[:, :8, :8]
    features, _ = compute(small, view=Seen(0), cache=None)
    assert seen[-1] == (8, 8, 1)
    np.testing.assert_array_equal(features, compute(small, cache=None)[0])


def test_a_folder_serves_another_process(files, images_run, tmp_path):
    folder = tmp_path / "cache"
    features, _ = compute(files, cache=folder)
    assert sum(images_run) == 40
    script = """
import sys
sys.path.insert(0, sys.argv[1])
import onnxruntime
def refuse(*args):
    raise AssertionError("an image ran again")
onnxruntime.InferenceSession.run = refuse
from test_features import compute
features, _ = compute(sys.argv[3:], cache=sys.argv[2])
print(features.tobytes().hex())
"""
    command = [sys.executable, "-W", "error", "-c", script, os.path.dirname(__file__), folder]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    assert done.stdout.strip() == features.tobytes().hex(), done.stderr


def test_a_folder_that_cannot_be_written_costs_a_warning_only(pictures, tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match=r"cannot be used .*; the features are right all the same"):
        features, _ = compute(pictures, cache=tmp_path / "file" / "cache")
    np.testing.assert_array_equal(features, compute(pictures)[0])


# Unreadable items


def spoil(files):
    """Make six of the files bad in six ways; the positions and the reasons."""
    content = encode(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    files[1].unlink()
    files[5].write_bytes(b"")
    files[8].write_bytes(content[: len(content) // 2])
    files[20].write_bytes(b"text")
    files[21].write_bytes(b"text")
    files[39].write_bytes(content[: len(content) // 2])
    unknown = "not an image that Pillow knows"
    return {1: "no such file", 5: "empty", 8: "image file is truncated", 20: unknown, 21: unknown}


def test_one_error_lists_every_bad_file_of_x(files):
    reasons = spoil(files)
    for batch_size in (1, 4, 64):
        with pytest.raises(ValueError, match=r"^6 of 40 images cannot be read: ") as raised:
            compute(files, batch_size=batch_size)
        message = str(raised.value)
        for position, reason in reasons.items():
            assert f"X[{position}] {str(files[position])!r} ({reason}" in message
        assert f"X[39] {str(files[39])!r} (image file is truncated" in message
        assert message.endswith("; repair or remove them.")


def test_the_network_stops_at_the_first_bad_file_but_what_it_did_is_kept(files, images_run):
    files[39].write_bytes(b"text")
    with pytest.raises(ValueError, match="1 of 40 images"):
        compute(files, batch_size=5, n_jobs=1)
    before = sum(images_run)
    assert 25 <= before <= 35
    compute(files[:39])
    assert sum(images_run) == 39
    images_run.clear()
    files[0].write_bytes(b"text")
    with pytest.raises(ValueError, match="2 of 40 images"):
        compute(files, cache=None, batch_size=5, n_jobs=1)
    assert images_run == []


@pytest.mark.parametrize("cache", ["memory", None])
def test_rows_of_nan_and_a_list(files, cache, images_run):
    expected, _ = compute(files, cache=None)
    reasons = spoil(files)
    images_run.clear()
    features, faults = compute(files, cache=cache, on_error="nan", batch_size=7)
    assert sum(images_run) == 34
    assert [fault.position for fault in faults] == [1, 5, 8, 20, 21, 39]
    for fault in faults:
        assert fault.path == str(files[fault.position])
        assert fault.reason.startswith(reasons.get(fault.position, "image file is truncated"))
    bad = np.isnan(features).all(axis=1)
    assert np.flatnonzero(bad).tolist() == [1, 5, 8, 20, 21, 39]
    np.testing.assert_array_equal(features[~bad], expected[~bad])
    assert np.array_equal(compute(files, cache=cache, on_error="nan")[0], features, equal_nan=True)


def test_numbers_without_a_range_are_an_error_in_threads_too(files):
    extractor = PretrainedFeatureExtractor(stage=1, batch_size=2).fit(files)
    float_file = encode(np.float32([[0.0, 0.5], [1.0, 2.0]]), "TIFF")
    message = (
        "1 of 41 images cannot be read: X[40] (value_range=None: X holds pixels of dtype float32"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        extractor.transform([*files, float_file])


# Memory and threads


def test_a_large_result_lies_in_a_file_without_a_name(pictures, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    expected, _ = compute(pictures, pooling=None)
    mapped, _ = compute(pictures, pooling=None, in_memory=1000, cache=None)
    np.testing.assert_array_equal(mapped, expected)
    assert mapped.shape == expected.shape
    assert mapped.flags.writeable
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(mapped)), expected)
    in_memory, _ = compute(pictures, pooling=None, in_memory=None)
    assert in_memory.base is None


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no space is reserved here")
def test_a_result_that_fits_on_no_disk_is_an_error_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    message = rf"^\d+ bytes of features do not fit on the disk of {re.escape(repr(str(tmp_path)))}"
    with pytest.raises(OSError, match=message):
        _features.allocate((2**45, 4), 0)


def test_memory_does_not_grow_with_the_number_of_files(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(200)]
    for path in paths:
        pixels = np.zeros((300, 300, 3), dtype=np.uint8)
        pixels[:2, :2] = rng.integers(0, 256, (2, 2, 3))
        path.write_bytes(encode(pixels))

    def peak(n_files):
        tracemalloc.start()
        features, _ = compute(paths[:n_files], cache=None, batch_size=4, n_jobs=1)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest - features.nbytes

    peak(20)
    one_decoded = 300 * 300 * 3 * 4
    assert peak(200) < peak(20) + one_decoded / 2


def test_no_thread_stays_behind(files):
    def readers():
        return [t.name for t in threading.enumerate() if t.name.startswith("sktransfer")]

    compute(files, n_jobs=3, cache=None)
    assert readers() == []
    files[7].unlink()
    with pytest.raises(ValueError, match="no such file"):
        compute(files, n_jobs=3, cache=None)
    assert readers() == []
    items, backbone = read(files[10:])
    batches = _features.read_inputs(items, backbone, Run(batch_size=2, n_jobs=3))
    next(batches)
    assert len(readers()) == 3
    batches.close()
    assert readers() == []
