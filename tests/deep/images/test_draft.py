"""JPEG files that are decoded at a part of their size: near the full result, and only if large."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sktransfer.deep import Preprocessing, PretrainedFeatureExtractor
from sktransfer.deep._images.decode import open_picture
from sktransfer.deep._images.network_input import network_input
from sktransfer.deep._items import Run, Unreadable
from tests.shelf import encode

FULL = Preprocessing((32, 32), 3, (0.0,) * 3, (1 / 255,) * 3, crop=0.8)  # levels of 0..255
DRAFT = replace(FULL, draft=True)

# The shorter side becomes 40, so that 160 is four and 320 eight times as long.
SIZES = [(160, 240), (163, 249), (241, 160), (320, 321), (353, 641)]


def photograph(height, width, seed=0):
    """Smooth colors, an edge and noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    pixels = np.array(Image.fromarray(coarse).resize((width, height), Image.BICUBIC), dtype=float)
    pixels[height // 3 :, width // 2 :] /= 3
    pixels += rng.normal(0, 5, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def levels(file, inputs):
    """The input of a network made of one file."""
    picture, _ = open_picture(file, preprocessing=inputs)
    return network_input([picture], inputs)[0]


def assert_near(found, expected):
    """Hardly a level on average, and no pixel on the other side of an edge."""
    assert found.shape == expected.shape
    difference = np.abs(found - expected)
    assert 0 < difference.mean() < 1.0
    assert difference.max() < 12


@pytest.mark.parametrize("resize", ["bilinear", "bicubic"])
@pytest.mark.parametrize("crop", [None, 0.8])
@pytest.mark.parametrize("size", SIZES)
def test_a_draft_is_near_the_full_result(size, crop, resize):
    file = encode(photograph(*size), "JPEG", quality=95)
    full, draft = (replace(each, crop=crop, resize=resize) for each in (FULL, DRAFT))
    assert_near(levels(file, draft), levels(file, full))


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 0}, {"quality": 60}])
def test_all_kinds_of_jpeg_are_drafted(options):
    file = encode(photograph(320, 400), "JPEG", **{"quality": 95, **options})
    assert_near(levels(file, DRAFT), levels(file, FULL))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_four_inks_are_drafted(mode):
    file = encode(photograph(320, 400).convert(mode), "JPEG", quality=95)
    found = levels(file, DRAFT)
    assert_near(found, levels(file, FULL))
    assert np.array_equal(found[0], found[1]) == (mode == "L")


def test_a_network_of_grey_pictures_gets_a_draft():
    grey = Preprocessing((32, 32), 1, (0.0,), (1 / 255,), crop=0.8)
    file = encode(photograph(320, 400), "JPEG", quality=95)
    assert_near(levels(file, replace(grey, draft=True)), levels(file, grey))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_camera_is_applied(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = encode(photograph(163, 249), "JPEG", quality=95, exif=exif)
    assert_near(levels(file, DRAFT), levels(file, FULL))


def test_the_first_picture_of_several_is_drafted():
    stream = io.BytesIO()
    first, second = photograph(320, 400), photograph(320, 400, seed=1)
    first.save(stream, "MPO", save_all=True, append_images=[second], quality=95)
    with Image.open(io.BytesIO(stream.getvalue())) as image:
        assert image.format == "MPO"
    assert_near(levels(stream.getvalue(), DRAFT), levels(stream.getvalue(), FULL))


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (encode(photograph(159, 300), "JPEG"), "less than four times the size"),
        (encode(photograph(320, 400)), "no JPEG"),
        (photograph(320, 400), "in memory"),
    ],
    ids=["small", "png", "pillow"],
)
def test_all_else_keeps_its_bits(item, why):
    np.testing.assert_array_equal(levels(item, DRAFT), levels(item, FULL), err_msg=why)


def test_an_opened_picture_of_the_user_stays_whole():
    image = Image.open(io.BytesIO(encode(photograph(320, 400), "JPEG")))
    np.testing.assert_array_equal(levels(image, DRAFT), levels(image, FULL))
    assert image.size == (400, 320)


def test_a_file_that_is_cut_short_is_unreadable():
    file = encode(photograph(320, 400), "JPEG")
    with pytest.raises(Unreadable, match="truncated"):
        levels(file[: len(file) // 2], DRAFT)


@pytest.mark.parametrize("crop", [None, 0.8])
def test_random_views_see_the_edges_of_a_draft(crop):
    file = encode(photograph(330, 500), "JPEG", quality=95)
    full, draft = (replace(each, crop=crop) for each in (FULL, DRAFT))
    seen = []
    for inputs in (draft, full):
        extractor = PretrainedFeatureExtractor()
        items = inputs.read([file], extractor, reset=True).learn(extractor)
        views = _Recorder()
        list(items.batches(inputs, Run(n_jobs=1), [], view=views))
        seen.append(255 * views.images[0][0])
    assert_near(*seen)


class _Recorder:
    """A view that keeps what it gets."""

    def __init__(self):
        self.images = []

    def many(self, images, digests):
        self.images.append(images)
        return images


def test_features_of_a_draft_have_keys_of_their_own():
    plain = Preprocessing((32, 32), 1, (0.0,), (1.0,))
    assert repr(plain) == (
        "Preprocessing(size=(32, 32), channels=1, mean=(0.0,), std=(1.0,), resize='bilinear', "
        "crop=None, channel_order='rgb')"
    )
    file = encode(photograph(320, 400), "JPEG")
    own = PretrainedFeatureExtractor().fit([file]).backbone_.preprocessing
    draft = replace(own, draft=True)
    assert repr(draft) == repr(own)[:-1] + ", draft=True)"

    first, drafted, again = (
        PretrainedFeatureExtractor(preprocessing=inputs).fit_transform([file])
        for inputs in (None, draft, own)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, drafted)
    np.testing.assert_allclose(first, drafted, atol=0.1 * np.abs(first).max())


def test_a_draft_is_true_or_false():
    with pytest.raises(ValueError, match=r"draft=2 must be True or False\.$"):
        replace(FULL, draft=2)
