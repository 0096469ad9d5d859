"""A folder of features as an array."""

import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sktransfer import load_features, store_features
from tests.deep.shards.test_store_features import BROKEN, split
from tests.shelf import whole


@pytest.fixture(scope="module")
def folder(embed, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    store_features(embed, split(pictures) | {"t": BROKEN}, folder)
    return folder


def test_it_is_an_array_that_is_read_when_asked(folder, embed, pictures):
    X = load_features(folder)
    assert (X.shape, X.ndim, len(X), X.dtype) == ((15, 160), 2, 15, np.float32)
    assert [name.partition("-")[0] for name in X.parts] == ["s0", "s1", "s2", "t"]
    assert X.context["stage"] == embed.stage_
    assert np.asarray(X, dtype=np.float64).dtype == np.float64
    shown = f"<StoredFeatures: 15 rows of 160 features, float32, in 4 parts of {str(folder)!r}>"
    assert repr(X) == shown
    copied = pickle.loads(pickle.dumps(X))
    np.testing.assert_array_equal(copied, X)
    with pytest.raises(ValueError, match="copy=False: features are in files"):
        np.asarray(X, copy=False)


@pytest.mark.parametrize("parts", [1, -1, [2, 0], "name", ["name", 0], []])
def test_some_parts(folder, parts):
    X = load_features(folder)
    name = X.parts[2]
    parts = name if parts == "name" else [name, 0] if parts == ["name", 0] else parts
    listed = [parts] if isinstance(parts, (int, str)) else parts
    places = [X.parts.index(part) if isinstance(part, str) else part for part in listed]
    starts = np.cumsum([0, 4, 4, 4])
    lengths = [4, 4, 4, 3]
    rows = [row for p in places for row in range(starts[p], starts[p] + lengths[p])]
    np.testing.assert_array_equal(X.to_numpy(parts), np.asarray(X)[rows])
    assert X.to_arrow(parts).column("key").to_pylist() == X.keys[rows].tolist()


@pytest.mark.parametrize("parts", [4, -5, "no", [0, "no"]])
def test_parts_that_are_not_there(folder, parts):
    with pytest.raises(ValueError, match=r"there is no part .*; expected names of `parts`, or"):
        load_features(folder).to_numpy(parts)


def test_an_estimator_takes_it(folder, pictures):
    X = load_features(folder)
    rows = np.asarray(X)[X.readable]
    y = np.arange(len(rows)) % 2
    model = LogisticRegression().fit(rows, y)
    part = load_features(folder).to_numpy(parts=[0, 1])
    np.testing.assert_array_equal(model.predict(rows)[:8], model.predict(part))


def test_arrow(folder):
    X = load_features(folder)
    table = X.to_arrow()
    assert table.column_names == ["key", "digest", "features", "fault"]
    assert table.column("fault").to_pylist() == X.faults.tolist()
    assert [name for name, reason in zip(X.keys, X.faults) if reason] == list(BROKEN)
    rows = np.stack(table.column("features").to_numpy())
    np.testing.assert_array_equal(rows, X)


def test_other_readers_see_the_parts_alone(folder):
    dataset = pytest.importorskip("pyarrow.dataset")
    found = dataset.dataset(folder, format="parquet")
    assert found.count_rows() == 15


def test_dask(folder):
    da = pytest.importorskip("dask.array")
    import dask

    X = load_features(folder)
    lazy = X.to_dask()
    assert isinstance(lazy, da.Array)
    assert (lazy.shape, lazy.dtype, lazy.chunks[0]) == (X.shape, X.dtype, (4, 4, 4, 3))
    with dask.config.set(scheduler="synchronous"):
        np.testing.assert_array_equal(lazy.compute(), X)


def test_a_folder_without_features(tmp_path):
    message = f"folder={str(tmp_path)!r} has no features: fill it by store_features."
    with pytest.raises(FileNotFoundError, match=whole(message)):
        load_features(tmp_path)
    with pytest.raises(FileNotFoundError, match="has no features"):
        load_features(tmp_path / "none")
