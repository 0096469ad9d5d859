"""Files and Pillow's modes, and what is said about what cannot be read."""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sktransfer.deep import PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._features import read_inputs
from sktransfer.deep._images.decode import as_pixels, decode, open_picture
from sktransfer.deep._images.image_format import ImageFormat
from sktransfer.deep._images.sources import load
from sktransfer.deep._items import Fault, Run, Unreadable
from sktransfer.deep._preprocessing import Preprocessing
from tests.shelf import encode

GREY = Preprocessing((32, 32), 1, (0.0,), (1.0,))


def read_pictures(X, *, on_error="raise", **parameters):
    """The pictures of anything that a user passes, with their format."""
    estimator = PretrainedFeatureExtractor(on_error=on_error, **parameters)
    pictures = GREY.read(X, estimator, reset=True, on_error=on_error)
    return pictures.learn(estimator, on_error=on_error)


def read_one(item, **options):
    """Decode one item as a user's list would be."""
    pictures = read_pictures([item], **options)
    return pictures.format.to_unit(*decode(pictures.content[0]))


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
    image_format = read_pictures(files).format
    assert image_format.value_range == (0, 16)
    read = [image_format.to_unit(*decode(file)).ravel().tolist() for file in files]
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


def test_all_bad_files_are_listed_with_their_reasons(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(pictures[0]).save("good.png")
    Path("broken.png").write_bytes(encode(Image.effect_noise((64, 64), 50))[:2000])
    Path("empty.png").touch()
    Path("text.png").write_text("no picture")
    Path("folder").mkdir()
    X = ["good.png", "absent.png", Path("empty.png"), "text.png", "broken.png", "folder"]
    X += [b"", b"junk", None, pictures[0], 3.5]
    expected = (
        "9 of 11 images cannot be read: X[1] 'absent.png' (no such file), X[2] 'empty.png' "
        "(empty), X[3] 'text.png' (not an image that Pillow knows), X[4] 'broken.png' (image file "
        "is truncated"
    )
    rest = (
        "X[5] 'folder' (a folder), X[6] (empty), X[7] (not an image that Pillow knows), X[8] "
        "(missing), X[10] (expected a path, bytes, a file object, a Pillow image or an array of "
        "shape (h, w) or (h, w, c), got float); repair or remove them."
    )
    items, glyphs = read_pictures(X, on_error="nan"), resolve_backbone("glyphs")
    for batch_size in (2, 64):
        with pytest.raises(ValueError, match=f"^{re.escape(expected)}.*{re.escape(rest)}$"):
            list(read_inputs(items, glyphs, Run(batch_size=batch_size)))


def test_fit_names_missing_files_and_the_list_is_not_endless(tmp_path):
    X = [str(tmp_path / f"{i}.png") for i in range(30)]
    with pytest.raises(ValueError, match=r"^30 of 30 images .* and \d+ more; repair") as caught:
        read_pictures(X)
    message = str(caught.value)
    assert len(message) < 1000
    n_listed = message.count("no such file")
    assert 1 <= n_listed <= 20
    assert message.endswith(
        f"X[{n_listed - 1}] {X[n_listed - 1]!r} (no such file) and "
        f"{30 - n_listed} more; repair or remove them."
    )


def test_of_short_faults_twenty_are_listed():
    with pytest.raises(ValueError, match=r"^30 of 30 images .*X\[19\] \(empty\) and 10 more; "):
        read_pictures([b""] * 30)


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
        read_pictures([np.zeros((3, 4)), item])


# Files as they are found


def saved(image, kind, **options):
    return read_one(encode(image, kind, **options))


def test_cmyk_files_are_red_green_blue():
    picture = Image.new("RGB", (16, 16), (200, 100, 50))
    for kind, options in (("TIFF", {}), ("JPEG", {"quality": 95})):
        read = saved(picture.convert("CMYK"), kind, **options)
        np.testing.assert_allclose(read[8, 8], np.array([200, 100, 50]) / 255, atol=0.02)
        assert read.shape == (16, 16, 3)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_jpeg_of_a_turned_camera_stands_upright(orientation):
    upright = Image.new("RGB", (48, 32), (0, 0, 0))
    upright.paste((255, 255, 255), (0, 0, 16, 16))
    turn = {3: 180, 6: 90, 8: 270}[orientation]  # counter-clockwise, as the sensor has it
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright.rotate(turn, expand=True)
    read = saved(stored, "JPEG", exif=exif, quality=100, subsampling=0)
    np.testing.assert_allclose(read, np.asarray(upright) / 255, atol=0.03)


@pytest.mark.parametrize("byteorder", ["<u2", ">u2"])
def test_sixteen_bit_tiffs_of_both_byte_orders(byteorder):
    values = np.array([[0, 1000, 65535]], dtype=np.uint16)
    header = b"II*\0" if byteorder == "<u2" else b"MM\0*"
    end = "little" if byteorder == "<u2" else "big"
    tags = [(256, 3), (257, 1), (258, 16), (259, 1), (262, 1), (273, 8), (278, 1), (279, 6)]
    directory = len(tags).to_bytes(2, end)
    for tag, value in tags:
        directory += tag.to_bytes(2, end) + (4).to_bytes(2, end) + (1).to_bytes(4, end)
        directory += value.to_bytes(4, end)
    pixels = values.astype(byteorder).tobytes()
    content = header + (16).to_bytes(4, end) + pixels + b"\0\0" + directory + bytes(4)
    np.testing.assert_array_equal(read_one(content)[..., 0], (values / 65535).astype(np.float32))


def test_sixteen_bits_of_colour_are_read():
    import zlib

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + checksum

    size = (1).to_bytes(4, "big")
    pixel = np.array([65535, 0x8000, 0], dtype=">u2").tobytes()
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size + size + bytes([16, 2, 0, 0, 0]))
    content += chunk(b"IDAT", zlib.compress(b"\0" + pixel)) + chunk(b"IEND", b"")
    np.testing.assert_allclose(read_one(content).ravel(), [1, 0.5, 0], atol=0.003)


