"""Means of word vectors, in NumPy."""

import numpy as np


class WordsEngine:
    """Compute the mean of the vectors of each text's words, from a backbone of a table of them."""

    key = "numpy-cpu"

    def __init__(self, backbone):
        self._vectors = backbone.preprocessing.load().vectors

    def run(self, batch):
        """Return means (n, n_features), float32, for words (n, n_words), int32; 0 for none."""
        n_words = batch.shape[1]
        sums = np.zeros((len(batch), self._vectors.shape[1]), dtype=np.float64)
        for column in range(n_words):  # one after the other: the same bits in any batch
            sums += self._vectors[batch[:, column]]
        return (sums / max(1, n_words)).astype(np.float32)
