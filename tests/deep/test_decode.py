"""Files and Pillow's modes, and what is said about what cannot be read."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import BaseEstimator

from sktransfer.deep._images import ImageFormat, learn_image_format, validate_images


def read_one(item, **options):
    """Decode one item as a user's list would be."""
    X = validate_images(BaseEstimator(), [item], reset=True)
    return next(iter(learn_image_format(X, **options).read(X)))


def encode(image, suffix="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, suffix, **options)
    return stream.getvalue()


def colour_picture():
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 5, 3), dtype=np.uint8))


def test_alpha_is_composed_over_white():
    pixels = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 51]]], dtype=np.uint8)
    expected = np.float32([[[1, 0, 0], [1, 1, 1], [0.8, 0.8, 0.8]]])
    image = Image.fromarray(pixels)
    for item in (image, encode(image), pixels, pixels / 255.0):
        np.testing.assert_allclose(read_one(item), expected, atol=1e-7)


def test_a_given_range_does_not_concern_the_alpha_of_files():
    half = Image.new("RGBA", (1, 1), (10, 0, 0, 51))
    np.testing.assert_allclose(
        read_one(half, value_range=(0, 10)).ravel(), [0.2 + 0.8, 0.8, 0.8], rtol=1e-6
    )


def test_every_way_to_be_transparent_is_white():
    palette = Image.new("P", (2, 1), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    grey = Image.new("L", (2, 1), 7)
    transparent = {
        "LA": Image.new("LA", (2, 1), (0, 0)),
        "PA": palette.convert("PA"),
        "palette": encode(palette, transparency=1),
        "grey": encode(grey, transparency=7),
    }
    transparent["PA"].putalpha(0)
    for name, item in transparent.items():
        np.testing.assert_array_equal(read_one(item), np.ones((1, 2, 3)), err_msg=name)


def test_palettes_and_colour_spaces_become_red_green_blue():
    picture = colour_picture()
    expected = np.asarray(picture) / np.float32(255)
    palette = picture.quantize(256)
    np.testing.assert_array_equal(
        read_one(palette), (np.asarray(palette.convert("RGB")) / 255).astype(np.float32)
    )
    np.testing.assert_allclose(read_one(picture.convert("CMYK")), expected, atol=0.005)
    np.testing.assert_allclose(read_one(picture.convert("YCbCr")), expected, atol=0.02)
    np.testing.assert_allclose(read_one(picture.convert("HSV")), expected, atol=0.05)


def test_one_bit_is_black_and_white():
    image = Image.fromarray(np.array([[True, False, True]]))
    assert image.mode == "1"
    np.testing.assert_array_equal(read_one(encode(image)).ravel(), [1, 0, 1])


def test_sixteen_bits_of_grey_keep_their_depth():
    values = np.array([[0, 1, 256, 65535]], dtype=np.uint16)
    expected = (values / 65535).astype(np.float32)
    for suffix in ("PNG", "TIFF"):
        item = encode(Image.fromarray(values), suffix)
        np.testing.assert_array_equal(read_one(item)[..., 0], expected)
    wide = Image.fromarray(values.astype(np.int32))
    assert wide.mode == "I"
    np.testing.assert_array_equal(read_one(wide)[..., 0], expected)


def test_a_given_range_holds_for_files():
    sixteen_bits = Image.fromarray(np.array([[0, 1000, 4000]], dtype=np.uint16))
    read = read_one(encode(sixteen_bits), value_range=(0, 4000))
    np.testing.assert_array_equal(read.ravel(), [0, 0.25, 1])


def test_floating_point_files_have_the_learned_range():
    values = [np.float32([[0, 4]]), np.float32([[8, 12]])]
    files = [encode(Image.fromarray(value), "TIFF") for value in values]
    image_format = learn_image_format(files)
    assert image_format.value_range == (0, 16)
    read = [image.ravel().tolist() for image in image_format.read(files)]
    assert read == [[0, 0.25], [0.5, 0.75]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_camera_is_applied(orientation, tmp_path):
    upright = colour_picture()
    # How a camera stores the upright picture under each orientation tag.
    stored = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: p[:, ::-1].swapaxes(0, 1)[:, :],
        7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
        8: lambda p: p[::-1].swapaxes(0, 1),
    }[orientation](np.asarray(upright))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "rotated.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    np.testing.assert_array_equal(read_one(path), read_one(upright))


def test_a_pillow_image_stays_as_it_is():
    image = colour_picture()
    image.getexif()[0x0112] = 6
    before = image.copy()
    read_one(image)
    assert image == before
    assert image.getexif()[0x0112] == 6


def test_photographs_have_their_true_shape_and_range(photos):
    for path in photos:
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB")) / 255
        np.testing.assert_allclose(read_one(path), expected, rtol=1e-6)


def test_all_bad_files_are_listed_with_their_reasons(pictures, tmp_path):
    good = tmp_path / "good.png"
    Image.fromarray(pictures[0]).save(good)
    broken, empty, text = (tmp_path / name for name in ("broken.png", "empty.png", "text.png"))
    broken.write_bytes(encode(Image.effect_noise((64, 64), 50))[:2000])
    empty.touch()
    text.write_text("no picture")
    absent = tmp_path / "absent.png"
    X = [good, str(absent), empty, text, broken, tmp_path, b"", b"junk", None, pictures[0], 3.5]
    expected = (
        f"9 of 11 images cannot be read: X[1] {str(absent)!r} (no such file), "
        f"X[2] {str(empty)!r} (empty), X[3] {str(text)!r} (not an image that Pillow knows), "
        f"X[4] {str(broken)!r} (image file is truncated"
    )
    rest = (
        f"X[5] {str(tmp_path)!r} (a folder), X[6] (empty), X[7] (not an image that Pillow knows), "
        "X[8] (missing), X[10] (expected a path, bytes, a Pillow image or an array of shape (h, w) "
        "or (h, w, c), got float); mend or remove them."
    )
    image_format = ImageFormat(None, (0, 255))
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}.*{re.escape(rest)}$"):
        list(image_format.read(X))


def test_fit_names_missing_files_and_the_list_is_not_endless(tmp_path):
    X = [str(tmp_path / f"{i}.png") for i in range(30)]
    with pytest.raises(ValueError, match=r"^30 of 30 images .*X\[19\] .* and 10 more; mend"):
        learn_image_format(X)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (np.zeros((3, 4, 2)), r"an array of shape \(3, 4, 2\), expected \(h, w\) or"),
        (np.zeros((0, 4)), r"an array of shape \(0, 4, 1\), expected"),
        (np.zeros((3, 4), dtype=complex), "an array of dtype complex128, expected real numbers"),
        (np.full((3, 4), np.nan), "contains NaN or infinity"),
        (pd.NA, "missing"),
        (np.nan, "missing"),
    ],
)
def test_faulty_arrays_are_named(item, reason):
    with pytest.raises(ValueError, match=rf"1 of 2 images cannot be read: X\[1\] \({reason}"):
        learn_image_format(validate_images(BaseEstimator(), [np.zeros((3, 4)), item], reset=True))
