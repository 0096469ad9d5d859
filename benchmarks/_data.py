"""The data sets of the benchmarks: where they come from, what to cite, and how to read them.

None of them is part of the project, and nothing is downloaded: they are read from a folder of one's
own, after a comparison of checksums. `fetch_dataset` of the package reads those that have public
files; the others are extracts of larger ones.
"""

import io
import os
import re
import tarfile
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sktransfer.datasets import load_image_folder
from sktransfer.datasets._readers import READERS
from sktransfer.datasets._sources import SOURCES, Source

DATA_VARIABLE = "SKTRANSFER_DATA"
OPTION = f"--data or the environment variable {DATA_VARIABLE}"


class DataError(Exception):
    """Data are absent, or not those that the benchmark speaks of."""


def locate(source, data_home):
    """Give a dict file name -> path of the files of a `Source` below `data_home`, as they must be.

    Raises
    ------
    DataError
        When `data_home` is None, a file is absent, or a checksum differs.
    """
    if data_home is None:
        raise DataError(
            f"{source.title}: no folder of data sets is known; put the files "
            f"{', '.join(source.files)} from {source.source} into FOLDER/{source.folder} and pass "
            f"--data FOLDER or set the environment variable {DATA_VARIABLE}."
        )
    try:
        return source.locate(Path(data_home), option=OPTION)
    except (FileNotFoundError, ValueError) as error:
        raise DataError(str(error)) from None


def find_data_home(option=None):
    """Give the folder of data sets: `option`, the environment variable, or ``../shared/data``.

    Returns
    -------
    data_home : Path or None
        None when nothing names a folder and there is no ``../shared/data`` beside the repository.
    """
    named = option or os.environ.get(DATA_VARIABLE)
    if named:
        return Path(named)
    beside = Path(__file__).parents[1].parent / "shared" / "data"
    return beside if beside.is_dir() else None


AMAZON_REVIEWS = Source(
    title="Amazon reviews, raw text of four domains",
    folder=".",
    files={
        "amazon_raw_4domains.tar.xz": (
            "84be997ca2fac6f17279e2e70e294c8090b904dca96078ad3354dfd4040fe7e3"
        ),
    },
    source=(
        "https://www.cs.jhu.edu/~mdredze/datasets/sentiment/ (this file packs the positive and "
        "negative reviews of books, dvd, electronics and kitchen of its raw text)"
    ),
    cite="Blitzer, Dredze and Pereira, ACL 2007",
    license="none stated: for research, not to be passed on",
)

AMAZON_5000 = Source(
    title="Amazon reviews, 5000 counts of words and pairs of words, four domains",
    folder="amazon_5000",
    files={
        "amz5000.tar.xz": "288ce28120048d9da508f05f43b81f7fe6b8420bc5438a68209a4b952c6e24fc",
    },
    source=(
        "https://github.com/GRAAL-Research/domain_adversarial_neural_network/tree/master/data "
        "(this file packs its eight svmlight files)"
    ),
    cite=(
        "Blitzer, Dredze and Pereira, ACL 2007; Chen, Xu, Weinberger and Sha, ICML 2012; Ganin et "
        "al., JMLR 2016"
    ),
    license="none stated: for research, not to be passed on",
)

CORN = Source(
    title="Near-infrared spectra of 80 samples of corn on three instruments",
    folder="corn",
    files={"corn_nir.npz": "c608aec547ca20396e1e4bcd9be082cdc7cb456d5370e836e67dd8b6fe5515ab"},
    source="https://eigenvector.com/resources/data-sets/ (a file of its arrays)",
    cite="Cargill; distributed by Eigenvector Research",
    license="none stated: for research, not to be passed on",
)

HYMENOPTERA = Source(
    title="Hymenoptera, photographs of ants and bees, shorter side 256",
    folder="hymenoptera_256",
    files={
        "train": "33087cc5d8fba35de2dcb704fb8cc96a00eb90f1ea72bbea8a0debeadd005247",
        "val": "629d2216866316e52af46ffc32849c8fbb802f061b1e4ed86bc602e4d2d63e7e",
    },
    source=(
        "https://download.pytorch.org/tutorial/hymenoptera_data.zip (these photographs are its "
        "own, resized until their shorter side has 256 pixels)"
    ),
    cite=(
        "Chilamkurthy, Transfer learning for computer vision tutorial, PyTorch; Deng, Dong, "
        "Socher, Li, Li and Fei-Fei, ImageNet, CVPR 2009"
    ),
    license="ImageNet's terms: for research, not to be passed on",
)

