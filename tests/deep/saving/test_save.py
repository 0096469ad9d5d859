"""save and load: what comes back is what was written, to the bit, and without running code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from sktransfer._whole_files import write_whole
from sktransfer.deep import FineTuneClassifier, FineTuneRegressor
from sktransfer.deep._augmentation import Augmentation
from sktransfer.deep._preprocessing import Preprocessing
from sktransfer.deep._saving.storage import Unwritable, decode, encode

safetensors = pytest.importorskip("safetensors", reason="the files are in its format")

# Networks with random weights and few epochs seldom improve on the head alone.
pytestmark = pytest.mark.filterwarnings("ignore:Training the stages")

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y, X_NEW = DIGITS[:80], LABELS[:80], DIGITS[80:120]
QUICK = {"max_epochs": 2, "random_state": 0}

SCHEMES = {
    "frozen": {},
    "last stage": {"freeze_depth": 3},
    "from scratch": {"freeze_depth": 2, "initialize": "random"},
}


def make(kind=FineTuneClassifier, **parameters):
    if parameters.get("freeze_depth", "all") != "all":
        pytest.importorskip("torch", reason="the second phase trains with torch")
    return kind(**(QUICK | parameters))


def round_trip(estimator, tmp_path):
    path = tmp_path / "model.safetensors"
    estimator.save(path)
    return type(estimator).load(path)


def assert_same(first, second):
    """Equality of nested values: types, dtypes, order and every bit."""
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert list(first) == list(second)
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    elif isinstance(first, np.ndarray):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
        if first.dtype.kind == "O":
            assert [type(item) for item in first] == [type(item) for item in second]
    elif isinstance(first, float) and np.isnan(first):
        assert np.isnan(second)
    elif hasattr(first, "__dataclass_fields__"):
        assert_same(dict(vars(first)), dict(vars(second)))
    else:
        assert first == second


@pytest.mark.parametrize("scheme", SCHEMES)
def test_everything_comes_back(scheme, tmp_path):
    classifier = make(**SCHEMES[scheme]).fit(X, Y)
    loaded = round_trip(classifier, tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(X_NEW), classifier.predict_proba(X_NEW))
    assert_same(loaded.get_params(), classifier.get_params())
    fitted = {name: value for name, value in vars(classifier).items() if name.endswith("_")}
    assert_same({name: getattr(loaded, name) for name in fitted}, fitted)
    assert {name for name in vars(loaded) if name.endswith("_")} == set(fitted)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("depth", ["all", 3])
def test_a_regressor_comes_back(columns, depth, tmp_path):
    ink = np.stack([X.mean(axis=1), 1e3 * X[:, 20]], axis=1)[:, :columns]
    ink = ink[:, 0] if columns == 1 else ink
    regressor = make(FineTuneRegressor, freeze_depth=depth).fit(X, ink)
    loaded = round_trip(regressor, tmp_path)
    np.testing.assert_array_equal(loaded.predict(X_NEW), regressor.predict(X_NEW))
    assert loaded.predict(X_NEW).shape == (40, 2)[:columns]


@pytest.mark.parametrize(
    "classes",
    [
        np.array(["no", "yes"]),
        np.array(["nein", "ja"], dtype=object),
        np.array([-1, 1], dtype=np.int8),
        np.array([False, True]),
        np.array([3.0, 7.0], dtype=np.float32),
    ],
    ids=["text", "object", "int8", "bool", "float32"],
)
def test_classes_keep_their_values_and_their_dtype(classes, tmp_path):
    y = classes[(Y > 4).astype(int)]
    classifier = make(class_weight="balanced").fit(X, y)
    loaded = round_trip(classifier, tmp_path)
    assert_same(loaded.classes_, classifier.classes_)
    assert_same(loaded.predict(X_NEW), classifier.predict(X_NEW))


def test_parameters_of_all_kinds_come_back(tmp_path):
    parameters = {
        "class_weight": {int(label): 1.0 + label for label in np.unique(Y)},
        "augment": {"shift": 0.1, "fill": "reflect"},
        "augment_views": 1,
        "value_range": (0.0, 16.0),
        "image_shape": [8, 8],
        "random_state": np.random.RandomState(7),
        "cache": tmp_path / "features",
    }
    classifier = make(**parameters).fit(X, Y)
    loaded = round_trip(classifier, tmp_path)
    # A file does not choose the folder of later calls.
    assert loaded.cache == "memory"
    for name in set(parameters) - {"random_state", "cache"}:
        assert_same(getattr(loaded, name), getattr(classifier, name))
    assert loaded.random_state.randint(2**31) == classifier.random_state.randint(2**31)
    again = clone(loaded).set_params(random_state=1).fit(X, Y)
    expected = clone(classifier).set_params(random_state=1).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X_NEW), expected.predict_proba(X_NEW))


def test_names_of_columns_come_back(tmp_path):
    pandas = pytest.importorskip("pandas", reason="tables")
    table = pandas.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    loaded = round_trip(make().fit(table, Y), tmp_path)
    assert list(loaded.feature_names_in_) == list(table.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(table[table.columns[::-1]])


def test_another_process_loads_it_and_a_frozen_one_needs_no_torch(tmp_path):
    classifier = make().fit(X, Y)
    classifier.save(tmp_path / "m.safetensors")
    np.save(tmp_path / "x.npy", X_NEW)
    code = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without)\n"
        "import numpy as np\n"
        "from sktransfer import FineTuneClassifier\n"
        "loaded = FineTuneClassifier.load('m.safetensors')\n"
        "np.save('p.npy', loaded.predict_proba(np.load('x.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=_environment())
    expected = classifier.predict_proba(X_NEW)
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), expected)


def _environment():
    return os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}


def test_the_network_s_file_may_have_moved(network, write_network, tmp_path):
    old, new, other = (tmp_path / name for name in ("old.onnx", "new.onnx", "other.onnx"))
    old.write_bytes(Path(network).read_bytes())
    classifier = make(backbone=str(old)).fit(X, Y)
    expected = classifier.predict_proba(X_NEW)
    (tmp_path / "there").mkdir()
    path = tmp_path / "there" / "m.safetensors"
    classifier.save(path)
    old.rename(new)
    with pytest.raises(FileNotFoundError, match=r"old\.onnx', which is not there: pass backbone="):
        FineTuneClassifier.load(path)
    loaded = FineTuneClassifier.load(path, backbone=new)
    np.testing.assert_array_equal(loaded.predict_proba(X_NEW), expected)
    assert clone(loaded).fit(X, Y).backbone_.source == str(new)
    write_network(other, seed=1)
    with pytest.raises(ValueError, match="has not the weights that fit has seen"):
        FineTuneClassifier.load(path, backbone=other)
    new.rename(tmp_path / "there" / "old.onnx")
    np.testing.assert_array_equal(FineTuneClassifier.load(path).predict_proba(X_NEW), expected)


def _module(seed):
    torch = pytest.importorskip("torch", reason="a module")
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 6, 3),
        torch.nn.ReLU(),
    )


@pytest.mark.parametrize("depth", ["all", 1])
def test_a_module_s_weights_are_inside_and_its_code_is_not(depth, tmp_path):
    described = {"preprocessing": (0.5, 0.5), "input_size": 16, "stages": ["3", "5"]}
    classifier = make(backbone=_module(0), freeze_depth=depth, **described).fit(X, Y)
    classifier.save(tmp_path / "m")
    with pytest.raises(ValueError, match=r"a torch module, Sequential, .* pass backbone="):
        FineTuneClassifier.load(tmp_path / "m")
    loaded = FineTuneClassifier.load(tmp_path / "m", backbone=_module(1))
    np.testing.assert_array_equal(loaded.predict_proba(X_NEW), classifier.predict_proba(X_NEW))
    other = _module(0)
    other[4] = type(other[4])(4, 7, 3)
    with pytest.raises(ValueError, match=r"backbone=Sequential does not fit (?s:.*)size mismatch"):
        FineTuneClassifier.load(tmp_path / "m", backbone=other)
    other = _module(0)
    other[3] = type(other[3])(2, ceil_mode=True)
    with pytest.raises(ValueError, match="its settings or its code differ"):
        FineTuneClassifier.load(tmp_path / "m", backbone=other)


def test_what_cannot_be_written_is_refused_in_a_sentence_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "m"
    with pytest.raises(NotFittedError):
        make().save(path)
    classifier = make().fit(X, Y)
    classifier.save(path)
    before = path.read_bytes()
    classifier.set_params(class_weight=lambda y: y)
    with pytest.raises(ValueError, match=r"cannot be saved: parameters\['class_weight'\]=.*plain"):
        classifier.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m"
    write_whole(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["m"]


def _rewrite(path, change):
    """Change the JSON in the header of a file."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, framework="numpy") as stored:
        about = json.loads(stored.metadata()["sktransfer"])
        arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    change(about)
    save_file(arrays, path, metadata={"sktransfer": json.dumps(about)})


