"""Sounds as input of any network: read once, each by itself, without an effect of its neighbors."""

import io
import pickle

import numpy as np
import pandas as pd
import pytest
import soundfile
from onnx import TensorProto, helper, numpy_helper, save
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sktransfer import FineTuneClassifier, PretrainedFeatureExtractor, TransferWarning
from sktransfer.deep import Preprocessing, SoundPreprocessing
from sktransfer.deep._engines.onnx_engine import OnnxEngine

INPUTS = SoundPreprocessing(n_frames=20, step=10, shortest=20)


@pytest.fixture
def network(tmp_path):
    """A network that gives the input itself, bands as channels."""
    path = tmp_path / "bands.onnx"
    nodes = [helper.make_node("Conv", ["frames", "identity"], ["bands"], kernel_shape=[1, 32])]
    nodes.append(helper.make_node("Relu", ["bands"], ["positive"]))
    identity = np.eye(32, dtype=np.float32).reshape(32, 1, 1, 32)
    shapes = {"frames": ["N", 1, 20, 32], "positive": ["N", 32, 20, 1]}
    described = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]
    stored = [numpy_helper.from_array(identity, "identity")]
    graph = helper.make_graph(nodes, "bands", described[:1], described[1:], stored)
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.fixture
def sounds():
    rng = np.random.default_rng(0)
    lengths = (4000, 700, 16000, 9000, 4000)
    return [rng.normal(0, 10.0 ** -rng.integers(1, 4), n) for n in lengths]


def make(network, **options):
    options = {"preprocessing": INPUTS, "stages": ["positive"], "sample_rate": 16000} | options
    return PretrainedFeatureExtractor(network, **options)


def as_file(sound, kind="WAV", rate=16000):
    stream = io.BytesIO()
    soundfile.write(stream, sound, rate, format=kind, subtype="PCM_16")
    return stream.getvalue()


