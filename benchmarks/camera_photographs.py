"""Photographs of 12 megapixels: JPEG files decoded in full, and at a part of their size.

``Preprocessing(draft=True)`` lets libjpeg decode a photograph at a half, a quarter or an eighth of
its size. How much time does that save, and do the features change by more than they change anyway?
Three changes that nobody would call another picture are measured beside it: the sensor's noise
drawn again, a stronger compression, and another resizing filter.

Photographs of ants and bees from ImageNet are made 4000 pixels long by Lanczos (most have 11 or 12
megapixels then), get the noise of a sensor at this size, and become JPEG files of quality 92.
MobileNetV2 reads them; without it MobileNetV1-0.25 does.
"""

import io
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._data import DataError, load_hymenoptera
from benchmarks._runner import Table
from benchmarks._weights import find_mobilenet_v2
from sktransfer import PretrainedFeatureExtractor
from sktransfer._extras import is_installed
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._images.decode import open_picture
from sktransfer.deep._images.network_input import network_input

LONG_SIDE = 4000
NOISE = 5  # standard deviation in levels of 255
FILES_AT_ONCE = 16


def run(data_home, *, quick=False):
    """Measure time and features.

    Parameters
    ----------
    data_home : Path or None
        The folder of data sets; weights are looked for beside it.
    quick : bool, default=False
        Every eighth photograph instead of every second one, and one run of each side.

    Returns
    -------
    tables : list of Table
    """
    name, backbone = find_network(data_home)
    parts = load_hymenoptera(data_home)
    step = 8 if quick else 2
    (train, y_train), (test, y_test) = ((X[::step], y[::step]) for X, y in parts.values())
    inputs = resolve_backbone(**backbone).preprocessing
    return [
        speed(train[: 2 if quick else 8], inputs, repeats=1 if quick else 5),
        features(name, backbone, [*train, *test], np.array([*y_train, *y_test]), len(train)),
    ]


def find_network(data_home):
    """Give the name and the options of the best network that is there."""
    if is_installed("transformers"):
        try:
            return "MobileNetV2", {"backbone": find_mobilenet_v2(data_home)}
        except DataError:
            pass
    path = Path(data_home, "../weights/mobilenet_v1_0.25_224.onnx").resolve()
    if not path.exists():
        raise DataError(f"camera_photographs: no network; put MobileNetV1-0.25 at {path}.")
    return "MobileNetV1-0.25", {"backbone": path, "preprocessing": "tf", "stages": ["features"]}


def camera_picture(path, *, seed):
    """Give a photograph 4000 pixels long, with the noise of a sensor."""
    with Image.open(path) as image:
        factor = LONG_SIDE / max(image.size)
        size = [round(side * factor) for side in image.size]
        large = np.array(image.convert("RGB").resize(size, Image.LANCZOS))
    rng = np.random.default_rng(seed)
    # A tile of noise that is laid elsewhere in each row of tiles, because normals are slow.
    tile = np.rint(rng.normal(0, NOISE, (512, LONG_SIDE, 1))).astype(np.int16)
    for top in range(0, len(large), len(tile)):
        rows = large[top : top + len(tile)]
        grain = np.roll(tile, int(rng.integers(LONG_SIDE)), axis=1)[: len(rows), : rows.shape[1]]
        rows[:] = np.clip(rows + grain, 0, 255)
    return Image.fromarray(large)


def jpeg(picture, **options):
    """Give the bytes of a JPEG file."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", **{"quality": 92, **options})
    return stream.getvalue()


def speed(paths, inputs, *, repeats):
    """Files in memory become the input of a network, in one thread."""
    pictures = [camera_picture(path, seed=number) for number, path in enumerate(paths)]
    rows = []
    for kind, options in (("baseline", {}), ("progressive", {"progressive": True})):
        files = [jpeg(picture, **options) for picture in pictures]
        sides = [replace(inputs, draft=draft) for draft in (False, True)]
        plain, draft = len(files) / _processor_seconds(files, sides, repeats=repeats)
        rows.append([kind, sum(map(len, files)) / len(files) / 1e6, plain, draft, draft / plain])
    return Table(
        "Photographs of 12 megapixels become the input of a network",
        ("JPEG", "MB a file", "images a second", "with draft=True", "ratio"),
        rows,
        notes=(
            f"{len(paths)} files in memory, one thread, seconds of its processor; medians of runs "
            "by turns.",
        ),
    )


def _processor_seconds(files, sides, *, repeats):
    """Read all files in each way, by turns, once before it counts; give the medians."""
    seconds = np.zeros((repeats + 1, len(sides)))
    for turn in range(repeats + 1):
        for k, inputs in enumerate(sides):
            start = process_time()
            for file in files:
                picture, _ = open_picture(file, preprocessing=inputs)
                network_input([picture], inputs)
            seconds[turn, k] = process_time() - start
    return np.median(seconds[1:], axis=0)


def features(name, backbone, paths, y, n_train):
    """Compare features, and how well a linear model reads them."""
    found = _features_of_each(backbone, paths)
    plain = found["decoded in full"]
    rows = []
    for change, made in found.items():
        cosine = np.sum(made * plain, axis=1)
        cosine /= np.linalg.norm(made, axis=1) * np.linalg.norm(plain, axis=1)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
        accuracy = model.fit(made[:n_train], y[:n_train]).score(made[n_train:], y[n_train:])
        model.fit(plain[:n_train], y[:n_train])
        same = np.mean(model.predict(made[n_train:]) == model.predict(plain[n_train:]))
        rows.append([change, cosine.mean(), cosine.min(), accuracy, same])
    return Table(
        f"Features of {name}, and a linear model on them",
        ("", "mean cosine", "smallest cosine", "accuracy", "same answers"),
        rows,
        digits=4,
        notes=(
            f"{len(paths)} photographs; the cosine is that with the features of files decoded in "
            f"full. Accuracy on {len(paths) - n_train} photographs of a model (C = 0.01) fitted to "
            f"{n_train} with the same change. Same answers: one model, fitted to files decoded in "
            "full, on the test photographs.",
        ),
    )


def _features_of_each(backbone, paths):
    inputs = resolve_backbone(**backbone).preprocessing
    other = "bicubic" if inputs.resize == "bilinear" else "bilinear"
    variants = {
        "decoded in full": ("files", inputs),
        "draft=True": ("files", replace(inputs, draft=True)),
        "noise of the sensor drawn again": ("again", inputs),
        "JPEG quality 80 for 92": ("coarse", inputs),
        f"resized {other} for {inputs.resize}": ("files", replace(inputs, resize=other)),
    }
    extractors, found = {}, {change: [] for change in variants}
    for start in range(0, len(paths), FILES_AT_ONCE):
        files = {"files": [], "again": [], "coarse": []}
        for number, path in enumerate(paths[start : start + FILES_AT_ONCE], start=start):
            picture = camera_picture(path, seed=number)
            files["files"].append(jpeg(picture))
            files["coarse"].append(jpeg(picture, quality=80))
            files["again"].append(jpeg(camera_picture(path, seed=len(paths) + number)))
        for change, (which, preprocessing) in variants.items():
            if change not in extractors:
                options = {**backbone, "preprocessing": preprocessing, "cache": None}
                extractors[change] = PretrainedFeatureExtractor(**options).fit(files[which])
            found[change].append(extractors[change].transform(files[which]))
    return {change: np.concatenate(made) for change, made in found.items()}
