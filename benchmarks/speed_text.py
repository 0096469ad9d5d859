"""Texts per second, next to a bare loop and a bare session, and from the cache.

What does a user pay beyond the network itself? Headlines of AG News run through "words" and through
the sentence encoder all-MiniLM-L6-v2. The bare loop looks words up in a dict, and averages their
vectors; the bare session runs the same graph in ONNX Runtime, one text after the other, with the
tokens of the same tokenizer. Sides take turns, with one thread each.
"""

import numpy as np

from benchmarks._data import DataError
from benchmarks._runner import Table
from benchmarks._speed_networks import by_turns
from benchmarks._text_data import find_sentence_encoder, load_ag_news
from sktransfer import PretrainedTextExtractor
from sktransfer.deep._cache.cache import memory
from sktransfer.deep._engines.engine import open_engine
from sktransfer.deep._texts.words import _WORD

# The goals: ours next to the bare side, and the second pass next to the first.
BESIDE, CACHED = 0.9, 30.0


def run(data_home, *, quick=False):
    """Measure both networks, or "words" alone where the encoder is not installed."""
    texts, _ = load_ag_news(data_home)
    repeats = 1 if quick else 5
    rows = [measure("words", texts, "words", bare_words(texts), repeats)]
    try:
        encoder = find_sentence_encoder()
    except DataError as error:
        notes = [str(error)]
    else:
        few, notes = texts[: 32 if quick else 256], []
        rows.append(measure("all-MiniLM-L6-v2", few, encoder, bare_session(few, encoder), repeats))
    return [
        Table(
            "Texts per second, medians of runs by turns, one thread",
            (
                "network",
                "texts",
                "bare",
                "ours",
                f"ours / bare (goal {BESIDE})",
                "from the cache",
                f"cached / ours (goal {CACHED:g})",
            ),
            rows,
            notes=[
                *notes,
                "A column that was seen before is hashed as a whole, and its rows are copied.",
            ],
        )
    ]


def measure(name, texts, backbone, bare, repeats):
    """Make one row."""
    extractor = PretrainedTextExtractor(backbone, cache=None, n_jobs=1).fit(texts[:4])
    cached = PretrainedTextExtractor(backbone, n_jobs=1).fit(texts[:4])
    memory.clear()
    cached.transform(texts)
    jobs = {
        "bare": bare,
        "ours": lambda: extractor.transform(texts),
        "cached": lambda: cached.transform(texts),
    }
    np.testing.assert_allclose(bare(), extractor.transform(texts), atol=1e-4)
    seconds = by_turns(jobs, repeats=repeats)
    rate = {side: len(texts) / value for side, value in seconds.items()}
    shares = rate["ours"] / rate["bare"], rate["cached"] / rate["ours"]
    return [name, len(texts), rate["bare"], rate["ours"], shares[0], rate["cached"], shares[1]]


def bare_words(texts):
    """Give the loop that a user would write for word vectors."""
    table = PretrainedTextExtractor().fit(texts[:1]).backbone_.preprocessing.load()
    places, vectors = table.places, table.vectors

    def loop():
        rows = []
        for text in texts:
            found = [places[word] for word in _WORD.findall(text.lower()) if word in places]
            rows.append(vectors[found].mean(axis=0) if found else np.zeros(vectors.shape[1]))
        return np.array(rows)

    return loop


def bare_session(texts, backbone):
    """Give the loop over a session of ONNX Runtime for a transformer."""
    extractor = PretrainedTextExtractor(backbone, cache=None, n_jobs=1).fit(texts[:4])
    session = open_engine(extractor.backbone_, extractor.stage_, n_jobs=1)._session
    name = session.get_inputs()[0].name
    inputs = extractor.backbone_.preprocessing
    tokenizer = inputs.open()

    def loop():
        rows = []
        for text in texts:
            ids = np.array(tokenizer.sequences(inputs, text), dtype=np.int64)
            rows.append(session.run(None, {name: ids})[0][0])
        return np.array(rows)

    return loop
