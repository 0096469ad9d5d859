"""Resizing: its definition, its symmetries, and Pillow as a second implementation."""

import numpy as np
import pytest
from PIL import Image

from sktransfer._kernels.resize import resize_images, resize_matrix

SIZES = [(8, 8), (28, 28), (1, 1), (1, 100), (5, 1), (7, 200), (45, 31), (400, 300)]


def random_images(n, h, w, c, seed=0):
    return np.random.default_rng(seed).random((n, h, w, c), dtype=np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("target", [(32, 32), (8, 5), (1, 1), (64, 3)])
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_equals_pillow(size, target, method):
    image = random_images(1, *size, 1)
    ours = resize_images(image, size=target, method=method)[0, :, :, 0]
    its = Image.Resampling[method.upper()]
    pillow = Image.fromarray(image[0, :, :, 0]).resize(target[::-1], its)
    np.testing.assert_allclose(ours, np.asarray(pillow), atol=1e-5)


def test_bicubic_by_hand():
    # Centres 0.25, 0.75, 1.25 and 1.75 in input pixels again; of Keys's filter with a = -1/2 the
    # first of them sees f(0.25), f(0.75) and f(1.75); four pixels lie inside of it, two exist.
    a = -0.5
    near, far = (
        lambda x: (a + 2) * x**3 - (a + 3) * x**2 + 1,
        lambda x: a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a,
    )
    first = np.array([near(0.25), far(1.25)])
    second = np.array([near(0.25), near(0.75)])
    expected = [first / first.sum(), second / second.sum()]
    np.testing.assert_allclose(resize_matrix(2, 4, "bicubic")[:2], expected, rtol=1e-6)


@pytest.mark.parametrize("size", [(13, 40), (64, 30), (1, 90), (300, 200)])
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_a_part_of_the_result_is_a_part_of_the_result(size, method):
    images = random_images(2, *size, 3)
    whole = resize_images(images, size=(32, 50), method=method)
    part = resize_images(images, size=(32, 50), method=method, box=(3, 7, 20, 31))
    np.testing.assert_allclose(part, whole[:, 3:23, 7:38], atol=1e-6)
    weights = resize_matrix(size[0], 32, method, 3, 23)
    np.testing.assert_array_equal(weights, resize_matrix(size[0], 32, method)[3:23])


def test_a_part_of_a_huge_result_needs_little_memory():
    import tracemalloc

    image = random_images(1, 1, 1000, 1)
    tracemalloc.start()
    resize_images(image, size=(256, 256_000), box=(16, 127_888, 224, 224))
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert highest < 20 * 224 * 1000 * 8


def test_enlarging_by_hand():
    # Centres of the four output pixels, in input pixels: 0.25, 0.75, 1.25, 1.75;
    # the input pixels are centred at 0.5 and 1.5, and nothing lies beyond them.
    expected = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    np.testing.assert_array_equal(resize_matrix(2, 4), np.float32(expected))


def test_shrinking_by_hand_averages_over_the_whole_triangle():
    # Half-width 2, centres 1 and 3: the distances of the pixels are 0.5, 0.5, 1.5 and 2.5.
    weights = np.array([1 - 0.5 / 2, 1 - 0.5 / 2, 1 - 1.5 / 2, 0])
    expected = np.stack([weights, weights[::-1]]) / weights.sum()
    np.testing.assert_allclose(resize_matrix(4, 2), expected, rtol=1e-7)


@pytest.mark.parametrize("n_in", [1, 2, 7, 32, 100])
@pytest.mark.parametrize("n_out", [1, 3, 32, 101])
def test_weights_are_an_average(n_in, n_out):
    weights = resize_matrix(n_in, n_out)
    assert weights.shape == (n_out, n_in)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_same_size_is_the_identity(n):
    np.testing.assert_array_equal(resize_matrix(n, n), np.eye(n))


def test_a_ramp_stays_a_ramp_inside():
    ramp = np.arange(8, dtype=np.float32)
    enlarged = resize_matrix(8, 32) @ ramp
    centres = (np.arange(32) + 0.5) / 4 - 0.5
    np.testing.assert_allclose(enlarged[2:-2], centres[2:-2], rtol=1e-6)


def test_fine_stripes_become_grey_where_they_shrink():
    stripes = np.zeros((1, 64, 64, 1), dtype=np.float32)
    stripes[:, :, ::2] = 1
    shrunk = resize_images(stripes, size=(8, 8))
    np.testing.assert_allclose(shrunk[:, :, 1:-1], 0.5, atol=0.01)


@pytest.mark.parametrize("flip", [np.s_[:, ::-1], np.s_[:, :, ::-1]])
def test_mirrored_in_mirrored_out(flip):
    images = random_images(2, 13, 40, 3)
    mirrored = resize_images(images[flip], size=(32, 16))
    np.testing.assert_allclose(mirrored, resize_images(images, size=(32, 16))[flip], atol=1e-6)


def test_transposed_in_transposed_out():
    images = random_images(2, 13, 40, 3)
    turned = resize_images(images.swapaxes(1, 2), size=(16, 32))
    expected = resize_images(images, size=(32, 16)).swapaxes(1, 2)
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def test_channels_are_resized_on_their_own():
    images = random_images(3, 9, 11, 3)
    together = resize_images(images, size=(32, 16))
    for channel in range(3):
        alone = resize_images(images[..., channel : channel + 1], size=(32, 16))
        np.testing.assert_allclose(together[..., channel], alone[..., 0], atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("c", [1, 3])
def test_an_image_alone_equals_the_image_in_a_batch(size, c):
    images = random_images(9, *size, c)
    batch = resize_images(images, size=(32, 32))
    for image, expected in zip(images, batch, strict=True):
        np.testing.assert_array_equal(resize_images(image[None], size=(32, 32))[0], expected)


def test_input_stays_and_the_output_is_float32():
    images = random_images(2, 8, 8, 1)
    before = images.copy()
    images.setflags(write=False)
    resized = resize_images(images, size=(32, 32))
    assert resized.dtype == np.float32
    assert resized.shape == (2, 32, 32, 1)
    np.testing.assert_array_equal(images, before)


def test_the_cached_matrix_cannot_be_spoiled():
    with pytest.raises(ValueError, match="read-only"):
        resize_matrix(8, 32)[0, 0] = 2
