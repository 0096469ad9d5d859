"""The cache in a folder: files of the store with changed bytes, and odd names of folders."""

import shutil
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sktransfer.deep._cache.cache import MemoryCache, open_cache
from sktransfer.deep._cache.folder import STORE, TOKEN, FolderCache

N_ROWS, N_VALUES = 8, 60


def case(seed, folder):
    rng = np.random.default_rng(seed)
    if rng.random() < 0.1:
        open_cache(odd_name(rng, folder)).close()
        return
    store = folder / STORE
    store.mkdir()
    for name, content in whole_store().items():
        (store / name).write_bytes(content)
    for _ in range(rng.integers(1, 3)):
        damage(store, rng)
    rows = expected()
    keys = list(rows)
    for call in range(3):
        with closing(FolderCache(folder, MemoryCache())) as cache:
            found = dict(zip(keys, cache.get(keys, N_VALUES), strict=True))
            for key, row in found.items():
                assert row is None or np.array_equal(row, rows[key]), "a wrong row"
            absent = [key for key in keys if found[key] is None]
            cache.put(absent, [rows[key] for key in absent])
        assert call < 2 or not absent, "the store does not heal"


def odd_name(rng, folder):
    (folder / "file").write_bytes(b"x")
    names = [None, 3, "", b"bytes", "~nobody-at-all/x", "a\0b", str(folder / "file")]
    names += [folder / "file" / "below", str(folder / ("x" * 300)), str(folder / "\udc80\udcff")]
    return names[rng.integers(len(names))]


def damage(store, rng):
    """Change a file of the store."""
    rows = min((path.name for path in store.glob("*.rows")), default=TOKEN)
    path = store / rng.choice([rows, rows, rows, TOKEN])
    content = bytearray(path.read_bytes()) if path.exists() else bytearray(b"x")
    kind = rng.integers(8)
    region = rng.choice([32, 100, 4096, len(content)])
    if kind < 4:  # bits, most of them in the headers
        for place in rng.integers(min(region, len(content)), size=rng.integers(1, 4)):
            content[place] ^= 1 << rng.integers(8)
    elif kind == 4:
        del content[rng.integers(len(content)) :]
    elif kind == 5:
        start = rng.integers(len(content))
        size = len(content[start : start + 200])
        content[start : start + size] = rng.bytes(size)
    elif kind == 6:
        content += rng.bytes(rng.integers(1, 5000))
    else:
        path.unlink(missing_ok=True)
        return
    path.write_bytes(content)


def expected():
    values = np.random.default_rng(0).normal(size=(N_ROWS, N_VALUES)).astype(np.float32)
    return {number.to_bytes(32, "big"): row for number, row in enumerate(values)}


@lru_cache
def whole_store():
    with TemporaryDirectory() as folder:
        rows = expected()
        with closing(FolderCache(folder, MemoryCache())) as cache:
            cache.put(list(rows), list(rows.values()))
        files = {path.name: path.read_bytes() for path in (Path(folder) / STORE).iterdir()}
        shutil.rmtree(Path(folder) / STORE)
    return files
