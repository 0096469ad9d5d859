"""The case study: its measures by hand, what models learn from, and what its page may show."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.dummy import DummyClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV

from benchmarks import _case_study_page, case_study
from benchmarks._case_study_models import thumbnails
from benchmarks._case_study_page import LOCAL_PAGE, PAGE, macro_roc, write_pages
from benchmarks._data import DATASETS, HYMENOPTERA, DataError, locate
from benchmarks._weights import MOBILENET_V2, WEIGHTS
from benchmarks.case_study import (
    MODELS,
    Case,
    Outcome,
    area_under_roc,
    digits_task,
    judge,
    per_class,
    run,
    summary,
    wilson_interval,
)
from sktransfer.datasets._download import checksum
from sktransfer.datasets._sources import Source

BASELINES = {name: build for name, build in MODELS.items() if name.startswith("baseline")}


def made_up_case(*, public=True, n_wrong=3):
    """Ten test digits, `n_wrong` of which the second of two models gets wrong."""
    task = digits_task()
    images, y = task.test
    rows = np.concatenate([np.flatnonzero(y == k)[:1] for k in range(10)])
    right = np.eye(10)[y[rows]] * 0.8 + 0.02
    second = right.copy()
    second[:n_wrong] = np.roll(right[:n_wrong], 1, axis=1)
    worse = np.roll(right, 1, axis=1)
    task = replace(task, test=(images[rows], y[rows]), public=public)
    outcomes = (Outcome("1 worse", worse, 1.0), Outcome("2 better", second, 2.0, "C=1"))
    return Case(task, np.arange(10), outcomes)


def test_the_wilson_interval_by_hand():
    # All of n right: the upper end is 1, and the lower n / (n + z^2).
    low, high = wilson_interval(10, 10)
    assert low == pytest.approx(10 / (10 + 1.959964**2))
    assert high == pytest.approx(1.0)
    # The ends are the shares p with |p - k/n| = z sqrt(p (1 - p) / n).
    for share in wilson_interval(3, 12):
        assert abs(share - 0.25) == pytest.approx(1.959964 * np.sqrt(share * (1 - share) / 12))


def test_the_curve_of_many_classes_has_the_mean_area():
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=200)
    probabilities = rng.dirichlet(np.ones(4), size=200) + 0.5 * np.eye(4)[codes]
    probabilities = np.round(probabilities / probabilities.sum(axis=1, keepdims=True), 1)  # ties
    probabilities[:, 0] += 1 - probabilities.sum(axis=1)
    false, true = macro_roc(codes, probabilities)
    expected = np.mean([roc_auc_score(codes == k, probabilities[:, k]) for k in range(4)])
    assert np.trapezoid(true, false) == pytest.approx(expected, abs=1e-12)
    assert area_under_roc(codes, probabilities) == pytest.approx(expected, abs=1e-12)
    assert (np.diff(false) >= 0).all()
    assert (np.diff(true) >= -1e-12).all()


def test_the_area_of_two_classes_is_a_share_of_pairs():
    codes, chance = np.array([0, 0, 1, 1, 1]), np.array([0.1, 0.6, 0.4, 0.7, 0.9])
    probabilities = np.stack([1 - chance, chance], axis=1)
    pairs = [(a < b) for a in chance[:2] for b in chance[2:]]
    assert area_under_roc(codes, probabilities) == pytest.approx(np.mean(pairs))
    assert np.trapezoid(*macro_roc(codes, probabilities)[::-1]) == pytest.approx(np.mean(pairs))


def test_tables_say_what_was_predicted():
    table = summary(made_up_case(n_wrong=3))
    assert [row[1] for row in table.rows] == [0.0, 0.7]
    assert table.rows[1][5:] == ("C=1", "2.0")
    report = per_class(made_up_case(n_wrong=1))
    # The one wrong row is a 0 that is called 1: two rows are called 1, one of them rightly.
    assert report.columns[1:3] == ("0 (1)", "1 (1)")
    assert report.rows[1][1:4] == ("0.00 / 0.00 / 0.00", "0.50 / 1.00 / 0.67", "1.00 / 1.00 / 1.00")


@pytest.mark.parametrize("name", BASELINES)
def test_no_model_sees_a_label_of_the_test_rows(name):
    task = digits_task()
    found = judge(task, name, MODELS[name]).probabilities
    garbled = replace(task, test=(task.test[0], np.zeros_like(task.test[1])))
    assert np.array_equal(judge(garbled, name, MODELS[name]).probabilities, found)


def test_training_and_test_rows_are_disjoint_and_whole():
    task = digits_task()
    train, test = (images.reshape(len(images), -1) for images, _ in (task.train, task.test))
    assert len(train) + len(test) == 1797
    assert np.bincount(task.train[1]).tolist() == [10] * 10
    assert not {row.tobytes() for row in train} & {row.tobytes() for row in test}


def test_every_linear_model_is_chosen_from_as_many_values():
    searches = [build(digits_task(), None) for build in MODELS.values()]
    searches = [model for model in searches if isinstance(model, GridSearchCV)]
    assert len(searches) == 3
    assert {len(values) for s in searches for values in s.param_grid.values()} == {6}
    assert {(s.cv.n_splits, s.cv.random_state, s.scoring) for s in searches} == {
        (5, 0, "neg_log_loss")
    }


def test_the_strengths_of_both_searches_mean_the_same():
    linear, views = (MODELS[name](digits_task(), None) for name in list(MODELS)[4:6])
    # C of LogisticRegression is 1 / (weight_decay n) of a mean loss; 80 rows are in four folds.
    decays = np.array(views.param_grid["weight_decay"])
    assert 1 / (decays * 80) == pytest.approx(linear.param_grid["logisticregression__C"])


def test_thumbnails_of_files_and_of_digits(tmp_path):
    path = tmp_path / "half.png"
    Image.fromarray(np.repeat(np.uint8([[0, 255]]), 4, axis=1).repeat(6, axis=0)).save(path)
    assert thumbnails([str(path)], 2).tolist() == [[0.0, 1.0, 0.0, 1.0]]
    assert thumbnails(np.full((1, 2, 2), 4.0), 2).tolist() == [[0.25] * 4]


def test_the_page_is_whole_in_itself(tmp_path):
    case = made_up_case()
    (path,) = write_pages([summary(case), per_class(case)], tmp_path)
    page = path.read_text(encoding="utf-8")
    assert path.name == PAGE
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "url(" not in page
    assert "<script" not in page
    # Ten drawn by chance, which are all there are, and the three wrong ones again.
    assert page.count('<figure class="wrong">') == 2 * 3
    assert page.count('<figure class="right">') == 7
    assert len(page) < 600_000


def test_the_most_accurate_model_is_shown(tmp_path):
    case = made_up_case()
    write_pages([summary(case)], tmp_path)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "Predictions of the most accurate model (2 better)" in page
    assert re.search(r'<tr class="best"><td>2 better</td>', page)


def test_pictures_that_may_not_be_passed_on_stay_here(tmp_path):
    case = made_up_case(public=False)
    paths = write_pages([summary(case)], tmp_path)
    assert [path.name for path in paths] == [PAGE, LOCAL_PAGE]
    page, local = (path.read_text(encoding="utf-8") for path in paths)
    assert "<figure" not in page
    assert LOCAL_PAGE in page
    assert local.count("<figure") == 13
    root = Path(case_study.__file__).parents[1]
    assert "/benchmarks/results/*.local.*" in (root / ".gitignore").read_text().splitlines()
    assert re.search(r"\.local\.", LOCAL_PAGE)


def test_what_is_written_into_the_page_is_escaped(tmp_path):
    case = made_up_case()
    odd = replace(case.outcomes[1], model="<b>a & b</b>")
    write_pages([summary(replace(case, outcomes=(odd,)))], tmp_path)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;" in page


def test_a_run_without_photographs_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(case_study, "MODELS", BASELINES)
    tables = run(tmp_path, quick=True)
    assert [len(table.rows) for table in tables] == [2, 2, 1]
    folder = tmp_path / MOBILENET_V2.folder
    assert tables[2].rows[0][0] == (
        f"MobileNetV2, a folder of transformers with its weights: config.json is not in {folder}; "
        f"get it from {MOBILENET_V2.source}, or name another folder than {tmp_path} with --data or "
        "the environment variable SKTRANSFER_DATA."
    )
    assert tables[0].rows[0][1] > 0.8
    assert case_study.draw(tables, tmp_path) == [tmp_path / PAGE]
    assert "get it from" in (tmp_path / PAGE).read_text(encoding="utf-8")


def test_a_model_begins_with_an_empty_cache_of_its_own():
    folders = []

    def build(task, cache):
        folders.append(Path(cache))
        assert list(folders[-1].iterdir()) == []
        return DummyClassifier()

    for name in ("first", "second"):
        judge(digits_task(), name, build)
    assert folders[0] != folders[1]
    assert not any(folder.exists() for folder in folders)


def test_the_checksum_of_a_folder_knows_names_and_contents(tmp_path):
    for name, content in (("a/x.bin", b"1"), ("b c.bin", b"2")):
        path = tmp_path / "whole" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before = checksum(tmp_path / "whole")
    dataset = Source("Toy", ".", {"whole": before}, "https://example.org", "us", "CC0")
    assert locate(dataset, tmp_path) == {"whole": tmp_path / "whole"}
    (tmp_path / "whole" / "b c.bin").rename(tmp_path / "whole" / "d.bin")
    assert checksum(tmp_path / "whole") != before
    with pytest.raises(DataError, match="it is another version or damaged"):
        locate(dataset, tmp_path)
    (tmp_path / "whole" / "d.bin").rename(tmp_path / "whole" / "b c.bin")
    assert checksum(tmp_path / "whole") == before
    (tmp_path / "whole" / "b c.bin").write_bytes(b"3")
    assert checksum(tmp_path / "whole") != before


def test_photographs_and_network_are_listed():
    assert HYMENOPTERA in DATASETS
    assert MOBILENET_V2 in WEIGHTS


def test_colours_suffice():
    assert len(_case_study_page.COLOURS) >= len(MODELS)
