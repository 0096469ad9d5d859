"""Files of word vectors: the forms that are read, and the faults that are named."""

import os
import pickle

import numpy as np
import pytest

from sktransfer import PretrainedFeatureExtractor, PretrainedTextExtractor
from sktransfer.deep._texts.vectors import read_table

WORDS = ["cat", "Dog", "dog", ".", "New York", "café"]
VECTORS = np.random.default_rng(0).normal(size=(6, 4)).round(3).astype(np.float32)


def lines(words=WORDS, vectors=VECTORS):
    pairs = zip(words, vectors, strict=True)
    return [" ".join([word, *map(str, vector.tolist())]) for word, vector in pairs]


def write(path, form):
    if form == ".npz":
        np.savez(path, words=np.array(WORDS), vectors=VECTORS.astype(np.float64))
    else:
        head = [f"{len(WORDS)} 4"] if form == ".vec" else []
        path.write_text("\n".join([*head, *lines(), ""]), encoding="utf-8")


@pytest.mark.parametrize("form", [".txt", ".vec", ".npz"])
def test_each_form_is_read(form, tmp_path):
    path = tmp_path / f"mine{form}"
    write(path, form)
    table = read_table(path)
    np.testing.assert_array_equal(table.vectors, VECTORS)
    extractor = PretrainedTextExtractor(path).fit(["a"])
    features = extractor.transform(["Cat dog", "Dog", "DOG", "café .", "nothing", "York"])
    expected = [VECTORS[[0, 2]].mean(axis=0), VECTORS[1], VECTORS[2], VECTORS[[5, 3]].mean(axis=0)]
    np.testing.assert_allclose(features[:4], expected, rtol=1e-6)
    assert not features[4:].any()
    assert extractor.get_feature_names_out()[0] == "mine_mean_0"


def test_the_first_line_of_a_word_counts(tmp_path):
    path = tmp_path / "twice.txt"
    path.write_text("cat 1 2\ncat 3 4\n")
    features = PretrainedTextExtractor(path).fit_transform(["cat"])
    np.testing.assert_array_equal(features, [[1, 2]])


def test_a_moved_file_is_found_and_another_one_refused(tmp_path):
    write(tmp_path / "here.txt", ".txt")
    extractor = PretrainedTextExtractor(tmp_path / "here.txt", cache=None).fit(["cat"])
    expected, pickled = extractor.transform(["cat dog"]), pickle.dumps(extractor)
    os.rename(tmp_path / "here.txt", tmp_path / "there.txt")
    moved = pickle.loads(pickled).set_params(backbone=tmp_path / "there.txt")
    np.testing.assert_array_equal(moved.transform(["cat dog"]), expected)
    with pytest.raises(FileNotFoundError, match=r"^The word vectors .* are gone: put the file"):
        pickle.loads(pickled).transform(["cat dog"])
    (tmp_path / "here.txt").write_text("cat 1 2 3 4\n")
    with pytest.raises(ValueError, match="are not the ones that fit has seen"):
        pickle.loads(pickled).transform(["cat dog"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", r"it has 0 words"),
        ("cat 1 2\ndog 1\n", r"line 2 has 2 parts, expected a word and 2 numbers"),
        ("cat 1 two\n", r"line 1 holds a value that is no number"),
        ("cat 1 nan\n", r"the vector of 'cat' is not finite"),
        ("cat\n", r"line 1 has 1 parts"),
        ("2 0\ncat\n", r"line 2 has 1 parts"),
    ],
)
def test_faults_of_a_text_file_are_named(content, reason, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"bad\.txt' holds no word vectors .*{reason}"):
        PretrainedFeatureExtractor(path).fit(["a"])


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"words": np.array(["a"])}, "it has the arrays words"),
        ({"words": np.array([1]), "vectors": np.ones((1, 2))}, "its words are of dtype int64"),
        ({"words": np.array(["a"]), "vectors": np.ones((2, 2))}, "it has 1 words and vectors of"),
        (
            {"words": np.array(["a"], dtype=object), "vectors": np.ones((1, 2))},
            "Object arrays cannot be loaded",
        ),
    ],
)
def test_faults_of_an_archive_are_named(arrays, reason, tmp_path):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=rf"bad\.npz' holds no word vectors .*{reason}"):
        PretrainedFeatureExtractor(path).fit(["a"])


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file"):
        PretrainedTextExtractor(tmp_path / "none.vec").fit(["a"])