SPOKEN_DIGITS = Source(
    title="Free Spoken Digit Dataset, four speakers",
    folder="spoken_digits",
    files={
        "fsdd_4_speakers.npz": "62badccb12202514d2ca1c3cd43128592ed7c386eeaed9d4fd2e3796af34ffe5",
    },
    source=(
        "https://github.com/Jakobovski/free-spoken-digit-dataset (this file holds the clips of "
        "george, jackson, lucas and yweweler up to number 24)"
    ),
    cite="Jackson et al., Free Spoken Digit Dataset, https://doi.org/10.5281/zenodo.1342401",
    license="CC BY-SA 4.0",
)

OMNIGLOT = Source(
    title="Omniglot, the first small background set and the 20 one-shot runs",
    folder="omniglot",
    files={
        "all_runs.zip": "437c1eeab0af8484112e1b4cc0f3d541ec727f7c47b9b202da738af9dfd6c325",
        "images_background_small1.zip": (
            "f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4"
        ),
    },
    source="https://github.com/brendenlake/omniglot/tree/master/python",
    cite="Lake, Salakhutdinov and Tenenbaum, Science 2015",
    license="MIT",
)

DATASETS = (
    *SOURCES.values(),
    AMAZON_REVIEWS,
    AMAZON_5000,
    CORN,
    HYMENOPTERA,
    SPOKEN_DIGITS,
    OMNIGLOT,
)


def load_domains(name, data_home):
    """Give the domains of `sktransfer.datasets.fetch_dataset`, which downloads nothing here."""
    return READERS[name](locate(SOURCES[name], data_home))


load_office_caltech_surf = partial(load_domains, "office-caltech")
load_mnist_usps = partial(load_domains, "mnist-usps")
load_mushroom = partial(load_domains, "mushroom")
load_newsgroups = partial(load_domains, "newsgroups")
load_kin = partial(load_domains, "kin")


def load_mnist_test(data_home):
    """Give MNIST's test images (10000, 28, 28) and their digits."""
    ((pixels, digits),) = load_domains("mnist-test", data_home).values()
    return pixels.reshape(-1, 28, 28), digits


def load_school(data_home):
    """Give a list of the pupils (n_pupils, 28) and scores (n_pupils,) of 139 schools."""
    return list(load_domains("school", data_home).values())


def load_amazon_reviews(data_home):
    """Read product reviews, title and text, without unpacking the archive to disk.

    Returns
    -------
    domains : dict of str to (texts, y)
        Under "books", "dvd", "electronics", "kitchen": a list of 2000 strings, and y of shape
        (2000,), int64, 0 (one or two stars of five) or 1 (four or five), half each.
    """
    (path,) = locate(AMAZON_REVIEWS, data_home).values()
    found = {}
    with tarfile.open(path, "r:xz") as archive:
        for member in archive:
            if member.isfile():
                _, domain, name = member.name.split("/")
                content = archive.extractfile(member).read().decode("latin-1")
                found[domain, name.removesuffix(".review")] = parse_reviews(content)
    return {
        domain: (
            [*found[domain, "negative"], *found[domain, "positive"]],
            np.repeat([0, 1], [len(found[domain, kind]) for kind in ("negative", "positive")]),
        )
        for domain in sorted({domain for domain, _ in found})
    }


def load_amazon_5000(data_home):
    """Read counts of words and pairs of words in reviews, and whether the reviews are positive.

    Returns
    -------
    domains : dict of str to (X_train, y_train, X_test, y_test)
        X: CSR arrays of 5000 columns, 2000 rows to train on and 3586 to 5945 to test; y: -1 or 1.
    """
    from scipy.sparse import csr_array
    from sklearn.datasets import load_svmlight_file

    (path,) = locate(AMAZON_5000, data_home).values()
    parts = {}
    with tarfile.open(path, "r:xz") as archive:
        for member in archive:
            if member.isfile():
                content = io.BytesIO(archive.extractfile(member).read())
                X, y = load_svmlight_file(content, n_features=5000, zero_based=True)
                parts[member.name.removesuffix(".svmlight").rpartition("/")[2]] = (
                    csr_array(X),
                    y,
                )
    names = ("books", "dvd", "electronics", "kitchen")
    return {name: (*parts[f"{name}_train"], *parts[f"{name}_test"]) for name in names}


