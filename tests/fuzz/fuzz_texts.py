"""Word vectors and tokenizers: mutated files, and texts of any characters."""

import json

import numpy as np

from sktransfer import PretrainedTextExtractor
from sktransfer.deep._texts.tokenizer import read_tokenizer
from sktransfer.deep._texts.vectors import read_table

WORDS = ["cat", "dog", "the", "New York", "café", "."]
TEXTS = [
    "the cat",
    "",
    "\ud800",
    None,
    3,
    "a\0b",
    "café " * 50,
    "👩\u200d👩",
    "\u202e the",
    "cat\r\ndog",
]


def case(seed, folder):
    rng = np.random.default_rng(seed)
    if rng.random() < 0.3:
        tokenizer(rng, folder / "tokenizer.json")
        return
    suffix = rng.choice([".txt", ".vec", ".npz"])
    path = folder / f"words{suffix}"
    vectors = rng.normal(size=(len(WORDS), 3)).round(3)
    if suffix == ".npz":
        np.savez(path, words=np.array(WORDS), vectors=vectors)
    else:
        lines = [f"{word} {' '.join(map(str, row))}" for word, row in zip(WORDS, vectors)]
        head = [f"{len(WORDS)} 3"] if suffix == ".vec" else []
        path.write_text("\n".join([*head, *lines, ""]), encoding="utf-8")
    if rng.random() < 0.7:
        path.write_bytes(damaged(path.read_bytes(), rng))
    table = read_table(path)
    assert np.isfinite(table.vectors).all()
    texts = [TEXTS[k] for k in rng.integers(len(TEXTS), size=5)]
    extractor = PretrainedTextExtractor(path, cache=None, on_error="nan").fit(texts)
    rows = extractor.transform(texts)
    assert rows.shape == (5, table.vectors.shape[1])
    bad = {fault.position for fault in extractor.find_unreadable(texts)}
    assert bad == set(np.flatnonzero(np.isnan(rows).any(axis=1)))


def tokenizer(rng, path):
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "cat": 2, "dog": 3, "the": 4}
    content = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    text = json.dumps(content).encode()
    path.write_bytes(damaged(text, rng) if rng.random() < 0.8 else text)
    found = read_tokenizer(path)
    ids = found.rust.encode("the cat", add_special_tokens=False).ids
    assert all(isinstance(number, int) for number in ids)


def damaged(content, rng):
    """The content with bytes changed, left out, or doubled."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(content) or 1))
        kind = rng.integers(3)
        if kind == 0:
            content[place : place + 1] = bytes([int(rng.integers(256))])
        elif kind == 1:
            del content[place : place + int(rng.integers(1, 40))]
        else:
            content[place:place] = content[place : place + int(rng.integers(1, 40))]
    return bytes(content)
