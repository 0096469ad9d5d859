"""Collections of Dask: fits equal those in memory, and transforms stay lazy."""

import pickle
from itertools import pairwise

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from dask import delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from sktransfer import (
    CORALAligner,
    GaussianWeighter,
    LabelShiftWeighter,
    NearestNeighborWeighter,
    OptimalTransportAligner,
    PretrainedFeatureExtractor,
    PretrainedTextExtractor,
    SubspaceAligner,
    TransferComponentAligner,
    ULSIFWeighter,
    make_transfer_pipeline,
)
from tests.shelf import encode
from tests.test_contract import ESTIMATORS
from tests.test_lazy import fitted, rows_for
from tests.test_merge import BY_SUMS, answers, make_rows

# The rows are few: weights that leave few of them are expected.
pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

RBF = {"kernel": "rbf", "kernel_params": {"gamma": 0.1}}
FITS_BY_BLOCKS = [
    *BY_SUMS,
    TransferComponentAligner(3, n_landmarks=200, random_state=0, **RBF),
    ULSIFWeighter(width=2.0, ridge=0.1, n_centers=200, random_state=0),
    ULSIFWeighter(alpha=0.2, width=2.0, ridge=0.1, n_centers=200, random_state=0),
]


def in_blocks(values, sizes):
    """A lazy array of blocks of these sizes, in the second axis too; some may have no row."""
    chunks = [tuple(sizes)]
    if values.ndim == 2:
        chunks.append((2, values.shape[1] - 2))
    return da.from_array(values, chunks=tuple(chunks))


def frame_of(values, names, sizes):
    """A lazy data frame with partitions of these sizes, some without a row."""
    frame = pd.DataFrame(values, columns=list("abcde"), index=np.arange(len(values)) + 1000)
    frame["where"] = names
    stops = np.cumsum([0, *sizes])
    parts = [frame.iloc[start:stop] for start, stop in pairwise(stops)]
    return dd.from_delayed([delayed(part) for part in parts], meta=frame.iloc[:0])


@pytest.mark.parametrize("sizes", [[50, 0, 1, 69], [1, 30, 0, 30, 30, 29]], ids=str)
@pytest.mark.parametrize("estimator", FITS_BY_BLOCKS, ids=str)
def test_a_fit_by_blocks_is_the_fit_of_all_rows(estimator, sizes):
    rows, names = make_rows()
    X, domains = in_blocks(rows, sizes), in_blocks(names, sizes)
    whole = clone(estimator).fit(rows, sample_domain=names)
    expected = answers(whole, rows, names)
    frame = frame_of(rows, names, sizes)
    columns, where = frame[list("abcde")], frame["where"]
    unknown = columns.to_dask_array()
    few = [(X, names), (unknown, where)]
    more = [(X, domains), (X, domains.rechunk(40)), (columns, where), (columns, names)]
    for given, where in few if len(sizes) > 4 else more:
        found = clone(estimator).fit(given, sample_domain=where)
        assert found.source_domains_ == ("amazon", "dslr")
        assert found.n_features_in_ == 5
        assert hasattr(found, "feature_names_in_") == (given is not X and given is not unknown)
        looked_at = rows
        if hasattr(found, "feature_names_in_"):
            looked_at = pd.DataFrame(rows, columns=list("abcde"))
        assert_allclose(
            answers(found, looked_at, names),
            expected,
            rtol=1e-10,
            atol=1e-10 * np.abs(expected).max(),
        )
        if hasattr(found, "effective_sample_size_"):
            assert_allclose(found.effective_sample_size_, whole.effective_sample_size_)
            assert_allclose(found.weigh(looked_at)[names != "target"].mean(), 1)
        assert "_sums" not in vars(found)
        assert len(pickle.dumps(found)) < 2 * len(pickle.dumps(whole)) + 1000


