"""A folder of parts: what stays, what is made again, and what is refused."""

import os
import sys
import tarfile

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sktransfer import PretrainedFeatureExtractor, load_features, store_features
from sktransfer.deep import ShardFault
from sktransfer.deep._shards.inputs import Reading, read_shards
from sktransfer.deep._shards.place import place_of
from sktransfer.deep._shards.work import Job, make_part
from tests.deep.shards.photos import png, read_log, shards_of
from tests.deep.shards.test_inputs import write_files, write_tar
from tests.shelf import whole


def split(pictures, n_shards=3):
    names = list(pictures)
    return {
        f"s{place}": {name: pictures[name] for name in names[place::n_shards]}
        for place in range(n_shards)
    }


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}


def test_a_second_call_keeps_every_part(embed, tmp_path):
    shards = shards_of(tmp_path / "log", n_shards=3, n_photos=4)
    first = store_features(embed, shards, tmp_path / "features")
    before = stamps(tmp_path / "features")
    again = store_features(embed, shards, tmp_path / "features")
    assert (first.n_made, first.n_kept, first.n_rows, first.n_tried) == (3, 0, 12, 12)
    assert (again.n_made, again.n_kept, again.n_rows, again.n_tried) == (0, 3, 12, 0)
    assert stamps(tmp_path / "features") == before
    assert sorted(read_log(tmp_path / "log")) == list(range(12))


@pytest.mark.parametrize("damage", ["cut", "emptied", "another file", "hole"])
def test_a_damaged_part_is_made_again(damage, embed, pictures, tmp_path):
    store_features(embed, split(pictures), tmp_path)
    expected = np.asarray(load_features(tmp_path))
    path = sorted(tmp_path.glob("*.parquet"))[1]
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[:-1],
            "emptied": b"",
            "another file": png(0),
            "hole": content[:500] + content[501:],
        }[damage]
    )
    with pytest.raises(ValueError, match=f"has 1 damaged files, the first '{path.name}'"):
        load_features(tmp_path)
    report = store_features(embed, split(pictures), tmp_path)
    assert (report.n_made, report.n_kept) == (1, 2)
    np.testing.assert_array_equal(load_features(tmp_path), expected)


def test_other_names_of_the_items_of_a_shard(embed, pictures, tmp_path):
    renamed = {f"new-{name}": picture for name, picture in pictures.items()}
    for content in (pictures, renamed):
        assert store_features(embed, {"one": content}, tmp_path).n_made == 1
    assert load_features(tmp_path).keys.tolist() == list(renamed)


@pytest.mark.parametrize("kind", ["file", "list"])
def test_another_content_under_the_name_of_a_shard(kind, embed, pictures, tmp_path):
    few = dict(list(pictures.items())[:5])
    for content in (pictures, few):
        shard = write_tar(tmp_path / "a.tar", content) if kind == "file" else content
        report = store_features(embed, {"one": shard}, tmp_path / "features")
        assert (report.n_made, report.n_rows) == (1, len(content))
    assert load_features(tmp_path / "features").keys.tolist() == list(few)


def test_new_shards_join_the_folder(embed, pictures, tmp_path):
    shards = split(pictures)
    some = {"s1": shards["s1"]}
    store_features(embed, some, tmp_path)
    report = store_features(embed, shards, tmp_path)
    assert (report.n_made, report.n_kept) == (2, 1)
    whole_folder = load_features(tmp_path)
    assert sorted(whole_folder.keys) == sorted(pictures)
    rows = [whole_folder.keys.tolist().index(name) for name in pictures]
    expected = embed.transform(list(pictures.values()))
    np.testing.assert_array_equal(np.asarray(whole_folder)[rows], expected)


