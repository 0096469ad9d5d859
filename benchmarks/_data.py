"""The data sets of the benchmarks: where they come from, what to cite, and how to read them.

None of them is part of the project, and nothing is downloaded: they are read from a folder of one's
own, after a comparison of checksums.
"""

import csv
import gzip
import hashlib
import io
import os
import re
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sktransfer.datasets import load_image_folder

DATA_VARIABLE = "SKTRANSFER_DATA"


class DataError(Exception):
    """Data are absent, or not those that the benchmark speaks of."""


@dataclass(frozen=True)
class Dataset:
    """A data set: ``files`` in ``folder``, with the checksum of each, as `checksum` gives it."""

    name: str
    folder: str
    files: dict
    source: str
    cite: str
    licence: str

    def locate(self, data_home):
        """Give a dict file name -> path below `data_home`, every checksum compared.

        Raises
        ------
        DataError
            When `data_home` is None, a file is absent, or a checksum differs.
        """
        if data_home is None:
            raise DataError(
                f"{self.name}: no folder of data sets is known; put the files "
                f"{', '.join(self.files)} from {self.source} into FOLDER/{self.folder} and pass "
                f"--data FOLDER or set the environment variable {DATA_VARIABLE}."
            )
        paths = {name: Path(data_home) / self.folder / name for name in self.files}
        for name, path in paths.items():
            self._check(name, path, data_home)
        return paths

    def _check(self, name, path, data_home):
        if not (path.is_file() or path.is_dir()):
            raise DataError(
                f"{self.name}: {name} is not in {path.parent}; get it from {self.source}, or name "
                f"another folder than {data_home} with --data or the environment variable "
                f"{DATA_VARIABLE}."
            )
        found = checksum(path)
        if found != self.files[name]:
            raise DataError(
                f"{self.name}: {path} has the SHA-256 checksum {found}, expected "
                f"{self.files[name]}: it is another version or damaged; get it from {self.source}."
            )