@pytest.mark.parametrize("estimator", FITS_BY_BLOCKS, ids=str)
def test_without_domains_all_rows_are_target_rows(estimator):
    rows, _ = make_rows()
    found = clone(estimator).fit(in_blocks(rows, [50, 70]))
    assert found.source_domains_ == ()
    nothing = np.full(len(rows), "target")
    if hasattr(found, "weigh"):
        assert_array_equal(found.weigh(rows), np.ones(len(rows)))
        return
    expected = answers(clone(estimator).fit(rows), rows, nothing)
    assert_allclose(answers(found, rows, nothing), expected, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("kind", [CORALAligner, TransferComponentAligner, GaussianWeighter])
def test_single_precision_is_kept(kind):
    rows, names = make_rows(dtype=np.float32)
    X = in_blocks(rows, [50, 70])
    found = kind().fit(X, sample_domain=names)
    call = found.weigh if hasattr(found, "weigh") else found.transform
    assert call(X).dtype == np.float32 == call(X).compute().dtype == call(rows).dtype
    expected = answers(kind().fit(rows, sample_domain=names), rows, names)
    assert_allclose(answers(found, rows, names), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    "estimator",
    [
        TransferComponentAligner(2, n_landmarks=10, random_state=0, **RBF),
        ULSIFWeighter(n_centers=10, random_state=0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_samples_depend_on_the_rows_alone(estimator):
    rows, names = make_rows()
    order = np.random.default_rng(1).permutation(len(rows))
    found = clone(estimator).fit(in_blocks(rows, [50, 70]), sample_domain=names)
    other = in_blocks(rows[order], [1, 100, 19])
    again = clone(estimator).fit(other, sample_domain=names[order])
    assert_allclose(answers(again, rows, names), answers(found, rows, names), atol=1e-10)
    assert len(getattr(found, "X_fit_", getattr(found, "centers_", None))) == 10
    seeded = clone(estimator).set_params(random_state=1).fit(other, sample_domain=names[order])
    assert np.abs(answers(seeded, rows, names) - answers(found, rows, names)).max() > 1e-3
    sparse = in_blocks(rows, [50, 70]).map_blocks(sp.csr_array)
    sparse = clone(estimator).fit(sparse, sample_domain=names)
    assert_allclose(answers(sparse, rows, names), answers(found, rows, names), atol=1e-9)


def test_sparse_blocks_stay_sparse():
    rows, names = make_rows()
    X = in_blocks(rows, [50, 70]).map_blocks(sp.csr_array, dtype=float)
    found = SubspaceAligner(2).fit(X, sample_domain=names)
    expected = SubspaceAligner(2).fit_transform(rows, sample_domain=names)
    mapped = found.transform(X, sample_domain=names)
    assert_allclose(mapped.compute(), expected, atol=1e-10 * np.abs(expected).max())
    with pytest.raises(TypeError, match="CORALAligner takes only dense rows"):
        CORALAligner().fit(X, sample_domain=names)


def transformers():
    return [each for each in ESTIMATORS if hasattr(each, "transform")]


@pytest.mark.parametrize("estimator", transformers(), ids=lambda value: type(value).__name__)
def test_a_transform_is_lazy_and_known_in_advance(estimator):
    rows = rows_for(estimator)
    estimator = fitted(estimator)
    expected = estimator.transform(rows)
    expected = expected.toarray() if sp.issparse(expected) else expected
    lazy = in_blocks(rows, [20, 0, 16])
    mapped = estimator.transform(lazy)
    assert isinstance(mapped, da.Array)
    assert mapped.shape == expected.shape
    assert mapped.chunks == ((20, 0, 16), expected.shape[1:])
    computed = mapped.compute()
    computed = computed.toarray() if sp.issparse(computed) else computed
    assert mapped.dtype == computed.dtype == expected.dtype
    assert_allclose(computed, expected, rtol=1e-4, atol=1e-5)
    column = pd.Series(list(rows)) if rows.ndim == 1 else pd.DataFrame(rows)
    frame = dd.from_pandas(column.set_axis(np.arange(36) + 5), npartitions=3)
    if type(estimator).__name__ == "PretrainedAudioExtractor":
        return  # its arrays of samples are no frames
    mapped = estimator.transform(frame)
    assert list(mapped.columns) == list(estimator.get_feature_names_out())
    computed = mapped.compute()
    assert list(mapped.dtypes) == list(computed.dtypes)
    assert_array_equal(computed.index, np.arange(36) + 5)
    assert_allclose(computed.to_numpy(), expected, rtol=1e-4, atol=1e-5)


def test_domains_travel_with_their_rows():
    rows, names = make_rows()
    aligner = CORALAligner().fit(rows, sample_domain=names)
    expected = aligner.transform(rows, sample_domain=names)
    X, frame = in_blocks(rows, [50, 70]), frame_of(rows, names, [50, 0, 70])
    named = CORALAligner().fit(pd.DataFrame(rows, columns=list("abcde")), sample_domain=names)
    for found in (
        aligner.transform(X, sample_domain=in_blocks(names, [60, 60])),
        aligner.transform(X, sample_domain=names),
        CORALAligner().fit_transform(X, sample_domain=names),
        aligner.set_output(transform="pandas").transform(X, sample_domain=names),
        named.transform(frame[list("abcde")], sample_domain=frame["where"]).to_dask_array(),
        named.transform(frame[list("abcde")], sample_domain=da.from_array(names, (50, 0, 70))),
    ):
        assert_allclose(np.asarray(found), expected, atol=1e-10)


def test_numbers_of_domains_stay_numbers_beside_a_frame():
    rows, names = make_rows()
    frame = frame_of(rows, names, [50, 70])[list("abcde")]
    numbers = np.where(names == "target", -1, 1)
    for given in (numbers, numbers.astype(object)):
        assert CORALAligner().fit(frame, sample_domain=given).source_domains_ == ("1",)


def test_wrong_domains_are_refused():
    rows, names = make_rows()
    X = in_blocks(rows, [50, 70])
    with pytest.raises(ValueError, match=r"sample_domain has shape \(119,\), but X has 120 rows"):
        CORALAligner().fit(X, sample_domain=names[1:])
    with pytest.raises(ValueError, match=r"sample_domain has shape \(119,\), but X has 120 rows"):
        CORALAligner().fit(X, sample_domain=da.from_array(names[1:], 60))
    unknown = frame_of(rows, names, [50, 70])[list("abcde")]
    message = "CORALAligner: X has 2 blocks of rows and sample_domain has 3; repartition one like"
    with pytest.raises(ValueError, match=message):
        CORALAligner().fit(unknown, sample_domain=da.from_array(names, 40))
    with pytest.raises(ValueError, match=r"sample_domain has 60 entries, but X has [57]0 rows"):
        CORALAligner().fit(unknown, sample_domain=da.from_array(names, 60))
    message = "CORALAligner needs at least 2 rows of every domain in sample_domain, but X has 0 of"
    with pytest.raises(ValueError, match=f"{message} 'target'; add rows"):
        CORALAligner().fit(X, sample_domain=np.full(120, "lab"))
    message = "ULSIFWeighter needs at least 2 different source rows, of all sources together, and"
    with pytest.raises(ValueError, match=f"{message} as many target rows, but .* names 1 and 119"):
        ULSIFWeighter().fit(X, sample_domain=np.r_[["lab"], np.full(119, "target")])
    message = "TransferComponentAligner.fit of a lazy collection learns from sums over rows, which"
    with pytest.raises(ValueError, match=f"{message} do not determine a fit with kernel='rbf'; se"):
        TransferComponentAligner(kernel="rbf").fit(X, sample_domain=names)
    aligner = CORALAligner().fit(rows, sample_domain=names)
    with pytest.raises(ValueError, match="X has 4 features, but CORALAligner is expecting 5"):
        aligner.transform(X[:, :4])


def test_a_failed_fit_leaves_the_estimator_as_it_was():
    rows, names = make_rows()
    aligner = CORALAligner().fit(rows, sample_domain=names)
    before = pickle.dumps(aligner)
    with pytest.raises(ValueError, match="0 of 'target'"):
        aligner.fit(in_blocks(rows, [50, 70]), sample_domain=np.full(120, "lab"))
    assert pickle.dumps(aligner) == before


@pytest.mark.parametrize("as_frame", [False, True])
def test_the_estimator_is_once_in_the_graph(as_frame):
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 100))).add_prefix("column")
    rows = rows if as_frame else rows.to_numpy()
    aligner = CORALAligner().fit(rows, sample_domain=np.arange(400) % 2 * 2 - 1)
    X = da.zeros((400, 100), chunks=(10, 100))
    X = dd.from_dask_array(X, columns=list(rows.columns)) if as_frame else X
    graph = dict(aligner.transform(X).__dask_graph__())
    size = len(pickle.dumps(aligner))
    assert size > 50_000
    assert len(graph) > 40
    assert sum(len(pickle.dumps(task)) > size / 2 for task in graph.values()) == 1


def test_a_later_fit_does_not_change_an_earlier_transform():
    rows, names = make_rows()
    aligner = SubspaceAligner(2).fit(rows, sample_domain=names)
    expected = aligner.transform(rows)
    mapped = aligner.transform(in_blocks(rows, [50, 70]))
    aligner.fit(rows[:, ::-1] * 2, sample_domain=names)
    assert_allclose(mapped.compute(), expected, atol=1e-12)


def test_a_pipeline_of_transformers_maps_block_by_block():
    rows, names = make_rows()
    pipe = make_transfer_pipeline(StandardScaler(), None, SubspaceAligner(2))
    expected = pipe.fit(rows, sample_domain=names).transform(rows, sample_domain=names)
    mapped = pipe.transform(in_blocks(rows, [50, 0, 70]), sample_domain=names)
    assert mapped.chunks == ((50, 0, 70), (2,))
    assert_allclose(mapped.compute(), expected, atol=1e-12)
    named = pipe.fit(frame_of(rows, names, [120])[list("abcde")].compute(), sample_domain=names)
    mapped = named.transform(frame_of(rows, names, [50, 0, 70])[list("abcde")], sample_domain=names)
    assert list(mapped.columns) == list(named.get_feature_names_out())
    assert_allclose(mapped.compute(), expected, atol=1e-12)


def test_steps_after_an_extractor_see_no_invented_item():
    words = np.array(["a word", "another word here", "a third"], dtype=object)
    pipe = make_transfer_pipeline(PretrainedTextExtractor(), StandardScaler())
    expected = pipe.fit(words).transform(words)
    mapped = pipe.transform(da.from_array(words, chunks=((2, 0, 1),)))
    assert mapped.shape == expected.shape
    assert_allclose(mapped.compute(), expected, atol=1e-6)


def test_paths_of_images_in_a_series(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for k in range(5):
        paths.append(str(tmp_path / f"{k}.png"))
        (tmp_path / f"{k}.png").write_bytes(encode(rng.integers(0, 255, (9, 9, 3), np.uint8)))
    frame = dd.from_pandas(pd.DataFrame({"path": paths}, index=list("vwxyz")), npartitions=2)
    embed = PretrainedFeatureExtractor().fit(frame["path"].head(2))
    mapped = embed.transform(frame["path"])
    assert list(mapped.columns) == list(embed.get_feature_names_out())
    assert_array_equal(mapped.compute(), embed.transform(paths))
    assert list(mapped.compute().index) == list("vwxyz")
    array = embed.transform(da.from_array(np.array(paths, dtype=object), chunks=3))
    assert array.chunks == ((3, 2), (len(mapped.columns),))
    assert_array_equal(array.compute(), embed.transform(paths))
    with pytest.raises(TypeError, match="PretrainedFeatureExtractor reads what is in memory, but"):
        embed.fit(frame["path"])


def test_on_a_cluster_of_another_process():
    distributed = pytest.importorskip("distributed")
    rows, names = make_rows()
    X = in_blocks(rows, [50, 0, 70])
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster),
    ):
        for estimator in (
            CORALAligner(),
            ULSIFWeighter(width=1.0, ridge=0.1, random_state=0),
            LabelShiftWeighter(),
            OptimalTransportAligner(max_samples=20),
            NearestNeighborWeighter(),
        ):
            found = clone(estimator).fit(X, rows[:, 0] > 0, sample_domain=names)
            call = found.weigh if hasattr(found, "weigh") else found.transform
            assert_allclose(call(X).compute(), call(rows), atol=1e-12)
            assert len(vars(found)) > len(vars(estimator))
