"""Data sets by name: files made up here become domains, and real ones have their sizes."""

import gzip
import hashlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.io import savemat

from sktransfer import pack_domains
from sktransfer.datasets import _fetch_dataset, fetch_dataset
from sktransfer.datasets._readers import READERS
from sktransfer.datasets._sources import SOURCES
from tests.shelf import DATA, whole

KIN = {
    "kin-8fh.csv": b"1,2,3,4,5,6,7,8,0.5\n",
    "kin-8fm.csv": b"1,2,3,4,5,6,7,8,0.25\n2,2,3,4,5,6,7,8,1\n",
}
SIZES = {
    "office-caltech": {"Caltech10": 1123, "amazon": 958, "dslr": 157, "webcam": 295},
    "mnist-usps": {"mnist": 2000, "usps": 1800},
    "mnist-test": {"mnist": 10_000},
    "mushroom": {"tapering": 4608, "enlarging": 3516},
    "newsgroups": {"Task1": 1844, "Task2": 1545},
    "kin": {"8fh": 2000, "8fm": 2000, "8nm": 2000},
}


@pytest.fixture
def kin(site, monkeypatch):
    """Offer two small files of "kin" at the server."""
    site.files = {f"/{name}": content for name, content in KIN.items()}
    source = replace(
        SOURCES["kin"],
        files={name: hashlib.sha256(content).hexdigest() for name, content in KIN.items()},
        addresses={name: f"{site.address}/{name}" for name in KIN},
    )
    monkeypatch.setitem(_fetch_dataset.SOURCES, "kin", source)
    return site


def test_files_are_downloaded_once_and_become_domains(kin, tmp_path):
    domains = fetch_dataset("kin", data_home=tmp_path)
    assert list(domains) == ["8fh", "8fm"]
    assert_array_equal(domains["8fm"][0], [[1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 3, 4, 5, 6, 7, 8]])
    assert_array_equal(domains["8fm"][1], [0.25, 1])
    fetch_dataset("kin", data_home=tmp_path)
    assert len(kin.requests) == 2
    assert sorted(path.name for path in (tmp_path / "kin").iterdir()) == sorted(KIN)
    _, y, sample_domain = pack_domains({"8fm": domains["8fm"]}, target=domains["8fh"])
    assert y.tolist() == [0.25, 1, 0.5]
    assert sample_domain.tolist() == ["8fm", "8fm", "target"]


def test_a_file_that_is_there_is_read_and_only_the_others_are_downloaded(kin, tmp_path):
    (tmp_path / "kin").mkdir()
    (tmp_path / "kin" / "kin-8fh.csv").write_bytes(KIN["kin-8fh.csv"])
    fetch_dataset("kin", data_home=tmp_path)
    assert kin.requests == [("/kin-8fm.csv", None)]


def test_nothing_is_downloaded_unless_allowed(kin, tmp_path):
    message = (
        "Kin, the reach of a robot arm by its eight joint angles, three simulations: kin-8fh.csv "
        f"is not in {tmp_path}/kin; get it from https://github.com/antoinedemathelin/demo, or "
        f"name another folder than {tmp_path} with data_home."
    )
    with pytest.raises(FileNotFoundError, match=whole(message)):
        fetch_dataset("kin", data_home=tmp_path, download_if_missing=False)
    assert kin.requests == []


def test_files_without_an_address_are_asked_for(tmp_path):
    message = (
        "Office-Caltech10, SURF features: Caltech10_SURF_L10.mat is not in "
        f"{tmp_path}/office_caltech_surf; get it from "
        "https://github.com/jindongwang/transferlearning/blob/master/data/dataset.md, or name "
        f"another folder than {tmp_path} with data_home."
    )
    with pytest.raises(FileNotFoundError, match=whole(message)):
        fetch_dataset("office-caltech", data_home=tmp_path)


def test_another_file_at_the_address_or_in_the_folder(kin, tmp_path):
    kin.files["/kin-8fh.csv"] = b"1\n"
    found, expected = (
        hashlib.sha256(content).hexdigest() for content in (b"1\n", KIN["kin-8fh.csv"])
    )
    with pytest.raises(
        OSError,
        match=f"kin-8fh.csv was not downloaded: {kin.address}/kin-8fh.csv gave a file with the "
        rf"SHA-256 checksum {found}, expected {expected}\.$",
    ):
        fetch_dataset("kin", data_home=tmp_path)
    (tmp_path / "kin" / "kin-8fh.csv").write_bytes(b"1\n")
    with pytest.raises(ValueError, match="it is another version or damaged; get it from"):
        fetch_dataset("kin", data_home=tmp_path)