def checksum(path):
    """Give the SHA-256 checksum of a file; of a folder that of the names and checksums in it."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(
        (file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file()
    )
    lines = [f"{checksum(file)}  {name}\n" for name, file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


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


OFFICE_CALTECH_SURF = Dataset(
    name="Office-Caltech10, SURF features",
    folder="office_caltech_surf",
    files={
        "Caltech10_SURF_L10.mat": (
            "4f9334c8ced489d5054de97a5fd51a61f017f3bcd1f38c9a85c6d78cb9d7bda5"
        ),
        "amazon_SURF_L10.mat": "df32548b994e18d364c99e1f317e1fae100597259f0423a41b90f4f68187bb1f",
        "dslr_SURF_L10.mat": "44d673c68e1d07b837893aa74dba3b986e4a6cc3fd66f0dd357683bdef059216",
        "webcam_SURF_L10.mat": "a6a9c78b4b7181dfbb58bcfd351d4ebd737f171c31247b8884948aa156d3f700",
    },
    source="https://github.com/jindongwang/transferlearning/blob/master/data/dataset.md",
    cite=(
        "Gong, Shi, Sha and Grauman, CVPR 2012; Saenko, Kulis, Fritz and Darrell, ECCV 2010; "
        "Griffin, Holub and Perona, Caltech-256, 2007"
    ),
    licence="none stated: for research, not to be passed on",
)

MNIST_USPS = Dataset(
    name="MNIST and USPS, 2000 and 1800 digits of 16 x 16 pixels",
    folder="mnist_usps",
    files={
        "MNIST_vs_USPS.mat": "7fbb67f14af7236e18a38dc8a0a836142361e9e720e4b763a5e2db511d306d6c",
    },
    source="https://github.com/jindongwang/transferlearning/blob/master/data/dataset.md",
    cite="Long, Wang, Ding, Sun and Yu, ICCV 2013; LeCun et al. 1998; Hull, IEEE PAMI 1994",
    licence="none stated: for research, not to be passed on",
)

MNIST_TEST = Dataset(
    name="MNIST, the 10 000 test images",
    folder="mnist",
    files={
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
    source="https://ossci-datasets.s3.amazonaws.com/mnist/",
    cite="LeCun, Bottou, Bengio and Haffner, Proceedings of the IEEE 1998",
    licence="CC BY-SA 3.0, as its mirrors state",
)

MUSHROOM = Dataset(
    name="Mushroom",
    folder="mushroom",
    files={
        "agaricus-lepiota.data": "e65d082030501a3ebcbcd7c9f7c71aa9d28fdfff463bf4cf4716a3fe13ac360e",
    },
    source="https://archive.ics.uci.edu/dataset/73/mushroom",
    cite="Mushroom, UCI Machine Learning Repository 1981, https://doi.org/10.24432/C5959T",
    licence="CC BY 4.0",
)

NEWSGROUPS = Dataset(
    name="20 Newsgroups, rec against talk",
    folder="newsgroups",
    files={
        "rec.vs.talk_Task1.mat": "2ccc2c933adb5e9a88524e0d0a90022ee925e3395fead485c2d7d31a14149997",
        "rec.vs.talk_Task2.mat": "162fe06ddbad645577a2c538645f72115416811f8ee6dffc2fe2944a1c632e08",
    },
    source="http://qwone.com/~jason/20Newsgroups/ (these files are a cut of it to 2000 terms)",
    cite="Lang, ICML 1995; the setting is of Dai, Yang, Xue and Yu, ICML 2007",
    licence="none stated: for research, not to be passed on",
)

AMAZON_REVIEWS = Dataset(
    name="Amazon reviews, raw text of four domains",
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
    licence="none stated: for research, not to be passed on",
)

AMAZON_5000 = Dataset(
    name="Amazon reviews, 5000 counts of words and pairs of words, four domains",
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
    licence="none stated: for research, not to be passed on",
)

SCHOOL = Dataset(
    name="Examination scores of pupils of 139 schools in London",
    folder="school",
    files={"school.mat": "57fb3238fdd03a9aa17276e2ce18d9bbb5d128c3261e794fe6233b58b6909068"},
    source="https://github.com/jiayuzhou/MALSAR/tree/master/data",
    cite=(
        "Goldstein, Journal of the Royal Statistical Society A 1991; as prepared by Argyriou, "
        "Evgeniou and Pontil, Machine Learning 2008"
    ),
    licence="none stated: for research, not to be passed on",
)

KIN = Dataset(
    name="Kin, the reach of a robot arm by its eight joint angles, three simulations",
    folder="kin",
    files={
        "kin-8fh.csv": "e7928b5d4f8b029ac1224ba81bcbb3a99111a8f33f7d0c25d0e8b53ece6b72b8",
        "kin-8fm.csv": "81e43c2bc03a731179d7070ceda31c671f77e5ee61d7c36a52e466ebe04a49d7",
        "kin-8nm.csv": "0dcf6b69d6c4724be2495da5cf65bb91a217ae14a2e869cc8870ba0e6e66a102",
    },
    source="https://github.com/antoinedemathelin/demo",
    cite="Corke, Ghahramani; DELVE, University of Toronto, 1996",
    licence="none stated: for research, not to be passed on",
)

CORN = Dataset(
    name="Near-infrared spectra of 80 samples of corn on three instruments",
    folder="corn",
    files={"corn_nir.npz": "c608aec547ca20396e1e4bcd9be082cdc7cb456d5370e836e67dd8b6fe5515ab"},
    source="https://eigenvector.com/resources/data-sets/ (a file of its arrays)",
    cite="Cargill; distributed by Eigenvector Research",
    licence="none stated: for research, not to be passed on",
)

HYMENOPTERA = Dataset(
    name="Hymenoptera, photographs of ants and bees, shorter side 256",
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
    licence="ImageNet's terms: for research, not to be passed on",
)

MOBILENET_V2 = Dataset(
    name="MobileNetV2, a folder of transformers with its weights",
    folder="../weights/mobilenet_v2",
    files={
        "config.json": ("bd9f82d476d7dd1e6384c9ac42e465c6ad0f95ec7e3ee2a32252c8f9fd928854"),
        "model.safetensors": ("9d517e4238d786bf3328ef06fffedc04519aa3523e61cdb07103358c13b4c2a5"),
        "preprocessor_config.json": (
            "10488f6235ceb6e22320f0b243a3f44339876ee8507b1f9ad8901fc38ba8b68e"
        ),
    },
    source=(
        "https://github.com/google-coral/test_data (these files are its int8 network, dequantised "
        "and saved by transformers)"
    ),
    cite="Sandler, Howard, Zhu, Zhmoginov and Chen, CVPR 2018",
    licence="Apache-2.0",
)

SPOKEN_DIGITS = Dataset(
    name="Free Spoken Digit Dataset, four speakers",
    folder="spoken_digits",
    files={
        "fsdd_4_speakers.npz": "62badccb12202514d2ca1c3cd43128592ed7c386eeaed9d4fd2e3796af34ffe5",
    },
    source=(
        "https://github.com/Jakobovski/free-spoken-digit-dataset (this file holds the clips of "
        "george, jackson, lucas and yweweler up to number 24)"
    ),
    cite="Jackson et al., Free Spoken Digit Dataset, https://doi.org/10.5281/zenodo.1342401",
    licence="CC BY-SA 4.0",
)

SPEECH_EMBEDDING = Dataset(
    name="speech_embedding, a network for short speech",
    folder="../weights",
    files={
        "speech_embedding.onnx": "ba754db3cd768a524c655ea90655ee5e6055a43b8dfd29366a11e93716ae9e51",
    },
    source="https://pypi.org/project/openwakeword/0.4.0/ (resources/models/embedding_model.onnx)",
    cite="Lin, Kilgour, Roblek and Sharifi, ICASSP 2020",
    licence="Apache-2.0",
)
OMNIGLOT = Dataset(
    name="Omniglot, the first small background set and the 20 one-shot runs",
    folder="omniglot",
    files={
        "all_runs.zip": "437c1eeab0af8484112e1b4cc0f3d541ec727f7c47b9b202da738af9dfd6c325",
        "images_background_small1.zip": (
            "f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4"
        ),
    },
    source="https://github.com/brendenlake/omniglot/tree/master/python",
    cite="Lake, Salakhutdinov and Tenenbaum, Science 2015",
    licence="MIT",
)

DATASETS = (
    OFFICE_CALTECH_SURF,
    MNIST_USPS,
    MNIST_TEST,
    MUSHROOM,
    NEWSGROUPS,
    AMAZON_REVIEWS,
    AMAZON_5000,
    SCHOOL,
    CORN,
    HYMENOPTERA,
    MOBILENET_V2,
    SPOKEN_DIGITS,
    SPEECH_EMBEDDING,
    OMNIGLOT,
)


def load_office_caltech_surf(data_home):
    """Read the counts of 800 visual words in the images of ten kinds of object.

    Returns
    -------
    domains : dict of str to (X, y)
        Under "amazon", "Caltech10", "dslr", "webcam": X of shape (n_samples, 800), float64 counts,
        with 958, 1123, 157, 295 rows; y of shape (n_samples,), int64, 1 to 10.
    """
    from scipy.io import loadmat

    domains = {}
    for name, path in OFFICE_CALTECH_SURF.locate(data_home).items():
        content = loadmat(path)
        domain = name.removesuffix("_SURF_L10.mat")
        domains[domain] = content["fts"].astype(float), content["labels"].ravel().astype(np.int64)
    return domains


def load_mnist_usps(data_home):
    """Read handwritten digits from two sources, 16 x 16 pixels in 0..1.

    Returns
    -------
    domains : dict of str to (X, y)
        Under "mnist" and "usps": X of shape (2000 or 1800, 256), float64; y int64, 1 to 10 (the
        digit plus one).
    """
    import h5py

    (path,) = MNIST_USPS.locate(data_home).values()
    with h5py.File(path) as content:
        return {
            domain: (np.array(content[f"X{letter}"]), np.ravel(content[f"Y{letter}"]).astype(int))
            for domain, letter in {"mnist": "s", "usps": "t"}.items()
        }


def load_mnist_test(data_home):
    """Read MNIST's test images.

    Returns
    -------
    images : ndarray of shape (10000, 28, 28), dtype uint8
    labels : ndarray of shape (10000,), dtype int64, 0 to 9
    """
    images, labels = (
        gzip.decompress(path.read_bytes()) for path in MNIST_TEST.locate(data_home).values()
    )
    pixels = np.frombuffer(images, dtype=np.uint8, offset=16).reshape(-1, 28, 28)
    return pixels, np.frombuffer(labels, dtype=np.uint8, offset=8).astype(np.int64)


def load_mushroom(data_home):
    """Read descriptions of mushrooms, split in two by the shape of the stalk.

    Returns
    -------
    domains : dict of str to (X, y)
        Under "tapering" (4608 rows, the source of Dai et al. 2007) and "enlarging" (3516 rows): X
        of shape (n_samples, 21), dtype object, the letters of the other attributes ("?": missing);
        y of shape (n_samples,), dtype object, "e" (edible) or "p" (poisonous).
    """
    (path,) = MUSHROOM.locate(data_home).values()
    with path.open(encoding="ascii", newline="") as stream:
        rows = np.array([row for row in csv.reader(stream) if row], dtype=object)
    y, stalk_shape = rows[:, 0], rows[:, 10]
    X = np.delete(rows, [0, 10], axis=1)
    shapes = {"tapering": "t", "enlarging": "e"}
    return {
        name: (X[stalk_shape == letter], y[stalk_shape == letter])
        for name, letter in shapes.items()
    }


def load_newsgroups(data_home):
    """Read counts of 2000 terms in messages on recreation (1) and on politics and religion (2).

    Returns
    -------
    domains : dict of str to (X, y)
        Under "Task1" and "Task2", made of different subgroups: X a CSR array of shape
        (1844 or 1545, 2000), float64 counts; y of shape (n_samples,), int64, 1 (rec) or 2 (talk).
    """
    from scipy.io import loadmat
    from scipy.sparse import csr_array

    domains = {}
    for name, path in NEWSGROUPS.locate(data_home).items():
        content = loadmat(path)
        task = name.removeprefix("rec.vs.talk_").removesuffix(".mat")
        domains[task] = csr_array(content["fea"]), content["gnd"].ravel().astype(np.int64)
    return domains


def load_amazon_reviews(data_home):
    """Read product reviews, title and text, without unpacking the archive to disk.

    Returns
    -------
    domains : dict of str to (texts, y)
        Under "books", "dvd", "electronics", "kitchen": a list of 2000 strings, and y of shape
        (2000,), int64, 0 (one or two stars of five) or 1 (four or five), half each.
    """
    (path,) = AMAZON_REVIEWS.locate(data_home).values()
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

    (path,) = AMAZON_5000.locate(data_home).values()
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


def load_school(data_home):
    """Read examination scores, a school at a time.

    Returns
    -------
    schools : list of 139 tuples (X, y)
        X of shape (n_pupils, 28), float64: the year of the examination, what the school and the
        pupil are like, and a last column of ones; 22 to 251 pupils, 15362 in all. y of shape
        (n_pupils,), float64: the score, from 1 to 70.
    """
    from scipy.io import loadmat

    (path,) = SCHOOL.locate(data_home).values()
    content = loadmat(path)
    return [
        (X.astype(float), y.ravel().astype(float))
        for X, y in zip(content["X"].ravel(), content["Y"].ravel(), strict=True)
    ]


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
    (path,) = CORN.locate(data_home).values()
    with np.load(path) as content:
        spectra = {name: content[name].astype(float) for name in ("m5", "mp5", "mp6")}
        return spectra, dict(zip(content["y_names"].tolist(), content["y"].T, strict=True))


def load_kin(data_home):
    """Read the reach of a robot arm, simulated in three ways.

    Returns
    -------
    domains : dict of str to (X, y)
        Under "8fh", "8fm" and "8nm" (fairly linear with much noise, fairly linear, not linear): X
        of shape (2000, 8), float64, the angles of the joints; y of shape (2000,), float64, the
        distance of the hand from a point.
    """
    domains = {}
    for name, path in KIN.locate(data_home).items():
        content = np.loadtxt(path, delimiter=",")
        domains[name[4:7]] = content[:, :-1], content[:, -1]
    return domains


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
        for part, path in HYMENOPTERA.locate(data_home).items()
    }


def load_spoken_digits(data_home):
    """Read clips of spoken digits, 8000 samples a second.

    Returns
    -------
    clips : dict
        ``waves``, a list of 1000 arrays (n_samples,), int16; ``digit``, ``speaker`` and ``number``
        of shape (1000,), the last from 0 to 24 for each digit and speaker.
    """
    (path,) = SPOKEN_DIGITS.locate(data_home).values()
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
    paths = OMNIGLOT.locate(data_home)
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


def find_speech_embedding(data_home):
    """Give the path of Google's network."""
    return next(iter(SPEECH_EMBEDDING.locate(data_home).values()))


def find_mobilenet_v2(data_home):
    """Give what `backbone=` takes for a MobileNetV2 that was trained on ImageNet."""
    folder = next(iter(MOBILENET_V2.locate(data_home).values())).parent
    return f"hf:{folder.resolve()}"


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