def test_files_of_others_are_refused_in_a_sentence(tmp_path):
    path = tmp_path / "m"
    make().fit(X, Y).save(path)
    with pytest.raises(ValueError, match="holds a FineTuneClassifier, not a FineTuneRegressor"):
        FineTuneRegressor.load(path)
    (tmp_path / "half").write_bytes(path.read_bytes()[:-100])
    (tmp_path / "text").write_text("hello")
    for name in ("half", "text"):
        with pytest.raises(ValueError, match="is damaged, or no file that save has written"):
            FineTuneClassifier.load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        FineTuneClassifier.load(tmp_path / "absent")
    _rewrite(path, lambda about: about.update(version=99))
    with pytest.raises(ValueError, match=r"version 99 of the format, .* reads version 1"):
        FineTuneClassifier.load(path)


def test_one_flipped_bit_anywhere_is_found(tmp_path):
    path = tmp_path / "m"
    classifier = make().fit(X, Y)
    classifier.save(path)
    content, expected = path.read_bytes(), classifier.predict_proba(X_NEW)
    rng = np.random.default_rng(0)
    places = [*range(200), *rng.integers(len(content), size=100)]
    n_refused = 0
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            loaded = FineTuneClassifier.load(path)
        except ValueError as error:
            assert "is damaged, or no file that save has written" in str(error)  # noqa: PT017
            assert len(str(error)) < 1000  # noqa: PT017
            n_refused += 1
        else:  # a bit that says nothing, such as one of a space
            np.testing.assert_array_equal(loaded.predict_proba(X_NEW), expected)
    assert n_refused > 0.9 * len(places)


