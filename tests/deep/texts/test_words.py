"""The built-in word vectors: their rules, and texts in every container."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sktransfer import FineTuneClassifier, PretrainedFeatureExtractor, PretrainedTextExtractor
from sktransfer.deep._built_in import built_in_path
from sktransfer.deep._texts.texts import cut
from sktransfer.deep._texts.vectors import read_table
from sktransfer.exceptions import TransferWarning

TEXTS = ["The cat sat.", "I don't know", "", "zzxxqq", "the CAT sat .", "Don't! stop_now"]


@pytest.fixture(scope="module")
def table():
    return read_table(built_in_path("words"))


def mean_of(table, words):
    return np.mean([table.vectors[table.places[word]] for word in words], axis=0)


def test_features_are_the_mean_of_the_known_words(table):
    features = PretrainedTextExtractor(cache=None).fit_transform(TEXTS)
    expected = {
        0: ["the", "cat", "sat", "."],
        1: ["i", "don", "'t", "know"],
        5: ["don", "'t", "!", "stop", "_", "now"],
    }
    for row, words in expected.items():
        known = [word for word in words if word in table.places]
        np.testing.assert_allclose(features[row], mean_of(table, known), atol=1e-6)
    assert not features[2:4].any()
    np.testing.assert_array_equal(features[0], features[4])
    assert features.dtype == np.float32
    assert features.shape == (6, 50)


def test_the_file_says_where_it_comes_from_and_is_small():
    path = built_in_path("words")
    with np.load(path) as arrays:
        about = arrays["about"].tobytes().decode()
        assert arrays["table"].shape == (40_000, 50)
        assert arrays["table"].dtype == np.int8
    assert "Pennington" in about
    assert "Public Domain Dedication and License" in about
    assert path.stat().st_size <= 2_200_000


def test_it_runs_on_numpy_alone():
    code = (
        "import sys; from sktransfer import PretrainedTextExtractor as P\n"
        "P().fit_transform(['a cat'])\n"
        "print([m for m in ('onnxruntime', 'onnx', 'torch', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_text_has_the_same_bits_alone_as_in_any_batch():
    rng = np.random.default_rng(0)
    words = list(read_table(built_in_path("words")).places)[:500]
    texts = [" ".join(rng.choice(words, n)) for n in rng.integers(0, 60, size=80)]
    extractor = PretrainedTextExtractor(cache=None).fit(texts)
    together = extractor.transform(texts)
    np.testing.assert_array_equal(
        together, np.concatenate([extractor.transform([text]) for text in texts])
    )
    np.testing.assert_array_equal(together, extractor.set_params(batch_size=7).transform(texts))
    np.testing.assert_array_equal(together[::-1], extractor.transform(texts[::-1]))


CONTAINERS = {
    "tuple": tuple,
    "object array": lambda texts: np.array(texts, dtype=object),
    "str array": np.array,
    "StringDType": lambda texts: np.array(texts, dtype=np.dtypes.StringDType()),
    "column of an array": lambda texts: np.array(texts)[:, np.newaxis],
    "Series": pd.Series,
    "Series of string": lambda texts: pd.Series(texts, dtype="string"),
    "Series of Arrow": lambda texts: pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
    "categories": lambda texts: pd.Series(texts, dtype="category"),
    "index from 5": lambda texts: pd.Series(texts, index=range(5, 5 + len(texts))),
    "frame": lambda texts: pd.DataFrame({"text": texts}),
    "Arrow": pa.array,
    "chunks of Arrow": lambda texts: pa.chunked_array([texts[:2], texts[2:]]),
    "polars": pl.Series,
    "polars frame": lambda texts: pl.DataFrame({"text": texts}),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_any_container_of_texts(container):
    expected = PretrainedTextExtractor().fit_transform(TEXTS)
    X = CONTAINERS[container](TEXTS)
    np.testing.assert_array_equal(PretrainedTextExtractor().fit_transform(X), expected)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            "a text",
            r"^X is one text of type str, expected a sequence of texts: pass a list, \[X\]\.$",
        ),
        (b"a text", r"^X is one text of type bytes"),
        ([], r"^X is an empty list, expected one text or more\.$"),
        (
            np.zeros((3, 2)),
            r"^X has the shape \(3, 2\) and holds numbers, but .* such as backbone='glyphs'\.$",
        ),
        (np.full((3, 2), "a"), r"^X has the shape \(3, 2\), expected a sequence of texts: select"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), r"in a ColumnTransformer for example\.$"),
        (np.zeros(3), r"^3 of 3 texts cannot be read: X\[0\] \(is no text but of type float\)"),
    ],
    ids=str,
)
def test_what_is_no_sequence_of_texts_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        PretrainedTextExtractor().fit(X)
    if len(X):
        with pytest.raises(ValueError, match=message):
            PretrainedTextExtractor().fit(TEXTS).transform(X)


@pytest.mark.parametrize(
    "X",
    [{"a": "b"}, {"a"}, (text for text in TEXTS), 3, None],
    ids=["dict", "set", "generator", "number", "None"],
)
def test_what_has_no_order_is_refused(X):
    with pytest.raises(TypeError, match=r"^X=.*: expected one entry a row"):
        PretrainedTextExtractor().fit(X)


MISSING = ["a cat", None, 3, float("nan"), pd.NA, np.float64("nan"), "\ud800", b"bytes"]


def test_what_is_no_text_is_named_by_its_row():
    message = (
        r"^7 of 8 texts cannot be read: X\[1\] \(is missing: None\), X\[2\] \(is no text but of "
        r"type int\), X\[3\] \(is missing: nan\), X\[4\] \(is missing: <NA>\), X\[5\] \(is "
        r"missing: np\.float64\(nan\)\), X\[6\] \(is no valid Unicode: '\\ud800' at 0\), X\[7\] "
        r"\(is no text but of type bytes\); repair or remove them\.$"
    )
    with pytest.raises(ValueError, match=message):
        PretrainedTextExtractor().fit(MISSING)
    extractor = PretrainedTextExtractor(on_error="nan").fit(MISSING)
    with pytest.warns(UserWarning, match=r"^7 of 8 texts .*their features are NaN\.$"):
        features = extractor.transform(MISSING)
    assert np.isnan(features).all(axis=1).tolist() == [False] + [True] * 7
    assert [fault.position for fault in extractor.find_unreadable(MISSING)] == list(range(1, 8))


def test_nothing_is_cut_off_silently():
    texts = ["the cat sat on the mat", "a dog", "one two three four five"]
    extractor = PretrainedTextExtractor(max_tokens=3)
    message = (
        r"^2 of 3 texts are longer than max_tokens=3, and 5 of their 11 tokens are cut off: "
        r"X\[0\], X\[2\]\. Pass long_text='windows' to average the features of all parts of a "
        r"text\.$"
    )
    with pytest.warns(TransferWarning, match=message) as caught:
        features = extractor.fit_transform(texts)
    assert len(caught) == 1
    with pytest.warns(TransferWarning, match=message) as caught:
        np.testing.assert_array_equal(extractor.transform(texts), features)
    assert len(caught) == 1
    shorter = ["the cat sat", "a dog", "one two three"]
    np.testing.assert_array_equal(PretrainedTextExtractor().fit_transform(shorter), features)


def test_windows_average_the_parts_of_a_long_text(table):
    texts = ["the cat sat on the mat", "a dog", "one two three four five"]
    features = PretrainedTextExtractor(max_tokens=3, long_text="windows").fit_transform(texts)
    plain = PretrainedTextExtractor().fit_transform(texts)
    np.testing.assert_allclose(features[:2], plain[:2], atol=1e-6)
    halves = [mean_of(table, ["one", "two", "three"]), mean_of(table, ["three", "four", "five"])]
    np.testing.assert_allclose(features[2], np.mean(halves, axis=0), atol=1e-6)


@pytest.mark.parametrize("room", [1, 3, 4, 7, 50])
@pytest.mark.parametrize("n", [0, 1, 6, 7, 8, 49])
def test_windows_have_one_length_and_cover_the_text(n, room):
    windows = cut(list(range(n)), room, "windows")
    assert {len(window) for window in windows} == {min(n, room)}
    assert sorted({token for window in windows for token in window}) == list(range(n))
    assert len(windows) == max(1, -(-n // room))


def test_a_prefix_is_part_of_the_text():
    with_prefix = PretrainedTextExtractor(prefix="money ").fit_transform(TEXTS)
    expected = PretrainedTextExtractor().fit_transform([f"money {text}" for text in TEXTS])
    np.testing.assert_array_equal(with_prefix, expected)


def count_lookups(monkeypatch):
    """The numbers of rows that are looked up one by one."""
    from sktransfer.deep._cache.cache import memory

    counts, get = [], memory.get
    monkeypatch.setattr(memory, "get", lambda keys, n: counts.append(len(keys)) or get(keys, n))
    return counts


def test_a_column_that_was_seen_before_is_looked_up_as_a_whole(monkeypatch, tmp_path):
    texts = [f"{text} {np.random.default_rng().integers(2**60)}" for text in TEXTS]
    expected = PretrainedTextExtractor(cache=None).fit_transform(texts)
    counts = count_lookups(monkeypatch)
    for cache in ("memory", tmp_path):
        extractor = PretrainedTextExtractor(cache=cache).fit(TEXTS)
        first = extractor.transform(texts)
        assert counts == [6]
        again = extractor.transform(pd.Series(texts, dtype="string"))
        assert counts == [6]
        for features in (first, again):
            np.testing.assert_array_equal(features, expected)
            features[:] = -1  # a result that is changed changes no later one
        np.testing.assert_array_equal(extractor.transform(texts), expected)
        extractor.transform(texts[1:])
        extractor.set_params(prefix="no ").fit(texts)
        changed = extractor.transform(texts)
        assert counts == [6, 5, 6]
        assert not np.array_equal(changed, expected)
        counts.clear()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["one two", " three"], ["one", " two three"]),
        (["cat", "sat", ""], ["cat", "", "sat"]),
        (["one two", "three"], ["three", "one two"]),
        (["is\0it", "so"], ["is", "it\0so"]),
    ],
)
def test_no_other_column_is_taken_for_one_that_was_seen(first, second):
    extractor = PretrainedTextExtractor().fit(first)
    extractor.transform(first)
    expected = clone(extractor).set_params(cache=None).fit(first).transform(second)
    np.testing.assert_array_equal(extractor.transform(second), expected)


def test_a_column_with_missing_texts_is_named_each_time():
    extractor = PretrainedTextExtractor(on_error="nan").fit(TEXTS)
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"X\[1\]"):
            features = extractor.transform(["a cat", None])
        assert np.isnan(features[1]).all()
    with pytest.raises(ValueError, match=r"X\[1\]"):
        extractor.set_params(on_error="raise").transform(["a cat", None])


def test_clones_and_pickles_are_small_and_give_the_same():
    extractor = PretrainedTextExtractor().fit(TEXTS)
    expected, pickled = extractor.transform(TEXTS), pickle.dumps(extractor)
    assert len(pickled) < 10_000
    np.testing.assert_array_equal(pickle.loads(pickled).transform(TEXTS), expected)
    np.testing.assert_array_equal(clone(extractor).fit_transform(TEXTS), expected)
    any_kind = PretrainedFeatureExtractor("words").fit(TEXTS)
    np.testing.assert_array_equal(any_kind.transform(TEXTS), expected)
    assert any_kind.get_feature_names_out()[49] == "words_mean_49"
    assert any_kind.engine_ == "numpy-cpu"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: PretrainedFeatureExtractor("words", image_shape=(8, 8), value_range=(0, 1)),
            r"^image_shape=\(8, 8\), value_range=\(0, 1\): read for images only, but "
            r"backbone='words' reads texts; leave it out\.$",
        ),
        (
            lambda: PretrainedFeatureExtractor("words", stages=["a"]),
            r"^stages=\('a',\): word vectors \(backbone='words'\) have one stage",
        ),
        (
            lambda: PretrainedFeatureExtractor("words", stage="a"),
            r"^stage='a' is not a stage of the backbone 'words': expected None",
        ),
        (
            lambda: PretrainedTextExtractor("glyphs"),
            r"^backbone='glyphs' reads images, and PretrainedTextExtractor takes networks for "
            r"texts: use PretrainedFeatureExtractor, or another network\.$",
        ),
        (
            lambda: PretrainedTextExtractor(device="cuda"),
            r"^device='cuda': the backbone 'words' is a table of vectors, and runs on the CPU",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make().fit(TEXTS)


def test_parameters_of_texts_are_refused_for_images():
    message = r"^max_tokens=3, prefix='a': read for texts only, but backbone='glyphs' reads images"
    with pytest.raises(ValueError, match=message):
        PretrainedFeatureExtractor(max_tokens=3, prefix="a").fit(np.zeros((2, 64)))


PETS = ["a cat and a dog", "my dog barks", "a hamster", "stocks and bonds", "the market", "shares"]
LABELS = ["pets"] * 3 + ["money"] * 3


def test_a_column_of_texts_beside_others():
    frame = pd.DataFrame({"text": PETS, "length": [len(text) for text in PETS]})
    columns = [("text", PretrainedTextExtractor(), "text"), ("n", "passthrough", ["length"])]
    pipe = make_pipeline(ColumnTransformer(columns), LogisticRegression()).fit(frame, LABELS)
    assert pipe.score(frame, LABELS) == 1.0
    assert pipe[:-1].get_feature_names_out()[0] == "text__words_mean_0"


def test_fine_tuning_trains_a_head(tmp_path):
    classifier = FineTuneClassifier("words", class_weight="balanced").fit(PETS, LABELS)
    new = ["kitten", "the price of gold"]
    assert classifier.predict(new).tolist() == ["pets", "money"]
    assert classifier.depth_ == 1
    pytest.importorskip("safetensors")
    classifier.save(tmp_path / "words.safetensors")
    loaded = FineTuneClassifier.load(tmp_path / "words.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(new), classifier.predict_proba(new))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"freeze_depth": 0}, r"^freeze_depth=0: the weights of backbone='words' cannot be"),
        ({"initialize": "random"}, r"^initialize='random': the weights of backbone='words' cannot"),
        ({"augment": {"shift": 0.1}}, r"^augment=\{'shift': 0.1\}: read for images only"),
    ],
)
def test_word_vectors_are_not_trained(parameters, message):
    with pytest.raises(ValueError, match=message):
        FineTuneClassifier("words", **parameters).fit(PETS, LABELS)


def test_a_training_is_found_again_in_its_folder(tmp_path):
    first = FineTuneClassifier("words", checkpoint=tmp_path).fit(PETS, LABELS)
    again = FineTuneClassifier("words", checkpoint=tmp_path).fit(PETS, LABELS)
    np.testing.assert_array_equal(again.head_.coef, first.head_.coef)
    with pytest.raises(ValueError, match="differs in X:"):
        FineTuneClassifier("words", checkpoint=tmp_path).fit(PETS[::-1], LABELS)