def test_features_are_the_mean_over_windows(network, sounds):
    found = make(network, cache=None).fit_transform(sounds)
    for row, sound in zip(found, sounds, strict=True):
        windows = INPUTS.windows(INPUTS.decibels(sound.astype(np.float32)))
        expected = np.maximum(windows, 0).mean(axis=(0, 1, 2))
        np.testing.assert_allclose(row, expected, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_a_sound_has_the_same_bits_next_to_any_other(network, sounds, batch_size):
    extractor = make(network, cache=None, batch_size=batch_size).fit(sounds)
    together = extractor.transform(sounds)
    alone = np.concatenate([extractor.transform([sound]) for sound in sounds])
    np.testing.assert_array_equal(together, alone)
    # A limit below the loudest of the whole batch would change the quiet sounds here.
    loud = np.ones(4000) * np.sin(np.arange(4000))
    np.testing.assert_array_equal(extractor.transform([loud, *sounds])[1:], alone)
    np.testing.assert_array_equal(extractor.set_params(n_jobs=2).transform(sounds), alone)


def test_files_bytes_and_arrays_of_one_sound_have_one_row(network, sounds, tmp_path):
    sound = (8000 * sounds[0] / abs(sounds[0]).max()).astype(np.int16)
    path = tmp_path / "sound.flac"
    path.write_bytes(as_file(sound, "FLAC"))
    items = [str(path), path, as_file(sound), io.BytesIO(as_file(sound)), sound, sound / 32768]
    stereo = np.stack([sound, sound], axis=1)
    items += [stereo, {"array": sound / 32768, "sampling_rate": 16000}]
    rows = make(network).fit_transform(items)
    np.testing.assert_array_equal(rows, np.repeat(rows[:1], len(items), axis=0))


def test_containers(network, sounds):
    extractor = make(network).fit(sounds)
    expected = extractor.transform(sounds)
    objects = np.empty(len(sounds), object)
    objects[:] = sounds
    for X in (tuple(sounds), objects, pd.Series(sounds), pd.DataFrame({"sound": sounds})):
        np.testing.assert_array_equal(extractor.transform(X), expected)
    clips = np.stack([sounds[0], sounds[4]])
    np.testing.assert_array_equal(extractor.transform(clips), expected[[0, 4]])
    frames = np.stack([INPUTS.decibels(clip.astype(np.float32)) for clip in clips])
    np.testing.assert_array_equal(extractor.transform(frames), expected[[0, 4]])
    assert not hasattr(extractor, "n_features_in_")


def test_other_networks_take_no_frames(network):
    extractor = make(network, on_error="nan").fit([np.zeros(4000)])
    with pytest.warns(UserWarning, match=r"shape \(9, 31\), expected \(n_samples,\)"):
        assert np.isnan(extractor.transform([np.zeros((9, 31))])).all()


@pytest.fixture
def n_run(monkeypatch):
    counts, run = [], OnnxEngine.run

    def counted(self, batch):
        counts.append(len(batch))
        return run(self, batch)

    monkeypatch.setattr("sktransfer.deep._features.check_rows", lambda *rows, **about: None)
    monkeypatch.setattr(OnnxEngine, "run", counted)
    return counts


def test_each_distinct_sound_runs_once(network, sounds, n_run, tmp_path):
    paths = []
    for number, sound in enumerate(sounds):
        paths.append(tmp_path / f"{number}.wav")
        paths[-1].write_bytes(as_file(np.clip(sound, -1, 1)))
    extractor = make(network, preprocessing=SoundPreprocessing(n_frames=20, shortest=20, step=99))
    grid = {"pretrainedfeatureextractor__pooling": ["avg", "max"]}
    pipe = make_pipeline(extractor, LogisticRegression())
    GridSearchCV(pipe, grid, cv=2).fit([*paths, *paths], [0, 1] * 5)
    assert sum(n_run) == 2 * len(sounds)
    found = extractor.fit_transform(paths)
    paths[0].write_bytes(as_file(np.clip(sounds[2], -1, 1)))
    np.testing.assert_array_equal(extractor.transform(paths)[0], found[2])
    assert sum(n_run) == 2 * len(sounds)


def test_a_rate_is_part_of_an_array_of_samples(network, sounds):
    rows = [make(network, sample_rate=rate).fit_transform(sounds[:1]) for rate in (16000, 8000)]
    assert abs(rows[0] - rows[1]).max() > 0.1


def test_clones_and_pickles_give_the_same(network, sounds):
    extractor = make(network).fit(sounds)
    expected = extractor.transform(sounds)
    pickled = pickle.dumps(extractor)
    assert len(pickled) < 10_000
    np.testing.assert_array_equal(pickle.loads(pickled).transform(sounds), expected)
    np.testing.assert_array_equal(clone(extractor).fit_transform(sounds), expected)


def test_sounds_that_cannot_be_read_are_named_or_rows_of_nan(network, sounds):
    X = [sounds[0], None, b"no sound", np.zeros(9), 1e5 * sounds[0], np.array([0.0, np.nan] * 400)]
    message = (
        r"^5 of 6 sounds cannot be read: X\[1\] \(missing\), X\[2\] \(no sound that can be "
        r"decoded: .*\), X\[3\] \(lasts 0.562 ms, expected at least 25 ms\), X\[4\] \(has values "
        r"up to .*, expected floats from -1 to 1: .*\), X\[5\] \(contains NaN or infinity\); "
        r"repair or remove them\.$"
    )
    with pytest.raises(ValueError, match=message):
        make(network).fit_transform(X)
    with pytest.raises(ValueError, match=message):
        make(network).fit(sounds).transform(X)
    with pytest.raises(ValueError, match=r"^1 of 1 sounds .*'no/file.wav' \(no such file\)"):
        make(network).fit_transform(["no/file.wav"])
    extractor = make(network, on_error="nan").fit(X)
    with pytest.warns(UserWarning, match=r"^5 of 6 sounds .*their features are NaN"):
        features = extractor.transform(X)
    assert np.isnan(features).all(axis=1).tolist() == [False, *[True] * 5]
    assert [fault.position for fault in extractor.find_unreadable(X)] == [1, 2, 3, 4, 5]
    assert make(network).find_unreadable(sounds) == []


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("a.wav", ValueError, r"^X is a single str, expected a sequence of sounds: pass a list"),
        (b"RIFF", ValueError, r"^X is a single bytes"),
        (np.zeros(100), ValueError, r"^X of shape \(100,\) is one sound, .*: pass \[X\]\.$"),
        ([0.1, 0.2], ValueError, r"^X is a list of numbers, .*: pass \[X\]\.$"),
        ([], ValueError, r"^X is an empty list, expected a sequence of sounds"),
        ({"a": 1}, TypeError, "expected one entry a row"),
    ],
)
def test_what_is_no_sequence_of_sounds(network, X, error, message):
    with pytest.raises(error, match=message):
        make(network).fit(X)


