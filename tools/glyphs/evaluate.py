"""Measure what the features of the network are worth with few labels."""

import argparse
import gzip
import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .draws import IMAGE_SIZE
from .network import STAGES

DATA_VARIABLE = "SKTRANSFER_DATA"
REPORT = "glyphs_evaluation.json"
BATCH = 256
PENALTY = 0.1
MAX_ITER = 2000
DIGITS_LABELS = (1, 3, 5, 10, 20)
DIGITS_SEEDS = 10
MNIST_ROWS = 4000
MNIST_LABELS = (1, 5, 10)
MNIST_SEEDS = 8


def open_network(source):
    """Start onnxruntime on a network.

    Parameters
    ----------
    source : str, Path or bytes
        The file, or its content.

    Returns
    -------
    onnxruntime.InferenceSession
        The running network.
    """
    source = source if isinstance(source, bytes) else str(source)
    return onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])


def features(session, images):
    """Compute the spatial mean of the last stage.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The network.
    images : ndarray of shape (n, h, w)
        Grey levels in [0, 1].

    Returns
    -------
    ndarray of shape (n, n_channels)
        One row per image.
    """
    frames = np.stack([resize(image) for image in images])[:, None]
    parts = np.split(frames, range(BATCH, len(frames), BATCH))
    maps = [session.run([STAGES[-1]], {"image": part})[0] for part in parts]
    return np.concatenate(maps).mean(axis=(2, 3))


def resize(image):
    """Scale an image bilinearly to the size the network reads.

    Parameters
    ----------
    image : ndarray of shape (h, w)
        Grey levels.

    Returns
    -------
    ndarray of shape (32, 32)
        Grey levels.
    """
    frame = Image.fromarray(np.ascontiguousarray(image, dtype=np.float32))
    return np.asarray(frame.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BILINEAR))


def few_label_accuracy(X, y, k, seed):
    """Fit a linear classifier to ``k`` labels of each class and score it on all other rows.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        Features.
    y : ndarray of shape (n,)
        Digits.
    k : int
        Labels of each class.
    seed : int
        Seed of their choice.

    Returns
    -------
    float
        Accuracy.
    """
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.choice(np.where(y == c)[0], k, replace=False) for c in range(10)])
    rest = np.setdiff1d(np.arange(len(y)), rows)
    classifier = LogisticRegression(C=PENALTY, max_iter=MAX_ITER)
    model = make_pipeline(StandardScaler(), classifier).fit(X[rows], y[rows])
    return model.score(X[rest], y[rest])


def learning_curve(X, y, labels, n_seeds):
    """Average the few-label accuracy over seeds.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        Features.
    y : ndarray of shape (n,)
        Digits.
    labels : sequence of int
        Numbers of labels of each class.
    n_seeds : int
        Seeds 0, 1, ... to average over.

    Returns
    -------
    dict of str to dict
        Number of labels -> mean and standard deviation over the seeds.
    """
    curve = {}
    for k in labels:
        scores = [few_label_accuracy(X, y, k, seed) for seed in range(n_seeds)]
        curve[str(k)] = {
            "mean": round(float(np.mean(scores)), 4),
            "std": round(float(np.std(scores)), 4),
        }
    return curve


def compare(session, images, y, labels, n_seeds):
    """Compare the features of the network with raw pixels.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The network.
    images : ndarray of shape (n, h, w)
        Grey levels in [0, 1].
    y : ndarray of shape (n,)
        Digits.
    labels : sequence of int
        Numbers of labels of each class.
    n_seeds : int
        Seeds to average over.

    Returns
    -------
    dict of str to dict
        Learning curves under ``network`` and ``pixels``.
    """
    pixels = images.reshape(len(images), -1)
    return {
        "network": learning_curve(features(session, images), y, labels, n_seeds),
        "pixels": learning_curve(pixels, y, labels, n_seeds),
    }


def load_mnist(folder):
    """Load the first test images of MNIST.

    Parameters
    ----------
    folder : str or Path
        Holds the two gzipped files of the test set.

    Returns
    -------
    images : ndarray of shape (4000, 28, 28)
        Grey levels in [0, 1].
    y : ndarray of shape (4000,)
        Digits.
    """
    folder = Path(folder)
    pixels = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())
    images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)
    y = np.frombuffer(labels, np.uint8, offset=8)
    return images[:MNIST_ROWS] / 255, y[:MNIST_ROWS]


def evaluate(session):
    """Run the few-label comparisons on all data at hand.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The network.

    Returns
    -------
    dict of str to dict
        ``digits``, and ``mnist`` where the environment variable names a folder that has it.
    """
    digits = load_digits()
    results = {
        "digits": compare(session, digits.images / 16, digits.target, DIGITS_LABELS, DIGITS_SEEDS)
    }
    if DATA_VARIABLE in os.environ:
        images, y = load_mnist(Path(os.environ[DATA_VARIABLE]) / "mnist")
        results["mnist"] = compare(session, images, y, MNIST_LABELS, MNIST_SEEDS)
    return results


def held_out_accuracy(session, head, images, target):
    """Classify distorted glyphs of faces that training never saw, by the head of training.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The network.
    head : tuple of ndarray
        Weights of shape (n_classes, n_channels) and biases of shape (n_classes,).
    images : ndarray of shape (n, 32, 32)
        Distorted glyphs.
    target : ndarray of shape (n,)
        Classes.

    Returns
    -------
    dict of str to float
        Accuracy over all glyphs and over the digits, always among all classes.
    """
    weight, bias = head
    hits = (features(session, images) @ weight.T + bias).argmax(axis=1) == target
    digits = target < 10
    return {
        "glyphs": round(float(hits.mean()), 4),
        "digits": round(float(hits[digits].mean()), 4),
        "images": len(target),
    }


def table(results):
    """Lay out the learning curves as text.

    Parameters
    ----------
    results : dict
        What `evaluate` returns, perhaps with ``held_out_faces``.

    Returns
    -------
    str
        Lines.
    """
    lines = ["data     features   " + "labels per class: accuracy"]
    for data in ("digits", "mnist"):
        for kind, curve in results.get(data, {}).items():
            cells = "  ".join(f"{k}: {score['mean']:.3f}" for k, score in curve.items())
            lines.append(f"{data:<8} {kind:<10} {cells}")
    if "held_out_faces" in results:
        lines.append(f"held-out faces, distorted: {results['held_out_faces']}")
    return "\n".join(lines)


def main():
    """Evaluate a file and write the report beside it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("path", type=Path, help="the ONNX file")
    path = parser.parse_args().path
    session = open_network(path)
    stored = session.get_modelmeta().custom_metadata_map
    known = json.loads(stored.get("sktransfer.evaluation", "{}"))
    results = known | evaluate(session)
    path.with_name(REPORT).write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
