"""Means of word vectors, in NumPy."""

import numpy as np


class WordsEngine:
    """Compute the mean of the vectors of each text's words, from a backbone of a table of them."""

    key = "numpy-cpu"
    ahead, pools = 0, False

    def __init__(self, backbone):
        self._vectors = backbone.preprocessing.load().vectors

    def run(self, batch):
        """Return means (n, n_features), float32, for words (n, n_words), int32; 0 for none."""
        return self._vectors[batch].sum(axis=1) / np.float32(max(1, batch.shape[1]))
