"""Fitted classifiers of texts as ONNX files: from strings for words, from tokens for networks."""

import numpy as np
import onnxruntime
import pytest

from sktransfer import FineTuneClassifier, FineTuneRegressor

X = ["a cat and a dog", "my dog barks!", "a hamster", "stocks and bonds", "the market", "shares"]
Y = np.array(["pets"] * 3 + ["money"] * 3)
NEW = [
    "My DOG doesn't bark.",
    "",
    "zzxxqq",
    "A Café in São Paulo, and the CAFÉ's owner",
    "under_score and 3.5 % of 80's stocks",
    "tabs\tand\nlines, naïve \u00a0 spaces",
]


def run(path, **inputs):
    session = onnxruntime.InferenceSession(str(path))
    assert {each.name for each in session.get_inputs()} == set(inputs)
    return session.run(None, inputs)


def test_words_are_classified_from_strings(tmp_path):
    classifier = FineTuneClassifier("words").fit(X, Y)
    classifier.to_onnx(tmp_path / "words.onnx")
    for texts in (NEW, NEW[:1], [""]):
        labels, shares = run(tmp_path / "words.onnx", X=np.array(texts, dtype=object))
        np.testing.assert_allclose(shares, classifier.predict_proba(texts), atol=1e-5)
        assert labels.tolist() == classifier.predict(texts).tolist()


def test_words_are_regressed_from_strings(tmp_path):
    regressor = FineTuneRegressor("words").fit(X, np.arange(6.0))
    regressor.to_onnx(tmp_path / "words.onnx")
    (values,) = run(tmp_path / "words.onnx", X=np.array(NEW, dtype=object))
    np.testing.assert_allclose(values, regressor.predict(NEW), rtol=1e-4)


def test_what_changes_the_strings_before_is_refused(tmp_path):
    classifier = FineTuneClassifier("words", prefix="the ").fit(X, Y)
    with pytest.raises(ValueError, match=r"^max_tokens=None and prefix='the ' change texts before"):
        classifier.to_onnx(tmp_path / "words.onnx")
    (tmp_path / "mine.txt").write_text("Cat 1 2\ndog 2 1\nmarket 0 1\nthe 1 1\n")
    classifier = FineTuneClassifier(tmp_path / "mine.txt").fit(X, Y)
    with pytest.raises(ValueError, match=r"^backbone=.*mine\.txt' holds words with capitals"):
        classifier.to_onnx(tmp_path / "words.onnx")


@pytest.mark.parametrize(("folder", "depth"), [("small_bert", 1), ("sentence_bert", "all")])
def test_transformers_are_run_from_padded_tokens(folder, depth, request, tmp_path):
    pytest.importorskip("onnxscript", reason="torch writes ONNX with it")
    folder, _ = request.getfixturevalue(folder)
    classifier = FineTuneClassifier(
        f"hf:{folder}", freeze_depth=depth, max_epochs=2, random_state=0, validation_fraction=0
    ).fit(X, Y)
    classifier.to_onnx(tmp_path / "net.onnx")
    tokenizer = classifier.backbone_.preprocessing.open()
    sequences = [tokenizer.sequences(classifier.backbone_.preprocessing, text)[0] for text in X]
    ids = np.zeros((len(X), max(map(len, sequences))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)], mask[row, : len(sequence)] = sequence, 1
    labels, shares = run(tmp_path / "net.onnx", input_ids=ids, attention_mask=mask)
    np.testing.assert_allclose(shares, classifier.predict_proba(X), atol=1e-4)
    assert labels.tolist() == classifier.predict(X).tolist()