def _drop(about, *names):
    pairs = about["attributes"]["items"]
    pairs[:] = [pair for pair in pairs if pair[0] not in names]


@pytest.mark.parametrize("depth", ["all", 3])
def test_a_file_of_an_older_release_loads(depth, tmp_path):
    path = tmp_path / "m"
    classifier = make(freeze_depth=depth).fit(X, Y)
    classifier.save(path)
    _rewrite(path, lambda about: _drop(about, "best_epoch_", "depth_"))  # and without checksum
    assert FineTuneClassifier.load(path).depth_ == classifier.depth_
    found = FineTuneClassifier.load(path).predict_proba(X_NEW)
    np.testing.assert_array_equal(found, classifier.predict_proba(X_NEW))


def _pairs(about, part):
    return about[part]["items"]


def _set(about, part, name, value):
    next(pair for pair in _pairs(about, part) if pair[0] == name)[1] = value


HUGE = {"is": "array", "dtype": "O", "shape": [10**13], "items": []}
WIDE = {"is": "array", "dtype": "<U1000000000", "shape": [1], "items": ["a"]}
NAN = {"is": "float", "value": "nan"}


@pytest.mark.parametrize(
    "change",
    [
        lambda about: _pairs(about, "attributes").append(["x_", 3]),
        lambda about: _pairs(about, "attributes").clear(),
        lambda about: _pairs(about, "parameters").pop(),
        lambda about: _pairs(about, "parameters")[0].__setitem__(0, "unknown"),
        lambda about: _pairs(about, "parameters")[0].__setitem__(0, 3),
        lambda about: _pairs(about, "parameters")[0].__setitem__(0, [3]),
        lambda about: about.update(attributes=3),
        lambda about: about.pop("parameters"),
        lambda about: about.update({"class": ["FineTuneClassifier"]}),
        *(
            lambda about, name=name, value=value: _set(about, "attributes", name, value)
            for name, value in {
                "head_": None,
                "backbone_": "glyphs",
                "image_format_": 3,
                "history_": [],
                "n_iter_": "many",
                "depth_": -1,
                "stage_weights_": {"is": "dict", "items": [["stage9", []]]},
                "classes_": HUGE,
                "input_shape_": WIDE,
            }.items()
        ),
        lambda about: _pairs(about, "attributes").append(["classes_", WIDE]),
        lambda about: about["attributes"]["items"].append(3),
        lambda about: [
            pair[1]["fields"].update(shapes=[["a"]])
            for pair in _pairs(about, "attributes")
            if pair[0] == "backbone_"
        ],
        lambda about: [
            pair[1]["fields"].update(value_range="dark")
            for pair in _pairs(about, "attributes")
            if pair[0] == "image_format_"
        ],
        lambda about: [
            pair[1]["fields"].update(mean=NAN)
            for pair in _pairs(about, "attributes")
            if pair[0] == "head_"
        ],
    ],
)
def test_a_changed_header_is_refused_in_a_sentence_that_names_the_file(change, tmp_path):
    path = tmp_path / "model.safetensors"
    make().fit(X, Y).save(path)
    _rewrite(path, change)
    with pytest.raises(ValueError, match=r"model\.safetensors' is damaged") as caught:
        FineTuneClassifier.load(path)
    assert len(str(caught.value)) < 1000


