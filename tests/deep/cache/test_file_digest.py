"""A file that did not change is not read again; one that did always is."""

import builtins
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from sktransfer import PretrainedFeatureExtractor
from sktransfer.deep import _threads
from sktransfer.deep._cache import file_digest
from sktransfer.deep._cache.cache import memory
from sktransfer.deep._images import pictures


@pytest.fixture(autouse=True)
def _forget():
    file_digest._known.clear()
    memory.clear()


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{i}.bmp") for i in range(3)]
    for path in paths:
        _write(path, rng)
    return paths


def _write(path, rng):
    """An uncompressed picture: every one has the same size in bytes."""
    Image.fromarray(rng.integers(0, 255, size=(20, 20), dtype=np.uint8)).save(path)


@pytest.fixture
def opened(monkeypatch):
    names, really_open = [], builtins.open

    def spy(path, *args, **options):
        names.append(str(path))
        return really_open(path, *args, **options)

    monkeypatch.setattr(builtins, "open", spy)
    return names


def test_a_file_that_did_not_change_is_read_once(files, opened, monkeypatch):
    monkeypatch.setattr(file_digest, "SETTLED", 0.0)
    extractor = PretrainedFeatureExtractor().fit(files)
    first = extractor.transform(files)
    del opened[:]
    np.testing.assert_array_equal(extractor.transform(files[::-1]), first[::-1])
    assert not [name for name in opened if name in files]


def test_a_second_fit_reads_no_file(files, opened, monkeypatch):
    monkeypatch.setattr(file_digest, "SETTLED", 0.0)
    expected = PretrainedFeatureExtractor().fit_transform(files)
    del opened[:]
    np.testing.assert_array_equal(PretrainedFeatureExtractor().fit_transform(files), expected)
    assert not [name for name in opened if name in files]


def test_the_depth_of_a_file_that_was_replaced_is_read_again(files, monkeypatch):
    monkeypatch.setattr(file_digest, "SETTLED", 0.0)
    assert PretrainedFeatureExtractor().fit(files).image_format_.value_range is None
    for path in files:
        Image.fromarray(np.full((20, 20), 0.5, dtype=np.float32)).save(path, format="tiff")
    assert PretrainedFeatureExtractor().fit(files).image_format_.value_range == (0.0, 1.0)


def test_content_of_the_same_size_and_time_is_seen(files, monkeypatch):
    monkeypatch.setattr(file_digest, "SETTLED", 0.0)
    extractor = PretrainedFeatureExtractor().fit(files)
    first = extractor.transform(files)
    stat = os.stat(files[0])
    _write(files[0], np.random.default_rng(1))
    os.utime(files[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert os.stat(files[0]).st_size == stat.st_size
    after = extractor.transform(files)
    assert not np.array_equal(after[0], first[0])
    np.testing.assert_array_equal(after[1:], first[1:])
    np.testing.assert_array_equal(
        after, PretrainedFeatureExtractor(cache=None).fit(files).transform(files)
    )


def test_a_file_that_has_just_been_written_is_not_remembered(files):
    PretrainedFeatureExtractor().fit(files).transform(files)
    assert not file_digest._known


def test_a_known_file_whose_features_are_gone_is_read_again(files, opened, monkeypatch):
    monkeypatch.setattr(file_digest, "SETTLED", 0.0)
    extractor = PretrainedFeatureExtractor().fit(files)
    first = extractor.transform(files)
    memory.clear()
    del opened[:]
    np.testing.assert_array_equal(extractor.transform(files), first)
    assert set(files) <= set(opened)


def test_a_known_file_that_is_gone_is_a_fault(files, monkeypatch):
    monkeypatch.setattr(file_digest, "SETTLED", 0.0)
    extractor = PretrainedFeatureExtractor().fit(files)
    extractor.transform(files)
    os.remove(files[1])
    with pytest.raises(ValueError, match="no such file"):
        extractor.transform(files)


def test_what_is_no_path_is_not_known():
    assert file_digest.known(b"content", "digest") is None
    assert file_digest.signature(b"content") is None
    assert file_digest.signature("a\0b") is None


def test_the_memory_of_digests_is_bounded(files, monkeypatch):
    monkeypatch.setattr(file_digest, "SETTLED", 0.0)
    monkeypatch.setattr(file_digest, "MOST_FILES", 2)
    PretrainedFeatureExtractor(n_jobs=1).fit(files).transform(files)
    assert 0 < len(file_digest._known) <= 2


def test_a_file_that_changes_between_the_look_and_the_reading_is_a_fault(files):
    extractor = PretrainedFeatureExtractor().fit(files)
    path = files[0]
    file_digest._known[path] = file_digest.signature(path), {"digest": b"that of another content"}
    with pytest.raises(ValueError, match="changed while it was read"):
        extractor.transform(files)


def test_what_is_known_without_reading_is_looked_up_in_the_callers_thread(files, monkeypatch):
    """A warm call starts no thread; files that are new, or equal to others, find their rows."""
    monkeypatch.setattr(file_digest, "SETTLED", 0.0)
    monkeypatch.setattr(pictures, "LOOKED_UP_AT_ONCE", 2)
    extractor = PretrainedFeatureExtractor(n_jobs=2).fit(files)
    expected = PretrainedFeatureExtractor(cache=None).fit(files).transform(files)
    np.testing.assert_array_equal(extractor.transform(files[:2]), expected[:2])
    twin = files[0].replace("0.bmp", "twin.bmp")
    shutil.copy(files[2], twin)
    mixed = [files[2], files[1], twin, files[0], files[2]]
    np.testing.assert_array_equal(extractor.transform(mixed), expected[[2, 1, 2, 0, 2]])

    def refuse(*args, **options):
        raise AssertionError("a thread was started")

    monkeypatch.setattr(_threads, "ThreadPoolExecutor", refuse)
    np.testing.assert_array_equal(extractor.transform(mixed), expected[[2, 1, 2, 0, 2]])
