"""Networks side by side: what is a test image, and that absent networks are left out."""

import numpy as np

from benchmarks import first_networks
from sktransfer import PretrainedFeatureExtractor


def test_without_a_folder_the_network_that_ships_is_left():
    assert list(first_networks.find_extractors(None)) == ["glyphs"]


def test_every_network_is_scored_on_the_rows_after_those_to_train_on():
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 20)
    images = np.where(y[:, None, None] > 0, 200, 20) + rng.integers(20, size=(40, 8, 8))
    images = images.astype(np.uint8)
    task = images, images.reshape(40, -1).astype(float), y, 30
    extractors = {"glyphs": PretrainedFeatureExtractor(stage=1, cache=None)}
    table = first_networks.compare("Made up", task, extractors, counts=(3,), n_draws=2)
    assert [row[0] for row in table.rows] == ["pixels", "glyphs"]
    assert table.rows[0][1:3] == (64, 1.0)
    assert "10 images are the test" in table.notes[-1]
    wrong = images, task[1], np.r_[y[:30], 1 - y[30:]], 30
    table = first_networks.compare("Made up", wrong, {}, counts=(3,), n_draws=2)
    assert table.rows[0][2] == 0.0
