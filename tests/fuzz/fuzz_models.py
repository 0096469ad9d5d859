"""Saved models and training checkpoints: changed bytes, and changed JSON."""

import io
import json
import struct
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.datasets import load_digits

from sktransfer import FineTuneClassifier, FineTuneRegressor

X, Y = load_digits(return_X_y=True)
X, Y, X_NEW = X[:30], Y[:30] % 3, X[30:34]
ODD = (None, True, -1, 0, 1e308, 10**30, "", "a" * 5000, [], [[]], {}, {"is": "nope"}, {"is": []})


def case(seed, folder):
    rng = np.random.default_rng(seed)
    kind = (FineTuneClassifier, FineTuneRegressor)[rng.integers(2)]
    content, checkpoint, expected = written(kind)
    if rng.random() < 0.5:
        path = folder / "model.safetensors"
        path.write_bytes(damaged(content, rng, change_header))
        model = kind.load(path)
    else:
        (folder / "fine_tune.npz").write_bytes(damaged(checkpoint, rng, change_archive))
        model = make(kind, folder).fit(X, Y)
    found = model.predict(X_NEW)
    assert np.isfinite(found).all(), "predictions that are not finite"
    if rng.random() < 0.5:  # bytes were changed, and a checksum shows it
        return
    assert found.shape == expected.shape


def make(kind, folder):
    return kind(random_state=0, checkpoint=folder, image_shape=(8, 8))


@lru_cache
def written(kind):
    with TemporaryDirectory() as folder:
        model = make(kind, folder).fit(X, Y)
        checkpoint = (Path(folder) / "fine_tune.npz").read_bytes()
        model.save(Path(folder) / "m")
        return (Path(folder) / "m").read_bytes(), checkpoint, model.predict(X_NEW)


def damaged(content, rng, change):
    kind = rng.integers(5)
    if kind == 0:
        return change(content, rng)
    content = bytearray(content)
    if kind == 1:
        del content[rng.integers(len(content)) :]
    elif kind == 2:  # the header of one, and the directory of the other
        sizes = min(500, len(content))
        for place in rng.integers(sizes, size=rng.integers(1, 4)):
            content[place if rng.random() < 0.5 else -1 - place] = rng.integers(256)
    else:
        for place in rng.integers(len(content), size=rng.integers(1, 4)):
            content[place] ^= 1 << rng.integers(8)
    return bytes(content)


def change_header(content, rng):
    import safetensors.numpy

    size = struct.unpack("<Q", content[:8])[0]
    about = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["sktransfer"])
    for _ in range(rng.integers(1, 3)):
        change_json(about, rng)
    arrays = safetensors.numpy.load(content)
    return safetensors.numpy.save(arrays, metadata={"sktransfer": json.dumps(about)})


def change_archive(content, rng):
    with np.load(io.BytesIO(content)) as stored:
        arrays = {name: stored[name] for name in stored.files}
    about = json.loads(arrays["about"].tobytes())
    for _ in range(rng.integers(1, 3)):
        change_json(about["content"] if rng.random() < 0.7 else about, rng)
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def change_json(value, rng):
    """Change something in nested lists and dicts, in place."""
    places = [
        (part, key)
        for part in _parts(value)
        for key in (part if isinstance(part, dict) else range(len(part)))
    ]
    part, key = places[rng.integers(len(places))]
    if rng.random() < 0.3:
        del part[key]
    else:
        part[key] = ODD[rng.integers(len(ODD))]


def _parts(value):
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _parts(inner)


def prepare():
    """Make what the cases change, which takes longer than a case may."""
    for kind in (FineTuneClassifier, FineTuneRegressor):
        written(kind)


case.prepare = prepare