def load_corn(data_home):
    """Read spectra of corn.

    Returns
    -------
    spectra : dict of str to ndarray of shape (80, 700), float64
        One of each instrument, ``"m5"``, ``"mp5"`` and ``"mp6"``, 1100 to 2498 nm. Equal rows are
        the same sample.
    properties : dict of str to ndarray of shape (80,)
        Moisture, oil, protein and starch, in percent.
    """
    (path,) = locate(CORN, data_home).values()
    with np.load(path) as content:
        spectra = {name: content[name].astype(float) for name in ("m5", "mp5", "mp6")}
        return spectra, dict(zip(content["y_names"].tolist(), content["y"].T, strict=True))


def load_hymenoptera(data_home):
    """List photographs of ants and bees, which ImageNet has, too.

    Returns
    -------
    parts : dict of str to (paths, y)
        Under "train" and "val": paths of shape (245,) and (153,), dtype object; y of the same
        shape, dtype str, "ants" or "bees".
    """
    return {
        part: load_image_folder(path, return_X_y=True)
        for part, path in locate(HYMENOPTERA, data_home).items()
    }


def load_spoken_digits(data_home):
    """Read clips of spoken digits, 8000 samples a second.

    Returns
    -------
    clips : dict
        ``waves``, a list of 1000 arrays (n_samples,), int16; ``digit``, ``speaker`` and ``number``
        of shape (1000,), the last from 0 to 24 for each digit and speaker.
    """
    (path,) = locate(SPOKEN_DIGITS, data_home).values()
    with np.load(path) as stored:
        waves = np.split(stored["wave"], np.cumsum(stored["length"])[:-1])
        names = [name.removesuffix(".wav").split("_") for name in stored["name"].tolist()]
    digit, speaker, number = map(np.array, zip(*names, strict=True))
    return {
        "waves": waves,
        "digit": digit.astype(int),
        "speaker": speaker,
        "number": number.astype(int),
    }


@dataclass(frozen=True)
class Characters:
    """Images of characters, each drawn once by each of 20 drawers, in their order.

    ``images`` (n, 105, 105), uint8; ``label`` (n,), int, from 0; ``alphabet`` (n,), str.
    """

    images: np.ndarray
    label: np.ndarray
    alphabet: np.ndarray


def load_omniglot(data_home):
    """Read handwritten characters of many alphabets.

    Returns
    -------
    background : Characters
        136 characters of five alphabets.
    runs : list of 20 tuples (images, truth)
        The images of shape (40, 105, 105), uint8, are one of each of 20 characters, and then 20
        items, of which `truth` (20,) has the places of their characters.
    """
    paths = locate(OMNIGLOT, data_home)
    with zipfile.ZipFile(paths["images_background_small1.zip"]) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        images = _read_images(archive, names)
    folders = [name.split("/")[1:3] for name in names]
    _, label = np.unique(["/".join(parts) for parts in folders], return_inverse=True)
    background = Characters(images, label, np.array([alphabet for alphabet, _ in folders]))
    runs = []
    with zipfile.ZipFile(paths["all_runs.zip"]) as archive:
        for number in range(1, 21):
            lines = archive.read(f"run{number:02d}/class_labels.txt").decode().splitlines()
            items, shots = zip(*[line.split() for line in lines], strict=True)
            classes = sorted(shots)
            truth = np.array([classes.index(shot) for shot in shots])
            runs.append((_read_images(archive, [*classes, *items]), truth))
    return background, runs


def _read_images(archive, names):
    from PIL import Image

    images = [Image.open(io.BytesIO(archive.read(name))).convert("L") for name in names]
    return np.array([np.asarray(image) for image in images])


def parse_reviews(content):
    """Give title and text of each review in what looks like XML, and is none (bare ``&``)."""
    return [
        "\n".join(
            part.strip()
            for tag in ("title", "review_text")
            for part in re.findall(rf"<{tag}>(.*?)</{tag}>", review, flags=re.DOTALL)
        )
        for review in content.split("</review>")
        if "<review_text>" in review
    ]
