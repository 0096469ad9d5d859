"""Moving and recolouring images: exact cases, the definition, invariance to the batch."""

import numpy as np
import pytest

from sktransfer._kernels.warp import inverse_affine, recolour_images, warp_images

FILLS = "nearest", "constant", "reflect"


def matrices(n=1, **changes):
    still = {"rotation": 0.0, "shear": 0.0, "zoom": 1.0, "flip_rows": False, "flip_columns": False}
    return inverse_affine(**{name: np.full(n, value) for name, value in (still | changes).items()})


def moved(images, shift=(0.0, 0.0), fill="nearest", fill_value=0.0, **changes):
    shifts = np.tile(np.asarray(shift, dtype=float), (len(images), 1))
    return warp_images(
        images, matrices(len(images), **changes), shifts, fill=fill, fill_value=fill_value
    )


@pytest.fixture(params=[(9, 9, 1), (8, 8, 3), (7, 12, 3), (110, 120, 3)], ids=str)
def images(request):
    return np.random.default_rng(0).random((4, *request.param), dtype=np.float32)


@pytest.mark.parametrize("fill", FILLS)
def test_the_identity_gives_the_same_bits(images, fill):
    np.testing.assert_array_equal(moved(images, fill=fill), images)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize(("axis", "name"), [(1, "flip_rows"), (2, "flip_columns")])
def test_a_flip_reverses_an_axis_and_twice_is_nothing(images, axis, name, fill):
    once = moved(images, fill=fill, **{name: True})
    np.testing.assert_array_equal(once, np.flip(images, axis))
    np.testing.assert_array_equal(moved(once, fill=fill, **{name: True}), images)


@pytest.mark.parametrize("turns", [1, 2, 3, -1])
@pytest.mark.parametrize("fill", FILLS)
def test_quarter_turns_are_those_of_numpy(turns, fill):
    images = np.random.default_rng(0).random((3, 8, 8, 3), dtype=np.float32)
    turned = moved(images, fill=fill, rotation=turns * np.pi / 2)
    np.testing.assert_allclose(turned, np.rot90(images, turns, axes=(1, 2)), atol=1e-6)


def test_a_shift_by_whole_pixels_rolls(images):
    down, across = 2, -3
    shifted = moved(images, (down, across), fill="constant", fill_value=0.5)
    expected = np.roll(images, (down, across), axis=(1, 2))
    np.testing.assert_array_equal(shifted[:, down:, :across], expected[:, down:, :across])
    np.testing.assert_array_equal(shifted[:, :down], 0.5)
    np.testing.assert_array_equal(shifted[:, :, across:], 0.5)


def test_fills_by_hand():
    row = np.array([1.0, 2.0, 4.0], dtype=np.float32)[None, None, :, None] / 4
    # Shifted by 1 1/2: the pixels come from the places -3/2, -1/2 and 1/2.
    for fill, expected in {
        "nearest": [1, 1, (1 + 2) / 2],
        "constant": [0.4, (0.4 + 1) / 2, (1 + 2) / 2],  # 4 * fill_value lies outside
        "reflect": [(2 + 1) / 2, (1 + 1) / 2, (1 + 2) / 2],  # ... 4 2 1 | 1 2 4
    }.items():
        result = 4 * moved(row, (0, 1.5), fill=fill, fill_value=0.1).ravel()
        np.testing.assert_allclose(result, expected, rtol=1e-6, err_msg=fill)


def test_zoom_and_shear_by_hand():
    ramp = np.tile(np.arange(9, dtype=np.float32) / 8, (9, 1))[None, :, :, None]
    # Enlarged twice about the centre column 4: column j comes from 4 + (j - 4) / 2.
    enlarged = 8 * moved(ramp, zoom=2.0)[0, 0, :, 0]
    np.testing.assert_allclose(enlarged, 4 + (np.arange(9) - 4) / 2, rtol=1e-6)
    # Sheared by 45 degrees, row i moves to the right by i - 4.
    sheared = 8 * moved(ramp, shear=np.pi / 4)[0, :, 4, 0]
    np.testing.assert_allclose(sheared, np.arange(9)[::-1], atol=1e-5)


