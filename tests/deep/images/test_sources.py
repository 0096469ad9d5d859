"""What an image may be, and every way in which one image can fail."""

import gzip
import io
import os
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sktransfer.deep import PretrainedFeatureExtractor, _files
from sktransfer.deep._images import decode as decode_module
from sktransfer.deep._images.decode import decode, open_picture
from sktransfer.deep._images.image_format import ImageFormat
from sktransfer.deep._images.network_input import network_input
from sktransfer.deep._images.sources import load
from sktransfer.deep._items import Unreadable
from sktransfer.deep._preprocessing import Preprocessing
from tests.shelf import encode

PIXELS = np.add.outer(np.arange(24) * 8, np.arange(20) * 3).astype(np.uint8)
PICTURE = Image.fromarray(PIXELS)
CONTENT = encode(PICTURE)


def features(items, **options):
    return PretrainedFeatureExtractor(cache=None, n_jobs=1, **options).fit_transform(items)


EXPECTED = features([CONTENT])


# Inputs that are read


class Upload:
    """As a web framework hands it over: read() is a coroutine, the file is beside it."""

    def __init__(self, content):
        self.file = io.BytesIO(content)

    async def read(self):
        raise AssertionError("it is not waited for")


class Wrapped:
    """A file object that derives from no class of io, and is at its end."""

    def __init__(self, content):
        self._stream = io.BytesIO(content)
        self._stream.seek(0, 2)
        self.read, self.seek, self.tell = self._stream.read, self._stream.seek, self._stream.tell


class Scalar:
    """As a scalar of Arrow."""

    def __init__(self, value):
        self.value = value

    def as_py(self):
        return self.value


FORMS = {
    "BytesIO": io.BytesIO,
    "buffered": lambda content: io.BufferedReader(io.BytesIO(content)),
    "object": Wrapped,
    "upload": Upload,
    "gzip": lambda content: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(content))),
    "bytearray": bytearray,
    "memoryview": memoryview,
    "dict of bytes": lambda content: {"bytes": content, "path": None},
    "dict of bytes alone": lambda content: {"bytes": content},
    "scalar": Scalar,
    "scalar of a dict": lambda content: Scalar({"bytes": content, "path": "lost.png"}),
    "lazy picture": lambda content: Image.open(io.BytesIO(content)),
    "memoryview of pixels": lambda content: memoryview(PIXELS.copy()),
}


@pytest.mark.parametrize("form", FORMS)
def test_natural_forms_of_a_picture(form):
    item = FORMS[form](CONTENT)
    for _ in range(2):  # a file object can be read again
        np.testing.assert_array_equal(features([item]), EXPECTED)
    both = features([item, item], batch_size=1)
    np.testing.assert_array_equal(both, np.concatenate([EXPECTED] * 2))


