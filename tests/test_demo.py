"""The demo: honest draws, the table and the picture, and clear words for wrong options."""

import re
import warnings

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from sktransfer._extras import install_command
from sktransfer.cli import main
from sktransfer.demo import _experiment, _methods, _report
from sktransfer.exceptions import TransferWarning

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """One small run, through the command line."""
    return tmp_path_factory.mktemp("demo") / "made" / "by the demo"


@pytest.fixture(scope="module")
def printed(out):
    import contextlib
    import io

    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(io.StringIO()):
        assert main(["demo", "--labels", "2", "--draws", "1", "--out", str(out)]) == 0
    return stream.getvalue()


def test_the_table_has_every_method_and_says_where_the_files_are(printed, out):
    for method in _methods.methods():
        assert method.name in printed
    for name in ("table.txt", "runs.csv", "accuracy.png"):
        assert f"wrote {out / name}" in printed
    assert (out / "table.txt").read_text().strip() in printed


def test_the_demo_ends_with_twenty_labels(printed):
    found = re.search(r"stage 4, has (0\.\d+).* 20 labels and then\s+has (0\.\d+)", printed, re.S)
    before, after = map(float, found.groups())
    assert 0.8 < before < after
    assert "Transfer is kept. Of 20 labelled rows" in printed.replace("\n", " ")


def test_the_demo_has_a_line_on_texts(printed):
    found = re.search(r"tf-idf has (0\.\d+), the word vectors .* have\s+(0\.\d+)", printed, re.S)
    tfidf, words = map(float, found.groups())
    assert tfidf < words


def test_the_demo_has_a_line_on_sounds(printed):
    found = re.search(r"frames\s+have (0\.\d+) on the.* have\s+([01]\.\d+)", printed, re.S)
    frames, features = map(float, found.groups())
    assert frames + 0.2 < features


def test_the_picture_is_one(printed, out):
    Image = pytest.importorskip("PIL.Image")
    with Image.open(out / "accuracy.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert pixels.shape[0] > 500
    assert pixels.std() > 10, "it is not blank"


def test_a_draw_never_tests_on_what_it_trains_on():
    data = _experiment.draw_data(3, seed=0)
    X, y = data.labelled
    X_test, _ = data.test
    assert np.bincount(y).tolist() == [3] * 10
    assert len(X) + len(data.unlabelled) + len(X_test) == 1797
    trained = {row.tobytes() for row in np.concatenate([X, data.unlabelled])}
    assert not trained & {row.tobytes() for row in X_test}


def test_draws_of_fewer_labels_come_from_the_same_split():
    small, large = _experiment.draw_data(1, seed=3), _experiment.draw_data(10, seed=3)
    np.testing.assert_array_equal(small.test[0], large.test[0])


def _result(group, name, accuracy, n_labels=1):
    return _experiment.Result(_methods.Method(group, name, None), n_labels, 0, accuracy, 0.5)


def test_the_verdict_names_what_did_not_help():
    results = [
        _result(_methods.NO_TRANSFER, "pixels", 0.60),
        _result(_methods.NO_TRANSFER, "centroid", 0.70),
        _result(_methods.PRINTED, "good", 0.80),
        _result(_methods.PRINTED, "bad", 0.65),
    ]
    assert _report.verdict(_report.summarise(results), [1]) == [
        "1 per class: without transfer 0.700 (centroid),",
        "    with transfer up to 0.800 (good)",
        "    did not help: bad",
    ]


def test_fits_with_a_transfer_warning_are_counted():
    good = _methods.Method(_methods.NO_TRANSFER, "good", None)
    bad = _methods.Method(_methods.PRINTED, "bad", None)
    results = [
        _experiment.Result(method, 1, draw, 0.5, 0.1, warned=method is bad and draw > 0)
        for method in (good, bad)
        for draw in range(3)
    ]
    table = _report.format_table(results)
    assert table.rstrip().endswith("2 of 6 fits gave a TransferWarning: bad 2")
    assert "TransferWarning" not in _report.format_table(results[:4])


@pytest.mark.parametrize("category", [TransferWarning, UserWarning])
def test_a_warning_of_a_fit_is_recorded_or_given(category):
    class Doubtful(DummyClassifier):
        def fit(self, X, y):
            warnings.warn("a sentence", category)
            return super().fit(X, y)

    method = _methods.Method(_methods.NO_TRANSFER, "doubtful", Doubtful)
    data = _experiment.draw_data(1, seed=0)
    if category is TransferWarning:
        assert _experiment.run_method(method, data)[2]
    else:
        with pytest.warns(UserWarning, match="a sentence"):
            assert not _experiment.run_method(method, data)[2]


def test_mean_and_spread_are_those_of_the_draws():
    method = _methods.Method(_methods.NO_TRANSFER, "pixels", None)
    results = [_experiment.Result(method, 1, k, a, 1.0) for k, a in enumerate([0.5, 0.7])]
    mean, deviation, seconds = _report.summarise(results)[method][1]
    assert (mean, deviation, seconds) == (pytest.approx(0.6), pytest.approx(0.1), 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "0"], "'0' is not a whole number of at least 1"),
        (["--labels", "1,x"], "'x' is not a whole number of at least 1"),
        (["--labels", "500"], "500 labels per class are more than the 80 that there are"),
        (["--draws", "-1"], "'-1' is not a whole number of at least 1"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(["demo", *arguments])
    assert message in capsys.readouterr().err


def test_a_missing_extra_is_named_before_the_work_begins(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(_experiment, "find_spec", lambda name: None if name == "torch" else name)
    assert main(["demo", "--out", str(tmp_path)]) == 1
    message = f"the demo needs torch, not installed: run {install_command('torch', 'plot')}."
    assert message in capsys.readouterr().err


def test_a_file_for_a_folder_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 1
    assert "is a file; name a folder" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"