def test_another_context_is_refused_and_named(embed, pictures, tmp_path):
    folder = tmp_path / "features"
    store_features(embed, [pictures], folder)
    before = stamps(folder)

    def refused(extractor, what, **options):
        message = (
            f"folder={str(folder)!r} holds features with {what}: pass another folder, or the "
            "extractor and the dtype that it was filled with."
        )
        with pytest.raises(ValueError, match=whole(message)):
            store_features(extractor, [pictures], folder, **options)

    refused(embed, "dtype='float32', not 'float16'", dtype="float16")
    early = clone(embed).set_params(stage=1, pooling="max").fit([png(0)])
    width = early.transform([png(0)]).shape[1]
    refused(
        early,
        f"stage='{embed.stage_}', not '{early.stage_}'; pooling='avg', not 'max'; "
        f"n_features='160', not '{width}'",
    )
    assert stamps(folder) == before


def test_another_precision_is_another_context(embed, pictures, tmp_path):
    pytest.importorskip("torch", reason="half precision needs torch")
    store_features(embed, [pictures], tmp_path)
    half = clone(embed).set_params(precision="bfloat16", device="cpu").fit([png(0)])
    with pytest.raises(ValueError, match="engine='onnx-cpu', not 'torch-cpu-bfloat16'"):
        store_features(half, [pictures], tmp_path)


def test_other_settings_that_change_no_feature_are_the_same_context(embed, pictures, tmp_path):
    store_features(embed, [pictures], tmp_path)
    other = clone(embed).set_params(batch_size=3, n_jobs=2, on_error="nan").fit([png(5), png(6)])
    assert store_features(other, [pictures], tmp_path).n_kept == 1


def test_parts_of_two_contexts_are_never_one_array(embed, pictures, tmp_path):
    early = clone(embed).set_params(stage=1).fit([png(0)])
    store_features(embed, {"a": pictures}, tmp_path / "late")
    store_features(early, {"b": pictures}, tmp_path / "early")
    for path in (tmp_path / "early").glob("*.parquet"):
        path.rename(tmp_path / "late" / path.name)
    with pytest.raises(ValueError, match=f"mixes features: 'b-.*' has stage='{early.stage_}', not"):
        load_features(tmp_path / "late")
    with pytest.raises(ValueError, match=f"holds features with stage='{early.stage_}', not"):
        store_features(embed, {"b": pictures}, tmp_path / "late")


BROKEN = {"cut.png": png(3)[:-30], "empty.png": b"", "text.png": b"no picture"}


def test_broken_files_are_rows_with_a_reason(embed, pictures, tmp_path):
    contents = pictures | BROKEN
    paths = write_files(tmp_path, contents)
    (tmp_path / "empty.png").unlink()
    report = store_features(embed, [paths], tmp_path / "features")
    X = load_features(tmp_path / "features")
    assert (report.n_rows, report.n_faults) == (15, 3)
    assert [os.path.basename(key) for key, _ in report.faults] == list(BROKEN)
    assert [key for key, reason in zip(X.keys, X.faults) if reason] == paths[12:]
    assert X.faults[13] == "no such file"
    assert X.readable.tolist() == [True] * 12 + [False] * 3
    np.testing.assert_array_equal(np.isnan(X).all(axis=1), ~X.readable)
    np.testing.assert_array_equal(
        np.asarray(X)[X.readable], embed.transform(list(pictures.values()))
    )