def test_a_file_does_not_choose_where_later_calls_write(tmp_path):
    path = tmp_path / "m"
    make().fit(X, Y).save(path)

    def change(about):
        for name in ("cache", "checkpoint"):
            _set(about, "parameters", name, str(tmp_path / "elsewhere" / name))

    _rewrite(path, change)
    loaded = FineTuneClassifier.load(path)
    loaded.predict(X_NEW + 0.5)
    loaded.fit(X, Y)
    assert (loaded.cache, loaded.checkpoint) == ("memory", None)
    assert not (tmp_path / "elsewhere").exists()


def test_what_killed_writers_have_left_is_removed_and_what_others_write_is_not(tmp_path):
    from sktransfer._whole_files import _lock

    path = tmp_path / "m[1].x"
    left, written = (tmp_path / f"m[1].x.{digit * 32}.tmp" for digit in "ab")
    others = [tmp_path / name for name in ("m[1].x.tmp", "m1.x." + "c" * 32 + ".tmp", "n.tmp")]
    for file in (left, written, *others):
        file.write_bytes(b"half")
    with open(written, "rb") as stream:
        locks = _lock(stream)
        make().fit(X, Y).save(path)
    if not locks:
        pytest.skip("this system has no locks")
    assert set(tmp_path.iterdir()) == {path, written, *others}
    make().fit(X, Y).save(path)
    assert set(tmp_path.iterdir()) == {path, *others}


def test_a_file_can_name_no_class_but_our_descriptions(tmp_path):
    path = tmp_path / "m"
    make().fit(X, Y).save(path)
    call = {"is": "object", "of": "Popen", "fields": {"args": "touch hacked"}}
    _rewrite(path, lambda about: about["attributes"]["items"].append(["x_", call]))
    with pytest.raises(ValueError, match="is damaged, or no file that save has written"):
        FineTuneClassifier.load(path)


def test_safetensors_is_named_with_its_extra(tmp_path, monkeypatch):
    classifier = make().fit(X, Y)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r'pip install "sktransfer\[save\]"'):
        classifier.save(tmp_path / "m")
    with pytest.raises(ImportError, match=r'pip install "sktransfer\[save\]"'):
        FineTuneClassifier.load(tmp_path / "m")


@pytest.mark.parametrize(
    "value",
    [
        [None, True, 3, -0.0, "ä", (1, [2.5]), {1: "a", "b": (None,), (1, 2): []}],
        [float("inf"), -float("inf"), float("nan"), 2**80, 0.1 + 0.2],
        [np.float32(0.1), np.int8(-3), np.bool_(True), np.str_("x")],
        [np.zeros((0, 3)), np.array(2.5), np.arange(6, dtype=">i4").reshape(2, 3)[:, ::2]],
        [np.array([["a", "bc"]]), np.array(["x", None, 1, 2.5], dtype=object)],
        [Augmentation(rotation=5), Preprocessing((8, 9), 1, (0.5,), (0.25,), crop=0.875)],
    ],
    ids=["plain", "numbers", "scalars", "arrays", "text", "descriptions"],
)
def test_values_survive_json(value):
    arrays = {}
    found = decode(json.loads(json.dumps(encode(value, arrays), allow_nan=False)), arrays)
    if isinstance(value[-1], np.ndarray) and value[-1].dtype == ">i4":
        value[-1] = value[-1].astype("<i4")
    assert_same(found, value)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (max, r"value=<built-in function max> is a builtin_function_or_method"),
        ([1, {"a": object()}], r"value\[1\]\['a'\]=<object.* is a object"),
        (np.array(["2020"], dtype="M8[D]"), r"value has the dtype datetime64\[D\]"),
        (np.zeros(2, dtype=complex), "value has the dtype complex128"),
    ],
)
def test_what_has_no_plain_form_is_named(value, name):
    with pytest.raises(Unwritable, match=name):
        encode(value, {})
