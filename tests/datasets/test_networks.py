"""Networks by name: downloaded once, compared with their checksums, and read from the folder."""

import hashlib
import json
import math
import os
import re
import socket
from contextlib import nullcontext
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
from sklearn.datasets import load_digits

from sktransfer import PretrainedFeatureExtractor
from sktransfer.datasets import _networks, fetch_dataset, fetch_network
from sktransfer.datasets._networks import NETWORKS, Network
from tests.shelf import ROOT, whole

GLYPHS = (files("sktransfer.deep") / "weights" / "glyphs.onnx").read_bytes()
TINY = Network(hashlib.sha256(GLYPHS).hexdigest(), len(GLYPHS), "none", "BSD-3-Clause")
QUICK = {"n_retries": 2, "delay": 0.0}


@pytest.fixture
def shop(site, monkeypatch):
    """Offer one network, "tiny", at the server."""
    monkeypatch.setattr(_networks, "NETWORKS", {"tiny": TINY})
    monkeypatch.setattr(_networks, "_ADDRESS", site.address + "/{name}.onnx")
    site.files["/tiny.onnx"] = GLYPHS
    return site


def test_a_network_is_downloaded_once_and_describes_images(shop, tmp_path):
    path = fetch_network("tiny", data_home=tmp_path)
    assert path == str(tmp_path / "networks" / "tiny.onnx")
    assert fetch_network("tiny", data_home=str(tmp_path), download_if_missing=False) == path
    assert shop.requests == [("/tiny.onnx", None)]
    assert os.listdir(tmp_path / "networks") == ["tiny.onnx"]
    X = load_digits().data[:5]
    shipped = PretrainedFeatureExtractor("glyphs", cache=None).fit_transform(X)
    found = PretrainedFeatureExtractor(path, cache=None).fit_transform(X)
    np.testing.assert_array_equal(found, shipped)


def test_the_folder_is_that_of_the_fetchers_of_scikit_learn(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "data"))
    assert fetch_network("tiny") == str(tmp_path / "data" / "networks" / "tiny.onnx")


def test_a_file_in_the_folder_is_taken(shop, tmp_path):
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / "tiny.onnx").write_bytes(GLYPHS)
    fetch_network("tiny", data_home=tmp_path)
    assert shop.requests == []


def test_a_file_in_the_folder_with_another_checksum_stays(shop, tmp_path):
    path = tmp_path / "networks" / "tiny.onnx"
    path.parent.mkdir()
    path.write_bytes(b"mine")
    message = (
        f"{path} has the SHA-256 checksum {hashlib.sha256(b'mine').hexdigest()}, expected "
        f"{TINY.sha256}: it is another version or damaged. Delete or rename it to download 'tiny' "
        "again."
    )
    with pytest.raises(ValueError, match=whole(message)):
        fetch_network("tiny", data_home=tmp_path)
    assert path.read_bytes() == b"mine"


def test_nothing_is_downloaded_unless_allowed(shop, tmp_path):
    path = tmp_path / "networks" / "tiny.onnx"
    message = (
        f"{path} is not there, and download_if_missing=False: put the file of "
        f"{shop.address}/tiny.onnx there, or allow the download."
    )
    with pytest.raises(FileNotFoundError, match=whole(message)):
        fetch_network("tiny", data_home=tmp_path, download_if_missing=False)
    assert shop.requests == []


def test_another_file_at_the_address_is_not_kept(shop, tmp_path):
    shop.files["/tiny.onnx"] = b"something else"
    found = hashlib.sha256(b"something else").hexdigest()
    message = (
        f"Network 'tiny' was not downloaded: {shop.address}/tiny.onnx gave a file with the SHA-256 "
        f"checksum {found}, expected {TINY.sha256}."
    )
    with pytest.raises(OSError, match=whole(message)):
        fetch_network("tiny", data_home=tmp_path, **QUICK)
    assert len(shop.requests) == 1
    assert os.listdir(tmp_path / "networks") == []


def test_a_download_that_breaks_off_goes_on(shop, tmp_path):
    shop.breaks = [1000, 500]
    with pytest.warns(UserWarning, match=f"of {len(GLYPHS)} bytes arrived") as record:
        fetch_network("tiny", data_home=tmp_path, **QUICK)
    assert len(record) == 2
    assert [wanted for _, wanted in shop.requests] == [None, "bytes=1000-", "bytes=1500-"]


def test_a_server_that_begins_from_the_start_is_read_from_the_start(shop, tmp_path):
    shop.breaks, shop.resumes = [1000], False
    with pytest.warns(UserWarning, match="goes on"):
        path = fetch_network("tiny", data_home=tmp_path, **QUICK)
    assert Path(path).read_bytes() == GLYPHS
    assert len(shop.requests) == 2


def test_a_download_that_always_breaks_off_leaves_nothing(shop, tmp_path):
    shop.breaks = [1000, 500, 500]
    message = f"tiny.onnx: ConnectionError: 2000 of {len(GLYPHS)} bytes arrived. On a machine"
    with pytest.warns(UserWarning, match="goes on"), pytest.raises(OSError, match=message):
        fetch_network("tiny", data_home=tmp_path, **QUICK)
    assert os.listdir(tmp_path / "networks") == []