def test_of_an_animation_the_first_picture_counts():
    frames = [Image.new("L", (5, 5), grey) for grey in (51, 204)]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(read_one(content), np.full_like(read_one(content), 0.2), atol=1e-6)


def test_a_transparent_palette_in_a_file_is_white():
    palette = Image.new("P", (2, 1), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.putpixel((0, 0), 0)
    read = saved(palette, "PNG", transparency=bytes([255, 0]))
    np.testing.assert_array_equal(read, [[[0, 0, 0], [1, 1, 1]]])


def test_more_pixels_than_pillow_allows_are_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read_one(encode(Image.new("L", (10, 10)))).shape == (10, 10, 1)
    reason = "more pixels than PIL.Image.MAX_IMAGE_PIXELS, 100, allows"
    for width in (11, 40):
        large = encode(Image.new("L", (width, 10)))
        for warning in ("ignore", "error"):  # Pillow itself only warns, up to twice its limit
            with warnings.catch_warnings():
                warnings.simplefilter(warning)
                with pytest.raises(Unreadable, match=f"^{re.escape(reason)}$"):
                    decode(large)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read_one(encode(Image.new("L", (40, 10)))).shape == (10, 40, 1)


def test_every_cut_of_a_file_is_an_image_or_has_a_reason():
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8))
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF"):
        content = encode(picture, kind)
        cuts = [content[:length] for length in range(0, len(content), 7)]
        faults = PretrainedFeatureExtractor().find_unreadable(cuts)
        assert all(fault.reason for fault in faults)
        assert len(faults) > len(cuts) / 3


def test_fault_names_place_path_and_reason():
    assert str(Fault(3, "a.png", "empty")) == "X[3] 'a.png' (empty)"
    assert str(Fault(0, None, "missing")) == "X[0] (missing)"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_left_to_pillow_has_the_decoded_pixels(mode, orientation):
    image = Image.fromarray(np.arange(30, dtype=np.uint16).reshape(5, 6) * 256)
    image = image if mode == "I;16" else colour_picture().convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    item = encode(image, "TIFF", exif=exif)
    picture, value_range = open_picture(load(item))
    pixels, expected_range = decode(item)
    np.testing.assert_array_equal(as_pixels(picture), pixels)
    assert value_range == expected_range
    assert isinstance(picture, Image.Image) == (mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr"))


def test_only_bytes_of_the_whole_range_go_to_the_network_as_they_are():
    natural, imposed = ImageFormat(None, None), ImageFormat(None, (0.0, 254.0), imposed=True)
    picture, grey = colour_picture(), np.zeros((2, 3, 3, 1), dtype=np.uint8)
    assert natural.to_input(picture, (0, 255)) is picture
    assert natural.to_input(grey, (0, 255)) is grey
    for image_format, pixels, implied in (
        (imposed, picture, (0, 255)),
        (imposed, grey, (0, 255)),
        (natural, np.zeros((2, 3, 3, 4), dtype=np.uint8), (0, 255)),
        (natural, grey.astype(np.uint16), (0, 65535)),
        (natural, grey.astype(np.int8), (-128, 127)),
    ):
        expected = image_format.to_unit(np.asarray(pixels), implied)
        found = image_format.to_input(pixels, implied)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
