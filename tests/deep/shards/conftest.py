"""A fitted extractor of a small network, and a few pictures."""

import pytest

from sktransfer import PretrainedFeatureExtractor
from tests.deep.shards.photos import png

pytest.importorskip("pyarrow", reason="parts are Parquet files")
pytest.importorskip("fsspec", reason="folders are opened by fsspec")


@pytest.fixture(scope="session")
def embed():
    return PretrainedFeatureExtractor(batch_size=4, cache=None, n_jobs=1).fit([png(0)])


@pytest.fixture(scope="session")
def pictures():
    """Pictures as bytes, by their names."""
    return {f"{number}.png": png(number) for number in range(12)}