class Changing(dict):
    """Files of which the first request sees an older version."""

    def __init__(self, site, older, newer):
        super().__init__()
        self.site, self.older, self.newer = site, older, newer

    def get(self, path):
        return self.older if len(self.site.requests) == 1 else self.newer


@pytest.mark.parametrize("size", [1, 2], ids=["as long", "longer"])
def test_a_file_that_changes_meanwhile_is_downloaded_from_its_start(shop, tmp_path, size):
    shop.files = Changing(shop, size * len(GLYPHS) * b"x", GLYPHS)
    start = size * len(GLYPHS) - 1000
    shop.breaks = [start]
    with pytest.warns(UserWarning, match="goes on after"):
        fetch_network("tiny", data_home=tmp_path, **QUICK)
    assert [wanted for _, wanted in shop.requests] == [None, f"bytes={start}-", None]


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (503, 3), (429, 3)])
def test_a_server_that_refuses(shop, tmp_path, status, tries):
    shop.status = status
    message = f"was not downloaded from {shop.address}/tiny.onnx: HTTPError: HTTP Error {status}"
    warned = pytest.warns(UserWarning, match="goes on") if tries > 1 else nullcontext()
    with warned, pytest.raises(OSError, match=message):
        fetch_network("tiny", data_home=tmp_path, **QUICK)
    assert len(shop.requests) == tries
    assert os.listdir(tmp_path / "networks") == []


def test_no_network(shop, tmp_path, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setattr(_networks, "_ADDRESS", f"http://127.0.0.1:{port}/{{name}}.onnx")
    path = tmp_path / "networks" / "tiny.onnx"
    message = (
        rf"Network 'tiny' was not downloaded from http://127.0.0.1:{port}/tiny.onnx: URLError: .*"
        rf" On a machine without a network, put the file at {re.escape(str(path))}\.$"
    )
    with pytest.raises(OSError, match=message):
        fetch_network("tiny", data_home=tmp_path, n_retries=0)


def test_an_unknown_name_lists_the_names(tmp_path):
    names = ", ".join(map(repr, NETWORKS))
    message = (
        f"name='resnet18' is no network: expected one of {names}. Networks of transformers, "
        "torchvision and timm have no fetcher: their names are values of backbone=."
    )
    with pytest.raises(ValueError, match=whole(message)):
        fetch_network("resnet18", data_home=tmp_path)
    for name in ("glyphs", None, ["a"]):
        with pytest.raises(ValueError, match="is no network"):
            fetch_network(name)


@pytest.mark.parametrize("fetch", [fetch_network, fetch_dataset], ids=lambda each: each.__name__)
@pytest.mark.parametrize(
    ("tries", "message"),
    [
        ({"n_retries": -1}, "n_retries=-1: expected a whole number, 0 or more."),
        ({"n_retries": 1.5}, "n_retries=1.5: expected a whole number, 0 or more."),
        ({"delay": math.nan}, "delay=nan: expected a number of seconds, 0 or more."),
        ({"delay": "1"}, "delay='1': expected a number of seconds, 0 or more."),
    ],
    ids=["negative", "half", "nan", "text"],
)
def test_numbers_of_tries_are_checked(fetch, tries, message, tmp_path):
    name = "kin" if fetch is fetch_dataset else "mobilenetv2-7"
    with pytest.raises(ValueError, match=whole(message)):
        fetch(name, data_home=tmp_path, **tries)


def test_every_network_says_where_its_checksum_was_read():
    for name, network in NETWORKS.items():
        assert re.fullmatch("[0-9a-f]{64}", network.sha256)
        commit, path = network.pointer.split(":")
        assert re.fullmatch("[0-9a-f]{40}", commit)
        assert path.endswith(f"/{name}.onnx")
        assert network.size < 2**27
        assert network.license in ("Apache-2.0", "BSD-3-Clause")
        assert f'"{name}"' in fetch_network.__doc__
    assert sorted(NETWORKS, key=lambda name: NETWORKS[name].size) == list(NETWORKS)


def test_the_page_of_networks_has_the_sizes_and_licenses():
    page = (ROOT / "docs" / "guide" / "deep" / "networks.rst").read_text()
    rows = re.findall(r"\* - `([\w.-]+)`\n +- \d+\n +- ([\d.]+)\n +- (\S+)\n", page)
    assert rows == [(name, f"{n.size / 1e6:.1f}", n.license) for name, n in NETWORKS.items()]


def test_model_cards_state_the_numbers_of_the_files():
    cards = (ROOT / "docs" / "guide" / "deep" / "model_cards.rst").read_text()
    weights = ROOT / "sktransfer" / "deep" / "weights"
    for name in ("glyphs", "speech"):
        graph = onnx.load(weights / f"{name}.onnx").graph
        count = sum(math.prod(tensor.dims) for tensor in graph.initializer)
        size = (weights / f"{name}.onnx").stat().st_size
        assert f"{count:,} weights, {size / 1e6:.1f} MB".replace(",", " ", 1) in cards
    size = (weights / "words.npz").stat().st_size
    assert f"40 000 words, {size / 1e6:.1f} MB" in cards
    glyphs, speech = (
        json.loads((weights / f"{name}_evaluation.json").read_text())
        for name in ("glyphs", "speech")
    )
    faces, voices = glyphs["held_out_faces"], speech["without digits"]["voices"]
    for share in (faces["glyphs"], faces["digits"], voices["words"]):
        assert f" {100 * share:.1f} %" in cards
