"""Which stage transfers: what is drawn, what is tested on, and what the table says of the best."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from benchmarks import which_stage
from benchmarks._runner import Table
from benchmarks.which_stage import draw, few_of_train, run, stage_features, tabulate
from sktransfer import PretrainedFeatureExtractor


class Recorder:
    """A classifier that remembers the rows it was fitted and scored on."""

    def fit(self, X, y):
        self.fitted = X.ravel()
        return self

    def score(self, X, y):
        self.scored = X.ravel()
        return 0.5


def test_only_training_rows_are_drawn_and_the_test_is_always_the_same():
    X, y = np.arange(20.0)[:, None], np.tile(["ants", "bees"], 10)
    recorder = Recorder()
    drawn = set()
    for seed in range(10):
        scores = few_of_train(recorder, X, y, 3, [seed], n_train=12)
        assert scores.tolist() == [0.5]
        assert recorder.scored.tolist() == list(range(12, 20))
        rows = recorder.fitted.astype(int)
        assert len(set(rows)) == 6
        assert rows.max() < 12
        assert np.unique(y[rows], return_counts=True)[1].tolist() == [3, 3]
        drawn |= set(rows)
    assert drawn == set(range(12))


def test_stages_are_computed_in_order_as_the_extractor_does():
    X = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    features, seconds = stage_features(X, "glyphs")
    assert list(features) == [f"stage {k}" for k in (1, 2, 3, 4)]
    assert which_stage.spell_stage(5, "mobilenet_v2.conv_1x1") == "stage 5 (conv_1x1)"
    assert seconds > 0
    for number, rows in enumerate(features.values(), start=1):
        expected = PretrainedFeatureExtractor(stage=number, cache=None).fit_transform(X)
        assert np.array_equal(rows, expected)


def test_the_table_names_the_best_row_of_each_column():
    def score(estimator, X, y, n_labels, seeds):
        return np.array([X[n_labels] - 0.1, X[n_labels] + 0.1])

    candidates = {
        "pixels": (None, {1: 0.3, 2: 0.4, 5: 0.9}),
        "stage 1": (None, {1: 0.5, 2: 0.6, 5: 0.7}),
    }
    table = tabulate("T", candidates, None, (1, 2, 5), range(2), score=score, notes=("N.",))
    assert table.rows[0][1:4] == pytest.approx((0.3, 0.4, 0.9))
    assert table.rows[0][4] == pytest.approx(0.1)
    assert table.notes == ("Best: stage 1 with 1 to 2; pixels with 5.", "N.")
    assert table.counts == (1, 2, 5)


def test_a_quick_run_without_photographs_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(which_stage, "linear_model", lambda: KNeighborsClassifier(1))
    tables = run(tmp_path, quick=True)
    assert len(tables) == 2
    assert [row[0].split(",")[0] for row in tables[0].rows] == [
        *("pixels", "pixels", "stage 1", "stage 2", "stage 3", "stage 4")
    ]
    # Characters are known to the last stage: with one label it is far before the first.
    assert tables[0].rows[5][1] > tables[0].rows[2][1] + 0.2
    assert "config.json is not in" in tables[1].rows[0][0]
    (path,) = draw(tables, tmp_path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_picture_grows_with_the_tables(tmp_path):
    from PIL import Image

    rows = (("stage 1 (a)", 0.5, 0.6, 0.1), ("pixels, linear model", 0.4, 0.7, 0.1))
    table = which_stage.StageTable(
        "T: accuracy", ("", "1 per class", "5 per class", "largest sd"), rows, counts=(1, 5)
    )
    left_out = Table("Photographs", ("left out",), (("absent",),))
    heights = []
    for tables in ([table, left_out], [table, table]):
        with Image.open(draw(tables, tmp_path)[0]) as image:
            heights.append(image.size[1])
    assert heights[1] == 2 * heights[0]
