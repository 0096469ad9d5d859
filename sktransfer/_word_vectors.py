"""Vectors of short texts, for methods outside of `sktransfer.deep`."""

import numpy as np


def text_vectors(texts):
    """Return the mean of the built-in word vectors of each text.

    Parameters
    ----------
    texts : list of str

    Returns
    -------
    vectors : ndarray of shape (n_texts, 50)
        A row of zeros if no word of a text is known.
    """
    from sktransfer.deep import PretrainedTextExtractor  # costs time, and few need it

    return np.asarray(PretrainedTextExtractor(cache=None).fit_transform(texts), dtype=np.float64)