def test_only_faults_are_retried_and_only_on_request(embed, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("sktransfer.deep._shards.inputs.ROWS_AT_ONCE", 4)
    paths = write_files(tmp_path, pictures | BROKEN)
    shards = {"bad": paths[1:], "good": paths[:1]}
    store_features(embed, shards, tmp_path / "features", dtype="float16")
    for name in ("cut.png", "text.png"):
        (tmp_path / name).write_bytes(png(3))
    (tmp_path / "1.png").unlink()  # a row that is not read again
    again = store_features(embed, shards, tmp_path / "features", dtype="float16")
    assert (again.n_kept, again.n_tried, again.n_faults) == (2, 0, 3)
    retried = store_features(
        embed, shards, tmp_path / "features", dtype="float16", retry_faults=True
    )
    assert (retried.n_made, retried.n_kept) == (1, 1)
    assert (retried.n_tried, retried.n_faults) == (3, 1)
    X = load_features(tmp_path / "features")
    assert X.keys[: len(paths) - 1].tolist() == paths[1:]
    expected = embed.transform([*list(pictures.values())[1:], png(3), png(3)]).astype(np.float16)
    np.testing.assert_array_equal(np.asarray(X)[X.readable][:-1], expected)


def test_shards_that_cannot_be_read_are_set_aside(embed, pictures, tmp_path):
    good, cut = (write_tar(tmp_path / f"{name}.tar", pictures) for name in ("good", "cut"))
    content = cut.read_bytes()
    cut.write_bytes(content[:3000])
    gone, bad = tmp_path / "gone.tar", tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1 and nothing else")
    report = store_features(embed, [good, cut, gone, bad], tmp_path / "features")
    assert (report.n_made, report.n_rows) == (1, 12)
    reasons = {os.path.basename(fault.name): fault.reason for fault in report.set_aside}
    assert list(reasons) == ["bad.parquet", "cut.tar", "gone.tar"]
    assert isinstance(report.set_aside[0], ShardFault)
    assert reasons["cut.tar"] == "ReadError: unexpected end of data"
    assert reasons["gone.tar"] == "no such file"
    assert "3 shards set aside: " in str(report)
    assert len(load_features(tmp_path / "features").parts) == 1
    cut.write_bytes(content)
    report = store_features(embed, [good, cut], tmp_path / "features")
    assert (report.n_made, report.n_kept, report.set_aside) == (1, 1, ())
    assert not list((tmp_path / "features" / "_sktransfer").glob("drafts/*"))


def test_half_precision(embed, pictures, tmp_path):
    store_features(embed, [pictures], tmp_path, dtype="float16")
    X, expected = load_features(tmp_path), embed.transform(list(pictures.values()))
    assert X.dtype == X.to_numpy().dtype == np.float16
    np.testing.assert_array_equal(X, expected.astype(np.float16))


def test_the_first_call_settles_the_context_even_without_shards(embed, pictures, tmp_path):
    store_features(embed, [], tmp_path)
    with pytest.raises(ValueError, match="holds features with dtype='float32', not 'float16'"):
        store_features(embed, [pictures], tmp_path, dtype="float16")


def test_a_worker_never_replaces_a_part_of_another_context(embed, pictures, tmp_path):
    # Another caller was quicker, and has another stage.
    store_features(embed, {"a": pictures}, tmp_path)
    options = Reading("image")
    (shard,) = read_shards({"a": pictures}, options)
    context = load_features(tmp_path).context | {"stage": "another"}
    before = stamps(tmp_path)
    with pytest.raises(ValueError, match="holds features with stage='stage4', not 'another'"):
        make_part(embed, shard, Job(place_of(tmp_path, {}), context, options))
    assert stamps(tmp_path) == before


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize(
    ("dtype", "scale", "reason"),
    [
        ("float32", 1e6, None),
        ("float16", 1e6, "a feature is beyond 65504, the largest number of float16"),
        ("float32", 1e38, "its features are not finite"),
        ("float16", 1e38, "its features are not finite"),
    ],
)
def test_features_that_overflow_are_faults(dtype, scale, reason, write_network, tmp_path, pictures):
    import onnx
    from onnx import numpy_helper

    path = write_network(tmp_path / "network.onnx")
    model = onnx.load(path)
    for weight in model.graph.initializer:
        if weight.name in ("block4.scale", "block4.bias"):
            large = numpy_helper.to_array(weight) * np.float32(scale)
            weight.CopyFrom(numpy_helper.from_array(large, weight.name))
    onnx.save(model, path)
    extractor = PretrainedFeatureExtractor(path, cache=None).fit([png(0)])
    report = store_features(extractor, [pictures], tmp_path / "features", dtype=dtype)
    X = load_features(tmp_path / "features")
    assert set(X.faults) == {reason}
    assert report.n_faults == (0 if reason is None else 12)
    if reason is None:
        assert np.asarray(X).max() > np.finfo(np.float16).max
    else:
        assert not np.isfinite(X).all(axis=1).any()


def test_no_items_and_no_shards(embed, tmp_path):
    report = store_features(embed, {"none": [], "empty": {}}, tmp_path)
    assert (report.n_made, report.n_rows) == (2, 0)
    assert load_features(tmp_path).to_numpy().shape == (0, 160)
    assert store_features(embed, [], tmp_path).n_made == 0


def test_grid_and_flat_features(embed, pictures, tmp_path):
    for pooling in ("grid", None):
        extractor = clone(embed).set_params(pooling=pooling, stage=2).fit([png(0)])
        store_features(extractor, [pictures], tmp_path / str(pooling))
        expected = extractor.transform(list(pictures.values()))
        np.testing.assert_array_equal(load_features(tmp_path / str(pooling)), expected)


def test_a_cache_folder_is_used(embed, pictures, tmp_path):
    extractor = clone(embed).set_params(cache=tmp_path / "cache").fit([png(0)])
    store_features(extractor, [pictures], tmp_path / "features")
    expected = extractor.transform(list(pictures.values()))
    np.testing.assert_array_equal(load_features(tmp_path / "features"), expected)
    assert (tmp_path / "cache").is_dir()


@pytest.mark.parametrize("prefix", ["file://", "memory://"])
def test_addresses_of_fsspec(prefix, embed, pictures, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    address = f"{prefix}{tmp_path}"
    with (
        fsspec.open(f"{address}/a.tar", "wb") as stream,
        tarfile.open(fileobj=stream, mode="w") as tar,
    ):
        local = write_files(tmp_path, pictures)
        for path, name in zip(local, pictures):
            tar.add(path, name)
    fs, root = fsspec.url_to_fs(address)
    for path, name in zip(local, pictures):
        fs.put_file(path, f"{root}/put-{name}")
    addresses = [f"{address}/put-{name}" for name in pictures]
    shards = [f"{address}/a.tar", addresses]
    for n_made in (2, 0):
        report = store_features(embed, shards, f"{address}/features")
        assert (report.n_made, report.n_faults, report.n_rows) == (n_made, 0, 24)
    X, expected = load_features(f"{address}/features"), embed.transform(list(pictures.values()))
    assert set(X.keys) == {*pictures, *addresses}
    np.testing.assert_array_equal(X, np.concatenate([expected, expected]))
    with pytest.raises(ValueError, match="not 'float16'"):
        store_features(embed, shards, f"{address}/features", dtype="float16")


def test_arguments(embed, tmp_path):
    with pytest.raises(NotFittedError):
        store_features(PretrainedFeatureExtractor(), [], tmp_path)
    with pytest.raises(TypeError, match="is a dict, expected a fitted PretrainedFeatureExtractor"):
        store_features({}, [], tmp_path)
    message = "dtype='float64' is not known: expected 'float32' or 'float16'."
    with pytest.raises(ValueError, match=whole(message)):
        store_features(embed, [], tmp_path, dtype="float64")


def test_without_the_packages(embed, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    message = (
        "store_features and load_features need pyarrow and fsspec, of which fsspec is not "
        'installed; run pip install "sktransfer[store]".'
    )
    with pytest.raises(ImportError, match=whole(message)):
        store_features(embed, [], tmp_path)
    with pytest.raises(ImportError, match=whole(message)):
        load_features(tmp_path)


def test_the_report_in_sentences(embed, pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sktransfer.deep._shards.store.SECONDS_A_LINE", 0)
    shards = {"a": pictures, "b": BROKEN}
    report = store_features(embed, shards, tmp_path, verbose=True)
    text = str(report)
    assert text.startswith(f"15 rows in 2 parts: 2 made in {report.seconds:.1f} s, 0 kept. 3 rows")
    assert "3 rows (20 %) without features: 'cut.png' (" in text
    assert "The workers waited " in text
    assert sum(report.seconds_of.values()) <= report.seconds
    assert report.seconds_of["network"] > 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "2 of 2 shards, 15 rows, 0 s left"
    assert str(store_features(embed, {"a": pictures}, tmp_path)).endswith("0.0 s, 1 kept.")