def bilinear(image, places, fill, fill_value):
    """Values of an image (h, w, c) at places (..., 2), from an image padded on each side."""
    pad = 3 * max(image.shape[:2])
    options = {"constant_values": fill_value} if fill == "constant" else {}
    mode = {"nearest": "edge", "reflect": "symmetric"}.get(fill, fill)
    padded = np.pad(image.astype(float), ((pad, pad), (pad, pad), (0, 0)), mode, **options)
    before = np.floor(places).astype(int)
    down, across = (places - before)[..., None].transpose(2, 0, 1, 3)
    row, column = (before + pad).transpose(2, 0, 1)
    upper = (1 - across) * padded[row, column] + across * padded[row, column + 1]
    lower = (1 - across) * padded[row + 1, column] + across * padded[row + 1, column + 1]
    return (1 - down) * upper + down * lower


@pytest.mark.parametrize("fill", FILLS)
def test_the_definition_with_bilinear_interpolation(images, fill):
    rng = np.random.default_rng(1)
    n, h, w, _ = images.shape
    maps = inverse_affine(
        rotation=rng.uniform(-3, 3, n),
        shear=rng.uniform(-1, 1, n),
        zoom=rng.uniform(0.4, 2, n),
        flip_rows=rng.random(n) < 0.5,
        flip_columns=rng.random(n) < 0.5,
    )
    shifts = rng.uniform(-4, 4, (n, 2))
    result = warp_images(images, maps, shifts, fill=fill, fill_value=0.3)
    centre = np.array([h - 1, w - 1]) / 2
    pixels = np.stack(np.meshgrid(np.arange(h), np.arange(w), indexing="ij"), axis=-1)
    for image, matrix, shift, found in zip(images, maps, shifts, result, strict=True):
        places = (pixels - centre - shift) @ matrix.T + centre
        np.testing.assert_allclose(found, bilinear(image, places, fill, 0.3), atol=1e-6)


def test_the_map_back_is_the_inverse_of_mirror_turn_shear_and_zoom():
    angle, slope, zoom = 0.4, np.tan(0.3), 1.7
    back = matrices(rotation=angle, shear=0.3, zoom=zoom, flip_rows=True)[0]
    # In (row, column): counter-clockwise takes the column axis to minus the row axis.
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there = zoom * np.array([[1, 0], [slope, 1]]) @ turn @ np.diag([-1, 1])
    np.testing.assert_allclose(back, np.linalg.inv(there), atol=1e-12)


def test_images_do_not_touch_each_other(images):
    turned = moved(images, (0.3, 1.2), rotation=0.5)
    alone = moved(images[2:3], (0.3, 1.2), rotation=0.5)
    np.testing.assert_array_equal(turned[2], alone[0])


def test_colours_by_hand():
    image = np.array([[0.2, 0.4], [0.6, 0.8]], dtype=np.float32)[None, :, :, None]
    np.testing.assert_allclose(recolour_images(image, brightness=[0.5]), image / 2)
    contrasted = recolour_images(image, contrast=[0.5])
    np.testing.assert_allclose(contrasted, 0.5 + (image - 0.5) / 2, rtol=1e-6)
    np.testing.assert_array_equal(recolour_images(image, saturation=[0.0]), image)
    red = np.array([1.0, 0.0, 0.0], dtype=np.float32)[None, None, None]
    grey = 0.299
    half = recolour_images(red, saturation=[0.5]).ravel()
    np.testing.assert_allclose(half, [grey + (1 - grey) / 2, grey / 2, grey / 2], rtol=1e-6)
    assert recolour_images(image, brightness=[3.0]).max() == 1.0
    np.testing.assert_allclose(recolour_images(image, contrast=[0.0]), 0.5, rtol=1e-6)
