"""From the user's X to the input of a network: the same for all forms of a picture."""

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from sktransfer.deep import PretrainedFeatureExtractor
from sktransfer.deep._images import network_input as network_input_module
from sktransfer.deep._images.network_input import to_channels
from sktransfer.deep._items import Run
from sktransfer.deep._preprocessing import Preprocessing
from tests.shelf import encode

GREY = Preprocessing((32, 32), 1, (0.0,), (1.0,))
COLOUR = Preprocessing((32, 32), 3, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def read_pictures(X, *, on_error="raise", **parameters):
    """The pictures of anything that a user passes, with their format."""
    estimator = PretrainedFeatureExtractor(on_error=on_error, **parameters)
    pictures = GREY.read(X, estimator, reset=True, on_error=on_error)
    return pictures.learn(estimator, on_error=on_error)


def batches_of(pictures, preprocessing=GREY, **run):
    """Copies of the batches, for their memory is used again."""
    faults = []
    for _, batch in pictures.batches(preprocessing, Run(**run), faults):
        yield batch.copy()
    pictures.raise_faults(faults)


def network_input(X, *, preprocessing=GREY, batch_size=64, **parameters):
    return np.concatenate(
        list(batches_of(read_pictures(X, **parameters), preprocessing, batch_size=batch_size))
    )


def test_all_forms_of_a_picture_are_the_same_input(pictures, tmp_path):
    expected = network_input(pictures)
    paths = []
    for position, picture in enumerate(pictures):
        paths.append(tmp_path / f"{position}.png")
        Image.fromarray(picture).save(paths[-1])
    images = [Image.fromarray(picture) for picture in pictures]
    forms = {
        "rows": (pictures.reshape(7, -1), {"image_shape": (12, 9)}),
        "rows as a DataFrame": (pd.DataFrame(pictures.reshape(7, -1)), {"image_shape": (12, 9, 1)}),
        "rows as lists": (pictures.reshape(7, -1).astype(int).tolist(), {"image_shape": (12, 9)}),
        "one channel": (pictures[..., None], {}),
        "nested lists": (pictures.tolist(), {}),
        "floats in 0..255": (pictures.astype(np.float64), {}),
        "floats in 0..1": (pictures / 255.0, {}),
        "wide integers": (pictures.astype(np.int64), {}),
        "a list of arrays": (list(pictures), {}),
        "Pillow": (images, {}),
        "bytes": ([encode(image) for image in images], {}),
        "paths": (paths, {}),
        "strings": (list(map(str, paths)), {}),
        "an array of strings": (np.array(list(map(str, paths))), {}),
        "a column of strings": (np.array(list(map(str, paths)))[:, None], {}),
        "an array of objects": (np.array(paths, dtype=object), {}),
        "a Series": (pd.Series(paths), {}),
        "a Series of strings": (pd.Series(map(str, paths), dtype="string"), {}),
        "a category": (pd.Series(map(str, paths), dtype="category"), {}),
        "a DataFrame": (pd.DataFrame({"path": paths}), {}),
        "a polars Series": (pl.Series(list(map(str, paths))), {}),
        "a polars DataFrame": (pl.DataFrame({"path": list(map(str, paths))}), {}),
        "a polars column of bytes": (pl.DataFrame({"file": [encode(i) for i in images]}), {}),
        "a mixture": ([images[0], paths[1], encode(images[2]), *pictures[3:]], {}),
    }
    for name, (X, options) in forms.items():
        np.testing.assert_array_equal(network_input(X, **options), expected, err_msg=name)


def test_digits_as_rows_images_and_files_with_their_own_range():
    digits = load_digits()
    files = [encode(Image.fromarray(image.astype(np.uint8))) for image in digits.images[:50]]
    expected = network_input(digits.data[:50])
    np.testing.assert_array_equal(network_input(digits.images[:50]), expected)
    np.testing.assert_array_equal(network_input(files, value_range=(0, 16)), expected)
    np.testing.assert_array_equal(network_input(digits.data[:50] / 16), expected)


def test_sizes_may_differ_within_a_list(pictures):
    mixed = [pictures[0], pictures[1][:5, :7], np.repeat(pictures[2][..., None], 3, axis=2)]
    together = network_input(mixed)
    for picture, expected in zip(mixed, together, strict=True):
        np.testing.assert_array_equal(network_input([picture])[0], expected)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 64])
def test_the_batch_size_changes_no_bit(pictures, batch_size):
    for X in (pictures, [Image.fromarray(picture) for picture in pictures]):
        expected = network_input(X, batch_size=5)
        np.testing.assert_array_equal(network_input(X, batch_size=batch_size), expected)


