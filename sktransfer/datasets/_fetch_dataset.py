"""Data sets of published studies, as domains."""

import os
from pathlib import Path
from typing import Any

from sklearn.datasets import get_data_home

from sktransfer._messages import shown
from sktransfer.datasets._download import check_tries
from sktransfer.datasets._sources import SOURCES


def fetch_dataset(
    name: str,
    *,
    data_home: str | os.PathLike | None = None,
    download_if_missing: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
) -> dict[str, tuple[Any, Any]]:
    """Return the domains of a data set of published studies, which is downloaded if possible.

    The benchmarks of this package use these data. Most of them come without a license that allows
    copies: they are for research, and no file of them is part of the package.

    Each file is compared with a known SHA-256 checksum. A file in the data folder is used first.
    If it is not there, ``"mnist-test"``, ``"mushroom"``, ``"school"`` and ``"kin"`` are downloaded.
    The others have no address that a program can use; the error names the files, the page that
    has them, and the folder for them.

    Parameters
    ----------
    name : {"office-caltech", "mnist-usps", "mnist-test", "mushroom", "newsgroups", "school", "kin"}
        ``"office-caltech"``: counts of 800 visual words in photographs of ten kinds of object, in
        the domains ``"amazon"`` (958 rows), ``"Caltech10"`` (1123), ``"dslr"`` (157) and
        ``"webcam"`` (295). Labels are 1 to 10.

        ``"mnist-usps"``: digits of 16 x 16 pixels in 0 to 1, ``"mnist"`` (2000 rows) and ``"usps"``
        (1800). Labels are the digit plus one. It needs h5py.

        ``"mnist-test"``: ``"mnist"``, the 10 000 test images of MNIST as rows of 784 pixels, uint8,
        with the digits as labels.

        ``"mushroom"``: 21 letters about a mushroom, ``"tapering"`` (4608 rows) and
        ``"enlarging"`` (3516). Labels are ``"e"`` (edible) and ``"p"`` (poisonous).

        ``"newsgroups"``: sparse counts of 2000 terms in messages, ``"Task1"`` (1844 rows) and
        ``"Task2"`` (1545), which hold different groups. Labels are 1 (recreation) and 2 (talk).

        ``"school"``: 28 columns about pupils, and their scores from 1 to 70 as labels;
        ``"school 0"`` to ``"school 138"``, 15362 rows.

        ``"kin"``: eight angles of a robot arm, and its reach as a label; three simulations of 2000
        rows, ``"8fh"`` and ``"8fm"`` (nearly linear, with much noise and some) and ``"8nm"``
        (nonlinear).
    data_home : str or os.PathLike, default=None
        The data folder. By default it is the one of scikit-learn's fetchers: the environment
        variable ``SCIKIT_LEARN_DATA``, or ``~/scikit_learn_data``.
    download_if_missing : bool, default=True
        If False, raise an error if a file is not there, instead of downloading it.
    n_retries : int, default=3
        Number of further tries if a download fails. They go on with the bytes that have arrived.
    delay : float, default=1.0
        Number of seconds between tries.

    Returns
    -------
    domains : dict of str to (X, y)
        The rows and labels of each domain, as `pack_domains` takes them. X is of shape
        (n_samples, n_features) and y of shape (n_samples,).

    Raises
    ------
    ValueError
        If there is no data set of this name, a file in the folder has another checksum, or
        `n_retries` or `delay` is no number from 0 on.
    FileNotFoundError
        If a file is not there and cannot or must not be downloaded.
    OSError
        If a download fails, or the downloaded file has another checksum.
    ImportError
        If h5py is needed and not installed.

    Warns
    -----
    UserWarning
        Before each further try of a download.

    See Also
    --------
    pack_domains : From domains to ``X, y, sample_domain``.
    fetch_network : Pretrained networks for photographs.
    load_printed_digits : Data that ship with the package.

    Examples
    --------
    >>> from sktransfer import pack_domains
    >>> from sktransfer.datasets import fetch_dataset
    >>> domains = fetch_dataset("kin")  # doctest: +SKIP
    >>> X, y, sample_domain = pack_domains(
    ...     {"8fh": domains["8fh"]}, target=domains["8nm"]
    ... )  # doctest: +SKIP
    """
    if not isinstance(name, str) or name not in SOURCES:
        raise ValueError(
            f"name={shown(name)} is no data set: expected one of {', '.join(map(repr, SOURCES))}."
        )
    check_tries(n_retries, delay)
    from sktransfer.datasets._readers import READERS  # scipy.io is imported when it is used

    paths = SOURCES[name].locate(
        Path(get_data_home(data_home)),
        option="data_home",
        download_if_missing=download_if_missing,
        n_retries=n_retries,
        delay=delay,
    )
    return READERS[name](paths)
