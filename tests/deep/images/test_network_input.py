"""From pixels to a network's input: Pillow and arithmetic as second implementations."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sktransfer.deep._images.network_input import (
    as_bytes,
    network_bytes,
    network_input,
    resize_plan,
    scale_bytes,
    uncut,
)
from sktransfer.deep._preprocessing import Preprocessing

PHOTO = Preprocessing((28, 28), 3, (0.1, 0.2, 0.3), (0.5, 0.25, 2.0), crop=0.875)
PLAIN = Preprocessing((28, 28), 3, (0.0,) * 3, (1.0,) * 3, crop=0.875)
METHODS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def picture(h, w, c=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (h, w, c), dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "size", "box"),
    [
        ((256, 512), (256, 512), (16, 144, 224, 224)),
        ((512, 256), (512, 256), (144, 16, 224, 224)),
        ((100, 300), (256, 768), (16, 272, 224, 224)),
        # 256 * 375 / 500 would be the shorter side, so the longer is 256 * 500 / 375 = 341.3.
        ((375, 500), (256, 341), (16, 58, 224, 224)),
        ((64, 64), (256, 256), (16, 16, 224, 224)),
    ],
)
def test_the_shorter_side_becomes_256_and_the_middle_is_cut_out(shape, size, box):
    photo = replace(PHOTO, size=(224, 224))
    assert resize_plan(shape, photo) == (size, box)
    assert resize_plan(shape, replace(photo, crop=None)) == ((224, 224), (0, 0, 224, 224))


def test_a_wide_input_is_covered_in_both_directions():
    wide = replace(PHOTO, size=(28, 56), crop=1.0)
    assert resize_plan((100, 100), wide) == ((56, 56), (14, 0, 28, 56))
    assert resize_plan((10, 100), wide) == ((28, 280), (0, 112, 28, 56))


@pytest.mark.parametrize("shape", [(40, 60), (61, 33), (32, 32), (300, 500), (7, 5), (1, 90)])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("crop", [None, 0.875])
def test_bytes_are_resized_as_by_pillow(shape, method, crop):
    pixels = picture(*shape)
    plan = replace(PLAIN, resize=method, crop=crop)
    (h, w), (top, left, height, width) = resize_plan(shape, plan)
    whole = np.asarray(Image.fromarray(pixels).resize((w, h), METHODS[method]))
    expected = np.moveaxis(whole[top : top + height, left : left + width] / 255, -1, 0)
    found = network_input(pixels[np.newaxis], plan)[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_of_a_large_picture_only_the_middle_is_computed_and_hardly_a_level_moves():
    smooth = Image.fromarray(picture(20, 30)).resize((1500, 1000), Image.Resampling.BICUBIC)
    plan = replace(PLAIN, size=(224, 224))
    (h, w), (top, left, height, width) = resize_plan((1000, 1500), plan)
    whole = np.asarray(smooth.resize((w, h), Image.Resampling.BILINEAR))
    expected = np.moveaxis(whole[top : top + height, left : left + width] / 255, -1, 0)
    found = network_input(np.asarray(smooth)[np.newaxis], plan)[0]
    assert np.abs(found - expected).max() <= 1.01 / 255
    assert np.mean(np.abs(found - expected) > 1e-6) < 0.01


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("c", [1, 3])
def test_pillow_images_give_the_same_bits(c, channels):
    preprocessing = replace(
        PHOTO, channels=channels, mean=PHOTO.mean[:channels], std=PHOTO.std[:channels]
    )
    for shape in [(32, 32), (50, 70), (1100, 1200)]:
        pixels = picture(*shape, c)
        image = Image.fromarray(pixels[..., 0] if c == 1 else pixels)
        np.testing.assert_array_equal(
            network_input([image], preprocessing), network_input(pixels[np.newaxis], preprocessing)
        )


@pytest.mark.parametrize("shape", [(40, 60), (61, 33), (7, 5), (1, 90)])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("crop", [None, 0.875])
def test_floats_are_resized_as_by_pillow(shape, method, crop):
    image = np.random.default_rng(1).random((*shape, 1), dtype=np.float32)
    plan = replace(PLAIN, resize=method, crop=crop)
    (h, w), (top, left, height, width) = resize_plan(shape, plan)
    whole = np.asarray(Image.fromarray(image[..., 0]).resize((w, h), METHODS[method]))
    found = network_input(image[np.newaxis], plan)[0]
    for plane in found:
        np.testing.assert_allclose(plane, whole[top : top + height, left : left + width], atol=1e-5)


def test_the_float_and_the_byte_way_agree_up_to_a_level():
    pixels = picture(60, 45)
    image = pixels / np.float32(255)
    deeper = image * np.float32(0.999999)
    assert as_bytes(deeper) is None
    by_bytes, by_floats = (network_input(x[np.newaxis], PLAIN) for x in (pixels, deeper))
    np.testing.assert_allclose(by_bytes, by_floats, atol=1.01 / 255)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("c", [1, 3])
def test_bytes_and_the_same_values_as_floats_give_the_same_bits(c, channels):
    preprocessing = replace(
        PHOTO, channels=channels, mean=PHOTO.mean[:channels], std=PHOTO.std[:channels]
    )
    for shape in [(28, 28), (32, 32), (50, 70)]:
        pixels = np.stack([picture(*shape, c, seed) for seed in range(3)])
        expected = network_input(pixels, preprocessing)
        floats = (pixels / 255).astype(np.float32)
        np.testing.assert_array_equal(network_input(floats, preprocessing), expected)
        for i in range(3):
            alone = network_input(pixels[i : i + 1], preprocessing)
            np.testing.assert_array_equal(alone[0], expected[i])


def test_the_formula_where_nothing_is_resized():
    pixels = picture(28, 28)
    plain = replace(PHOTO, crop=None)
    expected = (pixels / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.25, 2.0]
    found = network_input(pixels[np.newaxis], plain)[0]
    np.testing.assert_allclose(found, np.moveaxis(expected, -1, 0), rtol=1e-5, atol=1e-6)


def test_blue_first():
    pixels = picture(28, 28)
    caffe = replace(PLAIN, crop=None, channel_order="bgr", mean=(0.4, 0.5, 0.6))
    found = network_input(pixels[np.newaxis], caffe)[0]
    blue, green, red = (pixels[..., i] / 255 for i in (2, 1, 0))
    np.testing.assert_allclose(found, [blue - 0.4, green - 0.5, red - 0.6], atol=1e-6)


def test_the_result_may_go_into_memory_that_is_there():
    pixels = np.stack([picture(40, 30, seed=seed) for seed in range(2)])
    out = np.full((2, 3, 28, 28), np.nan, dtype=np.float32)
    assert network_input(pixels, PHOTO, out=out) is out
    np.testing.assert_array_equal(out, network_input(pixels, PHOTO))


def test_as_bytes_takes_eight_bits_and_no_more():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    floats = levels / np.float32(255)
    np.testing.assert_array_equal(as_bytes(floats), levels)
    assert as_bytes(levels) is levels
    for place in [(0, 3), (15, 15)]:
        deeper = floats.copy()
        deeper[place] += np.float32(1e-4)
        assert as_bytes(deeper) is None


def test_input_stays():
    for image in (picture(40, 30), picture(40, 30) / np.float32(255)):
        before = image.copy()
        image.setflags(write=False)
        network_input(image[np.newaxis], PHOTO)
        np.testing.assert_array_equal(image, before)


FORMS = {
    "bytes": lambda pixels: pixels[np.newaxis],
    "numbers": lambda pixels: pixels[np.newaxis] / np.float32(255),
    "Pillow": lambda pixels: [Image.fromarray(pixels)],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((64, 96), (32, 48)),  # 28 / 0.875 = 32 is the shorter side
        ((99, 66), (48, 32)),
        ((40, 32), (40, 32)),
        ((8, 8), (8, 8)),
        ((20, 600), (20, 600)),
    ],
)
def test_images_are_shrunk_to_what_the_crop_takes_and_never_enlarged(shape, expected, form):
    images = FORMS[form](picture(*shape))
    small = uncut(images, PHOTO)
    assert small.shape == (1, *expected, 3)
    assert (small.dtype, small.min() >= 0, small.max() <= 1) == (np.float32, True, True)
    # Nothing is lost: the rest of the way to the input leads to the same bits.
    np.testing.assert_array_equal(network_input(small, PHOTO), network_input(images, PHOTO))


def test_what_is_squashed_keeps_its_proportions_at_first():
    squashed = replace(PHOTO, crop=None)
    assert uncut(picture(56, 84)[np.newaxis], squashed).shape == (1, 28, 42, 3)
    deep = np.random.default_rng(0).uniform(size=(1, 56, 84, 3)).astype(np.float32)
    small = uncut(deep, squashed)
    assert small.shape == (1, 28, 42, 3)
    # Halving with the triangle: weights 1/8, 3/8, 3/8, 1/8 along each axis.
    weights = np.array([1, 3, 3, 1]) / 8
    expected = np.einsum("i,j,ijc->c", weights, weights, deep[0, 5:9, 9:13].astype(float))
    np.testing.assert_allclose(small[0, 3, 5], expected, rtol=1e-5)


def test_shrinking_gives_an_image_alone_the_bits_that_it_has_among_others():
    pixels = np.stack([picture(70, 90, seed=seed) for seed in range(3)])
    for images in (pixels, pixels / np.float32(255), pixels.astype(np.float32) ** 2 / 65025):
        alone = np.concatenate([uncut(image[np.newaxis], PHOTO) for image in images])
        np.testing.assert_array_equal(uncut(images, PHOTO), alone)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("channels", [1, 3])
def test_bytes_that_are_scaled_later_are_the_same_input_to_the_bit(order, channels):
    inputs = replace(PHOTO, channel_order=order)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 40, 50, channels), dtype=np.uint8)
    expected = network_input(pixels, inputs)
    modes = [Image.fromarray(np.squeeze(image)) for image in pixels]
    for images in (pixels, pixels / np.float32(255), modes):
        out = np.empty(expected.shape, dtype=np.uint8)
        assert network_bytes(images, inputs, out)
        np.testing.assert_array_equal(scale_bytes(out, inputs), expected)


def test_a_picture_with_more_than_8_bits_is_not_made_bytes():
    pixels = np.random.default_rng(0).uniform(size=(2, 32, 32, 3)).astype(np.float32)
    pixels[0] = np.rint(pixels[0] * 255) / np.float32(255)
    assert network_bytes(pixels[:1], PLAIN, np.empty((1, 3, 28, 28), np.uint8))
    assert not network_bytes(pixels, PLAIN, np.empty((2, 3, 28, 28), np.uint8))
