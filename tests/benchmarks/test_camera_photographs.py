"""Photographs of cameras: their noise, and how features are compared."""

import numpy as np
import pytest
from PIL import Image

from benchmarks import camera_photographs
from benchmarks.camera_photographs import camera_picture, features, speed
from sktransfer.deep import Preprocessing


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """Eight small pictures, of which photographs 600 pixels long are made."""
    monkeypatch.setattr(camera_photographs, "LONG_SIDE", 600)
    rng, found = np.random.default_rng(0), []
    for number in range(8):
        coarse = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
        found.append(tmp_path / f"{number}.png")
        Image.fromarray(coarse).resize((60, 40), Image.BICUBIC).save(found[-1])
    return found


def test_a_photograph_has_noise_that_the_seed_draws(paths):
    first, again, other = (np.asarray(camera_picture(paths[0], seed=k), float) for k in (1, 1, 2))
    assert first.shape == (400, 600, 3)
    np.testing.assert_array_equal(first, again)
    inside = (first > 30) & (first < 225) & (other > 30) & (other < 225)
    noise = (first - other)[inside]
    assert noise.std() == pytest.approx(camera_photographs.NOISE * np.sqrt(2), rel=0.05)
    assert abs(noise.mean()) < 0.3


def test_the_tables_have_a_row_for_each_side(paths):
    inputs = Preprocessing((32, 32), 3, (0.5,) * 3, (0.5,) * 3)
    table = speed(paths[:1], inputs, repeats=1)
    assert [row[0] for row in table.rows] == ["baseline", "progressive"]
    assert all(row[4] == pytest.approx(row[3] / row[2]) for row in table.rows)

    y = np.array(["ants", "bees"] * 4)
    table = features("glyphs", {"backbone": "glyphs"}, paths, y, n_train=6)
    full, draft, *others = table.rows
    assert (full[0], draft[0], len(others)) == ("decoded in full", "draft=True", 3)
    assert full[1:3] == pytest.approx([1, 1])
    assert full[4] == 1
    assert 0.99 < draft[2] < 1
