"""Every kind of shard becomes the same features, with the names of its items."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sktransfer import (
    PretrainedAudioExtractor,
    PretrainedTextExtractor,
    load_features,
    store_features,
)
from tests.shelf import whole


def write_tar(path, pictures, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, content in pictures.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def write_parquet(path, **columns):
    pq.write_table(pa.table(columns), path, row_group_size=5)
    return path


def write_files(folder, pictures):
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in pictures]


def make_shard(kind, folder, pictures):
    """Return a shard of pictures, and the keys that its rows are to have."""
    names, contents = list(pictures), list(pictures.values())
    numbers = [str(place) for place in range(len(names))]
    if kind == "tar":
        return write_tar(folder / "a.tar", pictures), names
    if kind == "tar.gz":
        return write_tar(folder / "a.tar.gz", pictures, "w:gz"), names
    if kind == "bytes column":
        return write_parquet(folder / "a.parquet", image=contents), numbers
    if kind == "key column":
        return write_parquet(folder / "a.parquet", image=contents, key=names), names
    if kind == "Hugging Face":
        column = [{"bytes": c, "path": n} for n, c in pictures.items()]
        return write_parquet(folder / "a.parquet", image=column, label=numbers), names
    paths = write_files(folder, pictures)
    return {
        "paths column": lambda: (write_parquet(folder / "a.parquet", image=paths), paths),
        "list of paths": lambda: (paths, paths),
        "list of Path": lambda: (list(map(Path, paths)), paths),
        "addresses": lambda: ([f"file://{p}" for p in paths], [f"file://{p}" for p in paths]),
        "array of paths": lambda: (np.array(paths), paths),
        "Arrow column": lambda: (pa.array(paths), paths),
        "list of bytes": lambda: (contents, numbers),
        "dictionary": lambda: (pictures, names),
    }[kind]()


KINDS = ["tar", "tar.gz", "bytes column", "key column", "Hugging Face", "paths column"]
KINDS += ["list of paths", "list of Path", "addresses", "array of paths", "Arrow column"]
KINDS += ["list of bytes", "dictionary"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_shard_of_any_kind(kind, embed, pictures, tmp_path):
    shard, keys = make_shard(kind, tmp_path, pictures)
    columns = {"column": "image"} if kind in ("key column", "Hugging Face") else {}
    columns |= {"key_column": "key"} if kind == "key column" else {}
    report = store_features(embed, [shard], tmp_path / "features", **columns)
    assert (report.n_rows, report.n_faults, report.n_made) == (len(pictures), 0, 1)
    X = load_features(tmp_path / "features")
    assert X.keys.tolist() == keys
    np.testing.assert_array_equal(X, embed.transform(list(pictures.values())))
    assert X.dtype == np.float32


def test_the_digest_is_that_of_the_content(embed, pictures, tmp_path):
    shards = [write_tar(tmp_path / "a.tar", pictures), pictures]
    store_features(embed, shards, tmp_path / "features")
    first, second = (load_features(tmp_path / "features").to_arrow(part) for part in (0, 1))
    assert first.column("digest") == second.column("digest")
    assert len(set(first.column("digest").to_pylist())) == len(pictures)


def test_the_length_of_what_is_read_at_once_does_not_matter(embed, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("sktransfer.deep._shards.inputs.ROWS_AT_ONCE", 5)
    monkeypatch.setattr("sktransfer.deep._shards.inputs.BYTES_AT_ONCE", 700)
    expected = embed.transform(list(pictures.values()))
    for kind in ("tar", "bytes column", "dictionary"):
        folder = tmp_path / kind
        folder.mkdir()
        shard, keys = make_shard(kind, folder, pictures)
        store_features(embed, [shard], folder / "features")
        assert load_features(folder / "features").keys.tolist() == keys
        np.testing.assert_array_equal(load_features(folder / "features"), expected)


def test_members_by_their_suffix(embed, pictures, tmp_path):
    members = pictures | {"0.json": b"{}", "1.txt": b"a label", "2.jpg": pictures["2.png"]}
    shard = write_tar(tmp_path / "a.tar", members)
    assert store_features(embed, [shard], tmp_path / "one", suffixes=".png").n_rows == 12
    assert store_features(embed, [shard], tmp_path / "two", suffixes=[".png", ".jpg"]).n_rows == 13
    assert store_features(embed, [shard], tmp_path / "all").n_faults == 2


def test_texts(tmp_path):
    texts = ["rain", "a sunny day", "snow and wind"]
    embed = PretrainedTextExtractor().fit(texts)
    files = {f"{place}.txt": text.encode() for place, text in enumerate(texts)}
    shards = {
        "list": texts,
        "parquet": write_parquet(tmp_path / "a.parquet", text=texts),
        "tar": write_tar(tmp_path / "a.tar", files | {"bad.txt": b"\xff"}),
    }
    report = store_features(embed, shards, tmp_path / "features")
    X, expected = load_features(tmp_path / "features"), embed.transform(texts)
    np.testing.assert_array_equal(X, [*expected, *expected, *expected, [np.nan] * 50])
    assert X.keys.tolist() == ["0", "1", "2"] * 2 + [*files, "bad.txt"]
    assert report.faults == (("bad.txt", "is no text but of type bytes"),)


def test_sounds(tmp_path):
    waves = [np.sin(np.arange(8000) * pitch, dtype=np.float32) for pitch in (0.1, 0.2)]
    embed = PretrainedAudioExtractor(sample_rate=16000).fit(waves)
    store_features(embed, [waves], tmp_path)
    np.testing.assert_array_equal(load_features(tmp_path), embed.transform(waves))


@pytest.mark.parametrize(
    ("shards", "error", "message"),
    [
        ("a.tar", TypeError, "shards='a.tar' is one, expected several: pass ['a.tar']."),
        (
            ["photo.png"],
            ValueError,
            "shards[0]='photo.png' is no shard: expected the path or address of a tar or Parquet "
            "file, or a list of items; a list of single files is one shard, [paths].",
        ),
        (
            [b"\x89PNG"],
            TypeError,
            "shards[0] is a bytes, expected the path or address of a tar or Parquet file, or a "
            "list of items; a list of single files is one shard, [paths].",
        ),
        (
            {"one": 3},
            TypeError,
            "shards['one'] is a int, expected the path or address of a tar or Parquet file, or a "
            "list of items; a list of single files is one shard, [paths].",
        ),
        (
            ["/a.tar", "/a.tar"],
            ValueError,
            "shards: '/a.tar' is in it twice; pass each shard once.",
        ),
    ],
)
def test_what_is_no_shard(shards, error, message, embed, tmp_path):
    with pytest.raises(error, match=whole(message)):
        store_features(embed, shards, tmp_path / "features")
    assert not os.listdir(tmp_path)


def test_columns_that_are_not_there(embed, pictures, tmp_path):
    contents = list(pictures.values())
    path = str(write_parquet(tmp_path / "a.parquet", left=contents, right=contents))
    message = f"column=None, and {path!r} has 2 columns of files, paths or texts"
    with pytest.raises(ValueError, match=message):
        store_features(embed, [path], tmp_path / "features")
    message = f"{path!r} has no column 'top'; it has 'left', 'right'."
    with pytest.raises(ValueError, match=whole(message)):
        store_features(embed, [path], tmp_path / "features", column="top")
    report = store_features(embed, [path], tmp_path / "features", column="left")
    assert report.n_made == 1
