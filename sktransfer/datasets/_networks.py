"""Networks for photographs that are downloaded by their names."""

import os
from dataclasses import dataclass
from pathlib import Path

from sklearn.datasets import get_data_home

from sktransfer._messages import shown
from sktransfer.datasets._download import check_tries, checksum, download


@dataclass(frozen=True)
class Network:
    """An ONNX file of the ONNX Model Zoo.

    `sha256` and `size` are those of the Git LFS pointer ``pointer`` in the repository onnx/models,
    which is written as ``commit:path``.
    """

    sha256: str
    size: int
    pointer: str
    license: str


# The zoo moved to Hugging Face, with one repository a file. The checksums are still those of the
# pointers in its former repository.
_ADDRESS = "https://huggingface.co/onnxmodelzoo/{name}/resolve/main/{name}.onnx"

_FOLDER = "vision/classification"

NETWORKS = {
    "squeezenet1.1-7": Network(
        "1eeff551a67ae8d565ca33b572fc4b66e3ef357b0eb2863bb9ff47a918cc4088",
        4_956_208,
        f"9ef45be2139eb080c239f596837ac0748050df46:{_FOLDER}/squeezenet/model/squeezenet1.1-7.onnx",
        "Apache-2.0",
    ),
    "shufflenet-v2-10": Network(
        "8b85e969a0a5518b554c99548379d1ba54d973733a6a12012138d91852308584",
        9_218_554,
        f"c4a283cdbcd3f5844ff09f53c724fbf41acc3dc1:{_FOLDER}/shufflenet/model/shufflenet-v2-10.onnx",
        "BSD-3-Clause",
    ),
    "mobilenetv2-7": Network(
        "c1c513582d56afceff8516c73804e484c81c6a830712ab6d682253f4a3cd042f",
        14_246_826,
        f"13fcb614fdedcc09864c0691c080ccf82ca3b85b:{_FOLDER}/mobilenet/model/mobilenetv2-7.onnx",
        "Apache-2.0",
    ),
    "resnet18-v1-7": Network(
        "4e8f8653e7a2222b3904cc3fe8e304cd8b339ce1d05fd24688162f86fb6df52c",
        46_820_737,
        f"5372b0b46b4a0cafcaf5f9f924e7494a088ffa86:{_FOLDER}/resnet/model/resnet18-v1-7.onnx",
        "Apache-2.0",
    ),
    "resnet50-v2-7": Network(
        "1e80e8a7c8eec8e8b20c440d7dd7f2f8590779c7c2859dc4514870dc463845d3",
        102_442_450,
        f"b9a54e89508f101a1611cd64f4ef56b9cb62c7cf:{_FOLDER}/resnet/model/resnet50-v2-7.onnx",
        "Apache-2.0",
    ),
}


def fetch_network(
    name: str,
    *,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
) -> str:
    """Return the path of a pretrained network for photographs, which is downloaded if necessary.

    The networks are ONNX files of the ONNX Model Zoo, trained on ImageNet. All of them take
    ``preprocessing="torch"``. The guide lists them with their features and accuracy.

    A file is downloaded once, to the folder ``networks`` of the data folder of scikit-learn. It is
    compared with a known SHA-256 checksum before it appears there. If the file is there already,
    nothing is downloaded; its checksum is compared in each call. So a machine without a network
    needs a copy of the file in this folder.

    Parameters
    ----------
    name : {"squeezenet1.1-7", "shufflenet-v2-10", "mobilenetv2-7", "resnet18-v1-7", \
"resnet50-v2-7"}
        The network, from the smallest file (5 MB) to the largest (102 MB).
    data_home : str or os.PathLike, default=None
        The data folder. By default it is the one of scikit-learn's fetchers: the environment
        variable ``SCIKIT_LEARN_DATA``, or ``~/scikit_learn_data``.
    download_if_missing : bool, default=True
        If False, raise an error if the file is not there, instead of downloading it.
    n_retries : int, default=3
        Number of further tries if the download fails. They go on with the bytes that have arrived.
    delay : float, default=1.0
        Number of seconds between tries.

    Returns
    -------
    path : str
        The path of the ONNX file, for the parameter `backbone` of `PretrainedFeatureExtractor`,
        `FineTuneClassifier` and the others.

    Raises
    ------
    ValueError
        If there is no network of this name, the file in the folder has another checksum, or
        `n_retries` or `delay` is no number from 0 on.
    FileNotFoundError
        If the file is not there and `download_if_missing` is False.
    OSError
        If the download fails, or the downloaded file has another checksum.

    Warns
    -----
    UserWarning
        Before each further try of a download.

    See Also
    --------
    PretrainedFeatureExtractor : Features of images by such a network.
    fetch_dataset : Data of published studies.

    Examples
    --------
    >>> from sktransfer import PretrainedFeatureExtractor
    >>> from sktransfer.datasets import fetch_network
    >>> path = fetch_network("mobilenetv2-7")  # doctest: +SKIP
    >>> extractor = PretrainedFeatureExtractor(path, preprocessing="torch")  # doctest: +SKIP
    """
    if not isinstance(name, str) or name not in NETWORKS:
        raise ValueError(
            f"name={shown(name)} is no network: expected one of "
            f"{', '.join(map(repr, NETWORKS))}. Networks of transformers, torchvision and timm "
            "have no fetcher: their names are values of backbone=."
        )
    check_tries(n_retries, delay)
    network, address = NETWORKS[name], _ADDRESS.format(name=name)
    path = Path(get_data_home(data_home)) / "networks" / f"{name}.onnx"
    if path.exists():
        found = checksum(path)
        if found != network.sha256:
            raise ValueError(
                f"{path} has the SHA-256 checksum {found}, expected {network.sha256}: it is "
                f"another version or damaged. Delete or rename it to download {name!r} again."
            )
        return os.fspath(path)
    if not download_if_missing:
        raise FileNotFoundError(
            f"{path} is not there, and download_if_missing=False: put the file of {address} "
            "there, or allow the download."
        )
    rules = {"sha256": network.sha256, "n_retries": n_retries, "delay": delay}
    download(address, path, of=f"Network {name!r}", **rules)
    return os.fspath(path)
