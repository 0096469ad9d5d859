"""Pooling by its definition, for NumPy and torch alike."""

import numpy as np
import pytest

from sktransfer.deep._engines.pooling import n_features, pool

MAPS = np.arange(2 * 3 * 2 * 2, dtype=np.float32).reshape(2, 3, 2, 2)


def test_a_map_is_pooled_over_its_positions():
    # Channel c of image i holds 12 i + 4 c + (0, 1, 2, 3).
    first = 12 * np.arange(2)[:, None] + 4 * np.arange(3)
    np.testing.assert_array_equal(pool(MAPS, "avg"), first + (0 + 1 + 2 + 3) / 4)
    np.testing.assert_array_equal(pool(MAPS, "max"), first + 3)
    np.testing.assert_array_equal(pool(MAPS, None), np.arange(24).reshape(2, 12))


def test_tokens_are_pooled_over_the_sequence():
    tokens = MAPS.reshape(2, 3, 4)
    np.testing.assert_array_equal(pool(tokens, "avg")[0], [4, 5, 6, 7])
    np.testing.assert_array_equal(pool(tokens, "max")[0], [8, 9, 10, 11])
    np.testing.assert_array_equal(pool(tokens, None), np.arange(24).reshape(2, 12))


@pytest.mark.parametrize("pooling", ["avg", "max", None])
def test_a_vector_stays(pooling):
    vectors = MAPS.reshape(2, 12)
    np.testing.assert_array_equal(pool(vectors, pooling), vectors)


@pytest.mark.parametrize("pooling", ["avg", "max", None])
@pytest.mark.parametrize("shape", [(5, 4, 3), (7, 5), (6,)])
def test_the_number_of_features_is_foretold_also_without_images(shape, pooling):
    for n in (0, 2):
        pooled = pool(np.ones((n, *shape), dtype=np.float32), pooling)
        assert pooled.shape == (n, n_features(shape, pooling))
        assert pooled.dtype == np.float32


@pytest.mark.parametrize("pooling", ["avg", "max", None])
@pytest.mark.parametrize("shape", [(5, 4, 3), (7, 5), (6,)])
def test_torch_equals_numpy(shape, pooling):
    torch = pytest.importorskip("torch", reason="the second implementation")
    activations = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    result = pool(torch.tensor(activations), pooling)
    np.testing.assert_allclose(result.numpy(), pool(activations, pooling), rtol=1e-6, atol=1e-7)