def test_input_is_read_only_and_stays(pictures):
    pixels = pictures.astype(np.float64)
    before = pixels.copy()
    pixels.setflags(write=False)
    network_input(pixels)
    network_input(pixels.reshape(7, -1), image_shape=(12, 9))
    np.testing.assert_array_equal(pixels, before)


def test_channels_stand_last_in_a_row():
    colour = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
    rows = network_input(colour.reshape(3, -1), image_shape=(5, 4, 3), preprocessing=COLOUR)
    np.testing.assert_array_equal(rows, network_input(colour, preprocessing=COLOUR))


def test_colour_becomes_grey_by_luma():
    colour = np.random.default_rng(0).random((2, 3, 4, 3), dtype=np.float32)
    grey = to_channels(colour, 1)
    expected = 0.299 * colour[..., 0] + 0.587 * colour[..., 1] + 0.114 * colour[..., 2]
    np.testing.assert_allclose(grey[:, 0], expected, rtol=1e-6)


def test_luma_equals_pillow_up_to_its_rounding():
    pixels = np.random.default_rng(1).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    ours = to_channels(pixels[np.newaxis].astype(np.float32), 1)[0, 0]
    np.testing.assert_allclose(ours, np.asarray(Image.fromarray(pixels).convert("L")), atol=0.51)


def test_grey_becomes_three_equal_channels():
    grey = np.random.default_rng(0).random((2, 3, 4, 1), dtype=np.float32)
    colour = to_channels(grey, 3)
    assert colour.shape == (2, 3, 3, 4)
    for channel in range(3):
        np.testing.assert_array_equal(colour[:, channel], grey[..., 0])


def test_channels_and_statistics_of_the_network_are_used():
    picture = np.random.default_rng(1).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    preprocessing = Preprocessing((6, 5), 3, (0.1, 0.2, 0.3), (0.5, 0.25, 2.0))
    expected = (picture / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.25, 2.0]
    batch = network_input([picture], preprocessing=preprocessing)
    np.testing.assert_allclose(batch[0], np.moveaxis(expected, -1, 0), rtol=1e-5, atol=1e-6)


def test_positions_count_from_the_start_of_x(pictures):
    X = [*map(Image.fromarray, pictures), b"junk"]
    items = read_pictures(X, on_error="nan")
    message = r"^1 of 8 images cannot be read: X\[7\]"
    with pytest.raises(ValueError, match=message):
        list(batches_of(items, batch_size=3))
    with pytest.raises(ValueError, match=message.replace("8", "2")):  # also of some of them
        list(batches_of(items.take(np.array([0, 7])), batch_size=3))


def test_memory_does_not_grow_with_the_number_of_files(tmp_path):
    path = tmp_path / "large.png"
    Image.fromarray(np.zeros((400, 400, 3), dtype=np.uint8)).save(path)

    def peak(n_files):
        pictures = read_pictures([path] * n_files)
        tracemalloc.start()
        # With one thread, as how many images several of them hold at once is a matter of luck.
        for _ in batches_of(pictures, batch_size=4, n_jobs=1):
            pass
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(4)
    one_decoded = 400 * 400 * 3 * 4
    assert peak(40) < peak(4) + one_decoded / 10


@pytest.mark.parametrize("as_form", [np.asarray, list])
def test_large_images_go_one_by_one_and_give_the_same(as_form):
    X = np.random.default_rng(0).integers(0, 256, (8, 1000, 1100), dtype=np.uint8)
    expected = np.concatenate([network_input(image[np.newaxis]) for image in X])
    tracemalloc.start()
    computed = network_input(as_form(X))
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(computed, expected)
    assert highest < 3 * X[0].size * np.dtype(np.float32).itemsize


def test_reading_stays_at_most_a_few_images_ahead(pictures):
    live, most = set(), []

    class Watched:
        """An image that is counted from when it is read until its batch is taken."""

        def __init__(self, number):
            self.number = number

        def __array__(self, dtype=None, copy=None):
            live.add(self.number)
            return np.full((40, 40), self.number % 256, dtype=np.uint8)

        ndim = 2

    items = read_pictures([Watched(n) for n in range(300)], value_range=(0, 255))
    live.clear()
    for number, batch in enumerate(batches_of(items, batch_size=8, n_jobs=2)):
        np.testing.assert_array_equal(
            batch[:, 0, 0, 0] * 255, np.arange(8 * number, 8 * number + len(batch)) % 256
        )
        most.append(len(live) - 8 * (number + 1))
    assert max(most) <= 8 + 2 * 4
    assert len(live) == 300


def recycled_batches(X, wanted, *, batch_size, n_jobs=2):
    """The batches when each is written over after it was taken."""

    def choose(positions, digests, reading):
        return wanted[list(positions)]

    run = Run(batch_size=batch_size, n_jobs=n_jobs)
    for positions, batch in read_pictures(X).batches(COLOUR, run, [], choose=choose):
        yield positions, batch.copy(), batch.__array_interface__["data"][0]
        batch[:] = np.nan