def test_arrays_need_a_sample_rate_and_files_do_not(network, sounds):
    extractor = make(network, sample_rate=None)
    content = as_file(np.clip(sounds[0], -1, 1))
    assert extractor.fit_transform([content]).shape == (1, 32)
    message = (
        r"^sample_rate=None, but X\[1\], X\[3\] of X are arrays of samples, .*: pass "
        r"sample_rate=16000, for example\.$"
    )
    for on_error in ("raise", "nan"):
        with pytest.raises(ValueError, match=message):
            extractor.set_params(on_error=on_error).fit([content, sounds[0], content, [0.1] * 999])
    with pytest.raises(
        ValueError, match=r"'sample_rate' parameter .* must be a float in the range"
    ):
        make(network, sample_rate=0).fit(sounds)


def test_parameters_of_other_kinds_are_refused(network, sounds):
    with pytest.raises(ValueError, match=r"^value_range=\(0, 1\), max_tokens=3: read for images"):
        make(network, value_range=(0, 1), max_tokens=3).fit(sounds)
    with pytest.raises(ValueError, match=r"^sample_rate=8000: read for sounds only"):
        PretrainedFeatureExtractor("glyphs", sample_rate=8000).fit(np.zeros((3, 64)))
    with pytest.raises(ValueError, match=r"^preprocessing.size=\(76, 32\) does not fit"):
        make(network, preprocessing=SoundPreprocessing()).fit(sounds)
    with pytest.raises(ValueError, match="for sounds a SoundPreprocessing"):
        make(network, preprocessing=None).fit(sounds)
    assert isinstance(
        make(network, preprocessing="tf", sample_rate=None)
        .fit(np.zeros((2, 20, 32)))
        .backbone_.preprocessing,
        Preprocessing,
    )


def test_a_trained_network_sees_the_middle_of_long_sounds(network):
    """All stages are trained for no epoch: the head reads the middle window."""
    rng = np.random.default_rng(0)
    sounds = [rng.normal(0, 0.1, n) for n in (3552, 3552, 5152, 3552)]
    y = [0, 1, 0, 1]
    options = {"preprocessing": INPUTS, "stages": ["positive"], "sample_rate": 16000}
    options |= {"max_epochs": 1, "learning_rate": 0.0, "backbone_learning_rate": 0.0}
    options |= {"validation_fraction": 0, "random_state": 0}
    trained = FineTuneClassifier(network, freeze_depth=0, **options)
    with pytest.warns(TransferWarning, match=r"^1 of 4 sounds last longer than 0.22 s, .* middle"):
        trained.fit(sounds, y)
    assert trained.backbone_.preprocessing.long_sound == "middle"
    with pytest.warns(TransferWarning, match=r"^1 of 1 sounds"):
        found = trained.predict_proba(sounds[2:3])
    middle = trained.predict_proba([sounds[2][800 : 800 + 3552]])
    np.testing.assert_allclose(found, middle, atol=1e-5)
    frozen = FineTuneClassifier(network, freeze_depth="all", **options).fit(sounds, y)
    assert frozen.backbone_.preprocessing == INPUTS
