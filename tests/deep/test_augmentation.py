"""Random views: fixed by seed, number and content, spread as promised, and refused in words."""

import numpy as np
import pytest

from sktransfer._kernels.warp import warp_images
from sktransfer.deep._augmentation import Augmentation, View, read_augmentation

EVERYTHING = Augmentation(
    rotation=30,
    shift=0.2,
    shear=10,
    zoom=0.3,
    horizontal_flip=True,
    vertical_flip=True,
    fill="reflect",
    brightness=0.4,
    contrast=0.4,
    saturation=0.4,
)
DIGESTS = [bytes([i]) * 16 for i in range(200)]


@pytest.fixture
def images():
    return np.random.default_rng(0).random((6, 10, 12, 3), dtype=np.float32)


def test_nothing_allowed_is_nothing_changed(images):
    np.testing.assert_array_equal(View(Augmentation(), 0, 0).many(images, DIGESTS[:6]), images)


def test_a_view_depends_on_seed_number_and_content_and_on_nothing_else(images):
    view = View(EVERYTHING, 3, 1)
    views = view.many(images, DIGESTS[:6])
    assert views.dtype == np.float32
    assert 0 <= views.min() < views.max() <= 1
    for i in reversed(range(6)):  # alone, in another order, to the same bits
        np.testing.assert_array_equal(
            view.many(images[i : i + 1], DIGESTS[i : i + 1]), views[i : i + 1]
        )
    np.testing.assert_array_equal(View(EVERYTHING, 3, 1).many(images, DIGESTS[:6]), views)
    for other in (View(EVERYTHING, 4, 1), View(EVERYTHING, 3, 2)):
        assert not np.array_equal(other.many(images, DIGESTS[:6]), views)
    assert not np.array_equal(view.many(images, DIGESTS[6:12]), views)


def test_the_images_are_not_modified(images):
    before = images.copy()
    images.setflags(write=False)
    View(EVERYTHING, 0, 0).many(images, DIGESTS[:6])
    np.testing.assert_array_equal(images, before)


def test_keys_tell_views_apart():
    views = [View(a, s, n) for a in (Augmentation(), EVERYTHING) for s in (0, 1) for n in (0, 1)]
    assert len({view.key() for view in views}) == len(views)
    assert View(EVERYTHING, 0, 0).key() == View(EVERYTHING, 0, 0).key()


def test_draws_are_even_and_independent():
    digests = [i.to_bytes(4, "big") for i in range(4000)]
    draws = View(EVERYTHING, 0, 0)._draw(digests)[:10]
    assert draws.min() >= 0
    assert draws.max() < 1
    # Means and correlations of even numbers: 4 standard errors.
    np.testing.assert_allclose(draws.mean(axis=1), 0.5, atol=4 / np.sqrt(12 * 4000))
    np.testing.assert_allclose(draws.var(axis=1), 1 / 12, rtol=0.06)
    np.testing.assert_allclose(np.corrcoef(draws), np.eye(10), atol=4 / np.sqrt(4000))


def test_half_of_the_images_are_mirrored():
    images = np.broadcast_to(np.array([0.0, 1.0], np.float32)[:, None], (200, 1, 2, 1))
    views = View(Augmentation(horizontal_flip=True), 0, 0).many(images, DIGESTS)
    mirrored = views[:, 0, 0, 0] == 1
    np.testing.assert_array_equal(views[:, 0, 1, 0], ~mirrored)
    assert 80 < mirrored.sum() < 120  # 100 with a standard deviation of 7
    upright = View(Augmentation(vertical_flip=True), 0, 0).many(images, DIGESTS)
    np.testing.assert_array_equal(upright, images)


def test_shifts_stay_within_their_share():
    images = np.zeros((200, 21, 41, 1), np.float32)
    images[:, 10, 20] = 1.0
    views = View(Augmentation(shift=0.2, fill="constant"), 0, 0).many(images, DIGESTS)
    weight = views[..., 0] / views.sum(axis=(1, 2, 3))[:, None, None]
    down = weight.sum(axis=2) @ np.arange(21) - 10
    across = weight.sum(axis=1) @ np.arange(41) - 20
    assert 0.9 * 0.2 * 21 < np.abs(down).max() <= 0.2 * 21
    assert 0.9 * 0.2 * 41 < np.abs(across).max() <= 0.2 * 41
    assert abs(np.corrcoef(down, across)[0, 1]) < 0.3


@pytest.mark.parametrize("name", ["rotation", "shear", "zoom"])
def test_geometry_reaches_its_limits_on_both_sides(name, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "sktransfer.deep._augmentation.warp_images",
        lambda *args, **options: seen.append(args[1]) or warp_images(*args, **options),
    )
    limit = {"rotation": 20, "shear": 20, "zoom": 0.5}[name]
    images = np.zeros((200, 4, 4, 1), np.float32)
    View(Augmentation(**{name: limit}), 0, 0).many(images, DIGESTS)
    matrices = seen[0]
    drawn = {
        "rotation": np.rad2deg(np.arcsin(matrices[:, 0, 1])),
        "shear": np.rad2deg(np.arctan(-matrices[:, 1, 0])),
        "zoom": 1 / matrices[:, 0, 0] - 1,
    }[name]
    assert -limit <= drawn.min() < -0.9 * limit
    assert 0.9 * limit < drawn.max() <= limit


@pytest.mark.parametrize(
    ("name", "factor"), [("brightness", 1.0), ("contrast", 0.0), ("saturation", 0.0)]
)
def test_colours_change_by_their_own_rule(name, factor):
    images = np.random.default_rng(0).uniform(0.4, 0.6, (200, 3, 3, 3)).astype(np.float32)
    views = View(Augmentation(**{name: 0.5}), 0, 0).many(images, DIGESTS)
    ratio = views.mean(axis=(1, 2, 3)) / images.mean(axis=(1, 2, 3))
    if factor:
        assert 0.5 <= ratio.min() < 0.55
        assert 1.45 < ratio.max() <= 1.5
    else:  # distances from a grey, so that the grey itself stays
        grey = images @ np.array([0.299, 0.587, 0.114], np.float32)
        new = views @ np.array([0.299, 0.587, 0.114], np.float32)
        if name == "contrast":
            grey, new = grey.mean(axis=(1, 2)), new.mean(axis=(1, 2))
        np.testing.assert_allclose(new, grey, atol=1e-5)
        assert np.abs(views - images).max() > 0.02


def test_fields_of_a_dict_are_read():
    assert read_augmentation(None) is None
    assert read_augmentation({"rotation": 5}) == Augmentation(rotation=5)
    assert read_augmentation(EVERYTHING) is EVERYTHING


def test_what_is_wrong_is_said_in_one_sentence():
    with pytest.raises(ValueError, match=r"unknown keys \['rotate'\]: did you mean 'rotation'\?"):
        read_augmentation({"rotate": 5})
    words = r"zoom=1 must be a number from 0, less than 1; fill='wrap' must be one of"
    with pytest.raises(ValueError, match=words):
        read_augmentation({"fill": "wrap", "zoom": 1})
    with pytest.raises(ValueError, match=r"rotation=-3 must be a number from 0 to 180"):
        Augmentation(rotation=-3)
    with pytest.raises(ValueError, match=r"horizontal_flip='yes' must be True or False"):
        Augmentation(horizontal_flip="yes")
    with pytest.raises(TypeError, match=r"augment='flip' is no augmentation: expected None, a"):
        read_augmentation("flip")
