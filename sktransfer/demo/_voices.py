"""The line of the demo on sounds: synthetic digits, with the labels of one voice."""

from textwrap import wrap

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import PretrainedAudioExtractor
from sktransfer.datasets import load_synthetic_digits


def digits_of_one_voice(seed):
    """Give the accuracies of log-mel frames and of features on the voices without a label."""
    digits = load_synthetic_digits()
    frames = np.concatenate([digits.data.mean(axis=1), digits.data.std(axis=1)], axis=1)
    features = PretrainedAudioExtractor().fit_transform(digits.data)
    voice = np.random.default_rng(seed).choice(np.unique(digits.voice))
    labelled, y = digits.voice == voice, digits.target
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    return [
        model.fit(X[labelled], y[labelled]).score(X[~labelled], y[~labelled])
        for X in (frames, features)
    ]


def format_voices(found):
    """Return the means of several draws as text."""
    frames, features = np.mean(found, axis=0)
    line = (
        "Spoken digits of a synthesizer, one of 40 voices labelled: the mean and the deviation of "
        f"log-mel frames have {frames:.3f} on the others, features of the network for speech that "
        f"ships with the package have {features:.3f} (mean of {len(found)} draws)."
    )
    return "\n".join(wrap(line, width=100, break_on_hyphens=False))
