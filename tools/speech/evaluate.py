"""Measure the features of the network on voices that it never heard, and on people."""

import numpy as np
import torch

from benchmarks._data import DataError, find_data_home, load_spoken_digits
from benchmarks.spoken_digits import N_TEST, RATE, few_labels, leave_one_out, linear_model
from sktransfer import PretrainedAudioExtractor

from .distort import Distorter
from .network import STAGES

SEED = 1
BATCH = 250
N_WORDS, N_DRAWS = 40, 5
REPORT = "speech_evaluation.json"


@torch.no_grad()
def embed(network, inputs):
    """Compute the embedding.

    Parameters
    ----------
    network : SpeechNet
        In evaluation mode.
    inputs : tensor of shape (n, 1, 96, 32)

    Returns
    -------
    ndarray of shape (n, n_features)
    """
    return np.concatenate([network.outputs(part)[-1].numpy() for part in inputs.split(BATCH)])


@torch.no_grad()
def on_voices(network, clips, *, n_common):
    """Measure words of held-out voices, distorted as in training.

    Parameters
    ----------
    network : SpeechNet
        In evaluation mode; it has a class for each word of the clips.
    clips : Clips
    n_common : int
        Number of words that are no digits; they come first.

    Returns
    -------
    dict of str to float
        ``words``: accuracy among all words. ``few``: accuracy among 40 words that are no digits,
        with the clips of one half of the voices as labels and of the other as the test.
    """
    distorter = Distorter(clips, torch.Generator().manual_seed(SEED))
    inputs = torch.cat(
        [distorter.distort(rows)[0] for rows in torch.arange(len(clips.word)).split(BATCH)]
    )
    words = torch.cat([network(part)[0].argmax(dim=1) for part in inputs.split(BATCH)]).numpy()
    X, generator, few = embed(network, inputs), np.random.default_rng(SEED), []
    for draw in range(N_DRAWS):
        chosen = generator.choice(n_common, min(N_WORDS, n_common), replace=False)
        kept = np.isin(clips.word, chosen)
        train, y = kept & (clips.voice % 2 == draw % 2), clips.word
        model = linear_model().fit(X[train], y[train])
        few.append(model.score(X[kept & ~train], y[kept & ~train]))
    return {"words": float(np.mean(words == clips.word)), "few": float(np.mean(few))}


def on_people(path):
    """Measure digits of four people as users hear them, if their recordings are there.

    Parameters
    ----------
    path : Path
        Of the ONNX file.

    Returns
    -------
    dict of str to float
        Accuracy with five labels a digit, and of a speaker that is not among the labels.
    """
    try:
        clips = load_spoken_digits(find_data_home())
    except DataError:
        return {}
    extractor = PretrainedAudioExtractor(path, stage=STAGES[-1], sample_rate=RATE, cache=None)
    X = extractor.fit_transform(clips["waves"])
    few = few_labels(X, clips["digit"], clips["number"] < N_TEST, seeds=range(10))
    others = leave_one_out(X, clips["digit"], clips["speaker"])
    return {
        "5 per digit": float(few.mean()),
        "a new speaker": float(np.mean(list(others.values()))),
    }
