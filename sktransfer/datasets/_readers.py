"""How the files of data sets become domains: a dict of names to rows and their labels."""

import csv
import gzip

import numpy as np
from scipy.io import loadmat
from scipy.sparse import csr_array


def read_office_caltech(paths):
    """Read counts of 800 visual words in the images of ten kinds of object."""
    domains = {}
    for name, path in paths.items():
        content = loadmat(path)
        domain = name.removesuffix("_SURF_L10.mat")
        domains[domain] = content["fts"].astype(float), content["labels"].ravel().astype(np.int64)
    return domains


def read_mnist_usps(paths):
    """Read handwritten digits from two sources, 16 x 16 pixels in 0..1."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError("The file of 'mnist-usps' needs h5py: pip install h5py.") from error

    (path,) = paths.values()
    with h5py.File(path) as content:
        return {
            domain: (np.array(content[f"X{letter}"]), np.ravel(content[f"Y{letter}"]).astype(int))
            for domain, letter in {"mnist": "s", "usps": "t"}.items()
        }


def read_mnist_test(paths):
    """Read 10 000 handwritten digits, 28 x 28 pixels in 0..255."""
    images, labels = (gzip.decompress(path.read_bytes()) for path in paths.values())
    pixels = np.frombuffer(images, dtype=np.uint8, offset=16).reshape(-1, 28 * 28)
    return {"mnist": (pixels, np.frombuffer(labels, dtype=np.uint8, offset=8).astype(np.int64))}


def read_mushroom(paths):
    """Read descriptions of mushrooms, split in two by the shape of the stalk."""
    (path,) = paths.values()
    with path.open(encoding="ascii", newline="") as stream:
        rows = np.array([row for row in csv.reader(stream) if row], dtype=object)
    y, stalk_shape = rows[:, 0], rows[:, 10]
    X = np.delete(rows, [0, 10], axis=1)
    shapes = {"tapering": "t", "enlarging": "e"}
    return {
        name: (X[stalk_shape == letter], y[stalk_shape == letter])
        for name, letter in shapes.items()
    }


def read_newsgroups(paths):
    """Read counts of 2000 terms in messages on recreation (1) and on politics and religion (2)."""
    domains = {}
    for name, path in paths.items():
        content = loadmat(path)
        task = name.removeprefix("rec.vs.talk_").removesuffix(".mat")
        domains[task] = csr_array(content["fea"]), content["gnd"].ravel().astype(np.int64)
    return domains


def read_school(paths):
    """Read examination scores, a school at a time."""
    (path,) = paths.values()
    content = loadmat(path)
    parts = zip(content["X"].ravel(), content["Y"].ravel(), strict=True)
    return {
        f"school {k}": (X.astype(float), y.ravel().astype(float)) for k, (X, y) in enumerate(parts)
    }


def read_kin(paths):
    """Read the reach of a robot arm, simulated in three ways."""
    domains = {}
    for name, path in paths.items():
        content = np.loadtxt(path, delimiter=",", ndmin=2)
        domains[name[4:7]] = content[:, :-1], content[:, -1]
    return domains


READERS = {
    "office-caltech": read_office_caltech,
    "mnist-usps": read_mnist_usps,
    "mnist-test": read_mnist_test,
    "mushroom": read_mushroom,
    "newsgroups": read_newsgroups,
    "school": read_school,
    "kin": read_kin,
}