def test_a_refusal_names_the_address_and_the_place(kin, tmp_path):
    kin.status = 403
    message = (
        f"{SOURCES['kin'].title}: kin-8fh.csv was not downloaded from {kin.address}/kin-8fh.csv: "
        "HTTPError: HTTP Error 403: Forbidden. On a machine without a network, put the file at "
        f"{tmp_path}/kin/kin-8fh.csv."
    )
    with pytest.raises(OSError, match=whole(message)):
        fetch_dataset("kin", data_home=tmp_path)


def test_an_unknown_name_lists_the_names():
    message = f"name='iris' is no data set: expected one of {', '.join(map(repr, SOURCES))}."
    with pytest.raises(ValueError, match=whole(message)):
        fetch_dataset("iris")
    with pytest.raises(ValueError, match="is no data set"):
        fetch_dataset(["kin"])


def test_every_data_set_has_a_reader_and_safe_addresses():
    assert READERS.keys() == SOURCES.keys()
    for source in SOURCES.values():
        assert source.addresses.keys() in (set(), set(source.files))
        assert all(address.startswith("https://") for address in source.addresses.values())
    downloaded = [f'``"{name}"``' for name, source in SOURCES.items() if source.addresses]
    sentence = f"{', '.join(downloaded[:-1])} and {downloaded[-1]} are downloaded"
    assert sentence in " ".join(fetch_dataset.__doc__.split())
    assert ", ".join(f'"{name}"' for name in SOURCES) in fetch_dataset.__doc__


def test_images_of_mnist_are_read_from_their_headers_on(tmp_path):
    images = bytes(16) + bytes(range(256)) * 6 + bytes(32)
    for name, content in (("images", images), ("labels", bytes(8) + bytes([7, 2]))):
        (tmp_path / name).write_bytes(gzip.compress(content))
    ((X, y),) = READERS["mnist-test"](
        {name: tmp_path / name for name in ("images", "labels")}
    ).values()
    assert X.shape == (2, 784)
    assert X[0, :256].tolist() == list(range(256))
    assert y.tolist() == [7, 2]


def test_mushrooms_are_split_by_a_column_that_is_left_out(tmp_path):
    columns = [chr(97 + k) for k in range(22)]
    rows = [["e", *columns], ["p", *columns]]
    rows[0][10], rows[1][10] = "t", "e"
    (tmp_path / "all").write_text("\n".join(map(",".join, rows)) + "\n\n")
    domains = READERS["mushroom"]({"all": tmp_path / "all"})
    assert {name: y.tolist() for name, (_, y) in domains.items()} == {
        "tapering": ["e"],
        "enlarging": ["p"],
    }
    assert domains["tapering"][0].tolist() == [columns[:9] + columns[10:]]


def test_each_school_is_a_domain(tmp_path):
    cells = np.empty((1, 2), dtype=object), np.empty((1, 2), dtype=object)
    for k, n in enumerate((3, 2)):
        cells[0][0, k], cells[1][0, k] = np.ones((n, 28)), np.full((n, 1), 10.0 + k)
    savemat(tmp_path / "school.mat", {"X": cells[0], "Y": cells[1]})
    domains = READERS["school"]({"school.mat": tmp_path / "school.mat"})
    assert {name: (X.shape, y.tolist()) for name, (X, y) in domains.items()} == {
        "school 0": ((3, 28), [10, 10, 10]),
        "school 1": ((2, 28), [11, 11]),
    }


@pytest.mark.parametrize("name", SIZES)
def test_real_files_have_the_sizes_that_the_docstring_states(name):
    if name == "mnist-usps":
        pytest.importorskip("h5py")
    try:
        domains = fetch_dataset(name, data_home=DATA, download_if_missing=False)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert {domain: len(y) for domain, (_, y) in domains.items()} == SIZES[name]
    assert all(X.shape[0] == len(y) for X, y in domains.values())
    for domain, count in SIZES[name].items():
        assert f'"{domain}"' in fetch_dataset.__doc__
        assert domain.startswith("8") or count == 10_000 or f"({count}" in fetch_dataset.__doc__