def test_paths_in_dictionaries_and_open_files(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(CONTENT)
    with open(path, "rb") as stream:
        stream.read(7)
        for item in ({"path": str(path), "bytes": None}, {"path": path}, stream):
            np.testing.assert_array_equal(features([item]), EXPECTED)
        assert stream.tell() == 7


def test_files_that_are_opened_when_asked(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("picture.png", CONTENT)
    with fsspec.open("memory://shelf/picture.png", "wb") as stream:
        stream.write(CONTENT)
    remote = fsspec.open("memory://shelf/picture.png")
    for item in (remote, zipfile.Path(tmp_path / "all.zip", "picture.png")):
        for _ in range(2):
            np.testing.assert_array_equal(features([item, item]), np.repeat(EXPECTED, 2, axis=0))
    with pytest.raises(ValueError, match=r"X\[0\] '/shelf/lost.png' \(no such file\)"):
        features([fsspec.open("memory://shelf/lost.png")])
    lost = zipfile.Path(tmp_path / "all.zip", "lost.png")
    with pytest.raises(ValueError, match=r"X\[0\] \(no such file\)"):
        features([lost])


def test_a_path_that_is_not_utf_8(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff\xfe.png"
    try:
        with open(name, "wb") as stream:
            stream.write(CONTENT)
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    for path in (os.fsdecode(name), Path(os.fsdecode(name))):
        np.testing.assert_array_equal(features([path]), EXPECTED)
    os.remove(name)
    with pytest.raises(
        ValueError, match=r"X\[0\] '.*\\udcff\\udcfe.png' \(no such file\)"
    ) as caught:
        features([os.fsdecode(name)])
    str(caught.value).encode()


def test_columns_and_tables_of_other_libraries():
    import polars as pl

    contents = [CONTENT, CONTENT]
    columns = [
        pd.Series(contents),
        pd.DataFrame({"image": contents}),
        pl.Series(contents),
        pl.DataFrame({"image": contents}),
        pl.DataFrame({"image": [{"bytes": CONTENT, "path": None}] * 2}),
        np.array(contents, dtype=object),
    ]
    for X in columns:
        np.testing.assert_array_equal(features(X), np.concatenate([EXPECTED] * 2))


def test_arrow():
    pa = pytest.importorskip("pyarrow")
    structs = [{"bytes": CONTENT, "path": None}] * 2
    for X in (
        pa.array([CONTENT] * 2),
        pa.chunked_array([[CONTENT], [CONTENT]]),
        pa.table({"image": [CONTENT] * 2}),
        pa.table({"image": structs}),
        list(pa.array([CONTENT] * 2)),
        pd.Series([CONTENT] * 2, dtype=pd.ArrowDtype(pa.binary())),
    ):
        np.testing.assert_array_equal(features(X), np.concatenate([EXPECTED] * 2))
    with pytest.raises(ValueError, match=r"2 columns, of which \['image'\]"):
        features(pa.table({"image": [CONTENT], "label": [1]}))


class Sequence:
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, position):
        return self.items[position]


def test_any_sequence_but_no_pairs():
    np.testing.assert_array_equal(features(Sequence([CONTENT])), EXPECTED)
    for X in (Sequence([(PIXELS, 1)] * 2), [(PIXELS, 1), (PIXELS, 0)]):
        with pytest.raises(
            ValueError, match=r"items are of type tuple, .* \[item\[0\] for item in X\]"
        ):
            features(X)


# Inputs that are not read: the reason, and a row of NaN beside good rows


def bomb():
    """The head of a PNG of 30 000 x 30 000 pixels."""

    def chunk(kind, data):
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    size = (30_000).to_bytes(4, "big")
    head = chunk(b"IHDR", size + size + b"\x08\x00\x00\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000)))


class Hostile:
    ndim = 2

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("on another device")


def closed():
    stream = io.BytesIO(CONTENT)
    stream.close()
    return stream


def closed_picture(tmp_path):
    path = tmp_path / "closed.png"
    path.write_bytes(CONTENT)
    with Image.open(path) as image:
        return image


class Pipe(io.RawIOBase):
    def readable(self):
        return True


class Broken(Wrapped):
    def __init__(self, content):
        super().__init__(content)
        self.read = self._fail

    def _fail(self, n_bytes):
        raise ConnectionError("the other side is gone")


class Text(Wrapped):
    def __init__(self, content):
        super().__init__(content)
        self.read = lambda n_bytes: "text"


BAD = {
    "missing": (lambda folder: None, "missing"),
    "no such file": (lambda folder: folder / "absent.png", "no such file"),
    "empty": (lambda folder: b"", "empty"),
    "folder": (lambda folder: folder, "a folder"),
    "below a file": (lambda folder: Path(__file__) / "a.png", "Not a directory"),
    "zero byte": (lambda folder: "a\0b.png", "null"),
    "long": (lambda folder: "a" * 10**5, r"100000 characters are no path; .* base64.b64decode"),
    "pipe": (lambda folder: made(folder, os.mkfifo), "a pipe, expected a file"),
    "device": (lambda folder: "/dev/zero", "a device, expected a file"),
    "loop": (lambda folder: made(folder, lambda path: os.symlink(path, path)), "symbolic links"),
    "too large": (lambda folder: made(folder, sparse), "20.0 GiB, more than the 1 GiB"),
    "truncated": (lambda folder: CONTENT[: len(CONTENT) // 2], "."),
    "no image": (lambda folder: b"text", "not an image that Pillow knows"),
    "bomb": (lambda folder: bomb(), "more pixels than PIL.Image.MAX_IMAGE_PIXELS"),
    "zero size": (lambda folder: np.zeros((0, 4)), r"shape \(0, 4, 1\)"),
    "channels": (lambda folder: np.zeros((3, 4, 2)), r"1, 3 or 4 channels last"),
    "channels first": (lambda folder: np.zeros((3, 8, 9)), r"np.moveaxis\(image, 0, -1\)"),
    "complex": (lambda folder: np.zeros((3, 4), complex), "dtype complex128"),
    "objects": (lambda folder: np.full((3, 4), "a", object), "dtype object"),
    "NaN": (lambda folder: np.full((3, 4), np.nan), "contains NaN or infinity"),
    "infinity": (lambda folder: np.full((3, 4), np.inf), "contains NaN or infinity"),
    "NaN in a file": (lambda folder: encode(deep(np.nan), "TIFF"), "contains NaN or infinity"),
    "another kind": (lambda folder: {1}, r"expected a path, bytes, a file object, .* got set"),
    "number": (lambda folder: 3.5, "got float"),
    "dictionary": (lambda folder: {"a": 1}, "got dict"),
    "array that fails": (lambda folder: Hostile(), "RuntimeError: on another device"),
    "closed": (lambda folder: closed(), "a closed file"),
    "closed picture": (closed_picture, "."),
    "text": (lambda folder: io.StringIO("a"), "opened as text"),
    "stream of text": (lambda folder: Text(CONTENT), r"read\(\) gives str, expected bytes"),
    "stream without return": (lambda folder: Pipe(), "cannot go back to its start"),
    "broken stream": (lambda folder: Broken(CONTENT), "ConnectionError: the other side is gone"),
    "range": (lambda folder: encode(deep(0.5), "TIFF"), "value_range=None"),
}


def made(folder, make):
    path = folder / "made"
    if not os.path.lexists(path):
        make(path)
    return path


def sparse(path):
    with open(path, "wb") as stream:
        stream.truncate(20 * 2**30)


def deep(value):
    return Image.fromarray(np.float32([[0, value]]))


@pytest.mark.parametrize("kind", BAD)
def test_every_way_to_fail_is_a_row_of_nan(kind, tmp_path):
    make, reason = BAD[kind]
    extractor = PretrainedFeatureExtractor(cache=None, n_jobs=1, on_error="nan").fit([CONTENT])
    item = make(tmp_path)
    with pytest.warns(UserWarning, match="1 of 3 images cannot be read: ") as caught:
        rows = extractor.transform([CONTENT, item, PICTURE])
    np.testing.assert_array_equal(rows[[0, 2]], np.concatenate([EXPECTED] * 2))
    assert np.isnan(rows[1]).all()
    (fault,) = extractor.find_unreadable([CONTENT, item, PICTURE])
    assert fault.position == 1
    assert re.search(reason, fault.reason)
    assert len(fault.reason) < 400
    assert all(len(str(warning.message)) < 1000 for warning in caught)
    with pytest.raises(ValueError, match="1 of 2 images cannot be read: "):
        extractor.set_params(on_error="raise").transform([CONTENT, item])


def test_nan_in_an_array_is_a_row_of_nan():
    X = np.random.default_rng(0).uniform(0, 1, (6, 8, 8))
    X[1, 2, 3], X[4, 0, 0] = np.nan, np.inf
    for form in (X, X.reshape(6, 64), pd.DataFrame(X.reshape(6, 64)), X[..., None], list(X)):
        extractor = PretrainedFeatureExtractor(cache=None, on_error="nan").fit(form)
        assert extractor.image_format_.value_range == (0, 1)
        with pytest.warns(
            UserWarning, match=r"2 of 6 images .* X\[4\] \(contains NaN or infinity\)"
        ):
            rows = extractor.transform(form)
        assert np.flatnonzero(np.isnan(rows).any(axis=1)).tolist() == [1, 4]
        good = [0, 2, 3, 5]
        expected = PretrainedFeatureExtractor(cache=None, value_range=(0, 1)).fit_transform(X[good])
        np.testing.assert_array_equal(rows[good], expected)
        assert [fault.position for fault in extractor.find_unreadable(form)] == [1, 4]
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            PretrainedFeatureExtractor().fit(form)


def test_no_permission(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(CONTENT)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.chmod(tmp_path, 0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(Unreadable, match="ermission denied"):
            load(path)
    finally:
        os.seteuid(user)


def test_no_memory_is_a_reason(monkeypatch):
    def fail(item):
        raise MemoryError

    monkeypatch.setattr(np, "asarray", fail)
    with pytest.raises(Unreadable, match="needs more memory than there is"):
        decode(encode(Image.new("RGBA", (2, 2))))


def test_a_stream_beyond_the_limit_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(_files, "LARGEST_FILE", 2**20)
    monkeypatch.setattr(_files, "_CHUNK", 2**16)
    stream = gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(bytes(2**24))))
    asked = []
    read = stream.read
    stream.read = lambda n_bytes: asked.append(n_bytes) or read(n_bytes)
    with pytest.raises(Unreadable, match=r"more than the 0\.000976562 GiB"):
        load(stream)
    assert sum(asked) <= 2**20 + 2**16


# Pixels


def test_notes_of_a_camera_that_are_damaged_do_not_matter():
    content = encode(PICTURE, "JPEG", exif=b"Exif\0\0" + b"junk" * 5)
    np.testing.assert_array_equal(decode(content)[0], decode(encode(PICTURE, "JPEG"))[0])


def test_the_range_of_32_bits_is_that_of_the_values():
    wide = Image.fromarray(PIXELS.astype(np.int32) * 4000)
    np.testing.assert_allclose(
        features([encode(wide, "TIFF")]),
        features(PIXELS[np.newaxis] * 4000.0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_twelve_bits_in_sixteen_give_a_warning():
    twelve = PIXELS.astype(np.uint16) * 16
    message = r"uint16 pixels .* but are read as 0\.\.65535, nearly black: pass value_range"
    for X in (twelve[np.newaxis], [twelve], [encode(Image.fromarray(twelve))]):
        with pytest.warns(UserWarning, match=message):
            PretrainedFeatureExtractor().fit(X)
        PretrainedFeatureExtractor(value_range=(0, 4095)).fit(X)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "F", "I", "I;16", "RGB"])
def test_a_huge_picture_is_shrunk_first_to_nearly_the_same(mode, monkeypatch):
    """With the limits of a small picture: the input differs by at most two levels."""
    smooth = np.add.outer(np.arange(400), np.arange(300)) / 700
    picture = Image.fromarray(np.uint8(smooth * 255))
    if mode in ("F", "I", "I;16"):
        kinds = {"F": np.float32, "I": np.int32, "I;16": np.uint16}
        picture = Image.fromarray((smooth * 60000).astype(kinds[mode]))
    else:
        picture = picture.convert("RGBA" if mode == "P" else mode)
        if mode in ("RGBA", "LA"):
            picture.putalpha(128)
        if mode == "P":
            picture = picture.quantize(256)
            picture.info["transparency"] = 0
    preprocessing = Preprocessing((16, 12), 1, (0.0,), (1.0,))

    def read():
        source, implied = open_picture(picture, preprocessing=preprocessing)
        shape = source.size[::-1] if isinstance(source, Image.Image) else source.shape[:2]
        images = ImageFormat(None, (0, 60000)).to_input(source, implied)
        images = images[np.newaxis] if isinstance(images, np.ndarray) else [images]
        return shape, network_input(images, preprocessing)

    shape, expected = read()
    assert shape == (400, 300)
    monkeypatch.setattr(decode_module, "LARGE_AS_NUMBERS", 10_000)
    monkeypatch.setattr(decode_module, "LARGE_AS_BYTES", 10_000)
    shape, shrunk = read()
    assert 64 <= shape[0] < 200
    np.testing.assert_allclose(shrunk, expected, atol=2 / 255)