@pytest.mark.parametrize("as_form", [np.asarray, list, lambda X: [*map(Image.fromarray, X)]])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_memory_is_used_again_and_changes_no_bit(as_form, share, batch_size):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (50, 40, 300, 3), dtype=np.uint8)
    wanted = rng.uniform(size=50) >= share / 2
    expected = network_input_module.network_input(X, COLOUR)
    found = list(recycled_batches(as_form(X), wanted, batch_size=batch_size))
    positions = [position for part, _, _ in found for position in part]
    assert positions == np.flatnonzero(wanted).tolist()
    np.testing.assert_array_equal(np.concatenate([b for _, b, _ in found]), expected[positions])


def test_batches_that_share_memory_with_others_are_not_written_over():
    X = np.random.default_rng(0).integers(0, 256, (5000, 32, 32, 3), dtype=np.uint8)
    found = list(recycled_batches(X, np.ones(5000, dtype=bool), batch_size=64))
    expected = network_input_module.network_input(X, COLOUR)
    np.testing.assert_array_equal(np.concatenate([batch for _, batch, _ in found]), expected)


def test_slices_that_are_not_wanted_leave_no_gaps():
    X = np.random.default_rng(0).integers(0, 256, (16, 40, 30, 3), dtype=np.uint8)
    wanted = np.arange(16) < 8  # two of the four slices that four threads read
    expected = network_input_module.network_input(X, COLOUR)[wanted]
    found = list(recycled_batches(list(map(Image.fromarray, X)), wanted, batch_size=16, n_jobs=4))
    np.testing.assert_array_equal(np.concatenate([batch for _, batch, _ in found]), expected)


def test_two_batches_are_all_the_memory_that_whole_batches_take():
    X = np.random.default_rng(0).integers(0, 256, (64, 512, 512, 3), dtype=np.uint8)
    places = [place for *_, place in recycled_batches(X, np.ones(64, dtype=bool), batch_size=8)]
    assert len(places) == 8
    assert len(set(places)) <= 3


def test_unreadable_images_are_found_without_a_network(pictures):
    X = [encode(Image.fromarray(pictures[0])), b"", *pictures[1:4], None]
    extractor = PretrainedFeatureExtractor(n_jobs=2)
    assert [(fault.position, fault.reason) for fault in extractor.find_unreadable(X)] == [
        (1, "empty"),
        (5, "missing"),
    ]
    assert extractor.find_unreadable(pictures) == []


# Bytes that the engine scales

DEEP = Preprocessing((32, 32), 3, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), channel_order="bgr")


def read_bytes(X, inputs=DEEP, *, batch_size=4, view=None):
    """The dtypes of the batches, and all rows scaled to the input of the network."""
    run, dtypes, parts = Run(batch_size=batch_size, n_jobs=2, as_bytes=True), [], []
    for _, batch in read_pictures(X).batches(inputs, run, [], view=view):
        dtypes.append(batch.dtype)
        scale = network_input_module.scale_bytes
        parts.append(scale(batch, inputs) if batch.dtype == np.uint8 else batch.copy())
        batch[:] = 7
    return dtypes, np.concatenate(parts)


@pytest.mark.parametrize("as_form", [np.asarray, list, lambda X: [*map(encode, X)]])
def test_pictures_of_8_bits_stay_bytes_and_are_the_same_input(as_form):
    X = np.random.default_rng(0).integers(0, 256, (11, 40, 30, 3), dtype=np.uint8)
    dtypes, found = read_bytes(as_form(X))
    assert set(dtypes) == {np.dtype(np.uint8)}
    np.testing.assert_array_equal(found, network_input(X, preprocessing=DEEP))


@pytest.mark.parametrize("deep", [[0], [5], [10], [1, 2, 9], range(11)])
def test_deeper_pictures_among_them_change_no_bit(deep):
    rng = np.random.default_rng(0)
    X = list(rng.integers(0, 256, (11, 40, 30, 3), dtype=np.uint8))
    for place in deep:
        X[place] = rng.integers(0, 2**16, (40, 30, 3), dtype=np.uint16)
    for batch_size in (1, 4, 16):
        dtypes, found = read_bytes(X, batch_size=batch_size)
        assert np.dtype(np.float32) in dtypes
        np.testing.assert_array_equal(found, network_input(X, preprocessing=DEEP))


def test_gray_networks_and_views_compute_in_floating_point():
    class Same:
        def many(self, images, digests):
            return images

    X = np.random.default_rng(0).integers(0, 256, (5, 40, 30, 3), dtype=np.uint8)
    for options in ({"inputs": GREY}, {"view": Same()}):
        assert set(read_bytes(X, **options)[0]) == {np.dtype(np.float32)}
