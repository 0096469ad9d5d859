"""A folder for each class: what counts, in which order, and what is said about the rest."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from sktransfer.datasets import load_image_folder
from sktransfer.deep import PretrainedFeatureExtractor


@pytest.fixture
def folder(tmp_path):
    """Two classes, nested and with strange company."""
    root = tmp_path / "pictures"
    names = ["bee/2.PNG", "bee/10.jpeg", "bee/queen/1.tif", "ant/b.png", "ant/a.bmp"]
    for place, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 40 * place).save(root / name)
    for name in ("bee/notes.txt", "bee/.hidden.png", "ant/.git/x.png", ".cache/y.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"no image")
    (root / "__MACOSX" / "ant").mkdir(parents=True)
    (root / "__MACOSX" / "ant" / "a.png").write_bytes(b"no image")
    (root / "labels.csv").write_text("a,b")
    return root


def test_the_folder_under_path_is_the_class(folder):
    images = load_image_folder(folder)
    expected = ["ant/a.bmp", "ant/b.png", "bee/10.jpeg", "bee/2.PNG", "bee/queen/1.tif"]
    assert images.filenames.tolist() == expected
    assert images.data.tolist() == [str(folder / name) for name in expected]
    assert images.data.dtype == object
    assert images.target.tolist() == ["ant"] * 2 + ["bee"] * 3
    assert images.target_names == ["ant", "bee"]
    assert f"5 images in {str(folder)!r}: 2 of 'ant', 3 of 'bee'." == images.DESCR


def test_data_and_target_alone(folder):
    images = load_image_folder(str(folder))
    X, y = load_image_folder(folder, return_X_y=True)
    np.testing.assert_array_equal(X, images.data)
    np.testing.assert_array_equal(y, images.target)


@pytest.mark.parametrize("extensions", [(".png",), ["png"], {"PNG"}])
def test_extensions_are_what_the_user_says(folder, extensions):
    images = load_image_folder(folder, extensions=extensions)
    assert images.filenames.tolist() == ["ant/b.png", "bee/2.PNG"]


def test_nothing_is_opened(folder):
    (folder / "ant" / "broken.png").write_bytes(b"broken")
    assert "ant/broken.png" in load_image_folder(folder).filenames
    script = """
import sys
import sktransfer.datasets
print({"PIL", "onnxruntime", "torch"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_a_linked_class_is_a_class(folder, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "insect").symlink_to(folder / "ant", target_is_directory=True)
    assert load_image_folder(linked).filenames.tolist() == ["insect/a.bmp", "insect/b.png"]


def test_what_is_left_out_is_said(folder):
    (folder / "wasp").mkdir()
    Image.new("L", (4, 4)).save(folder / "loose.png")
    message = (
        f"In path={str(folder)!r} the folders ['wasp'] hold no images and the images "
        "['loose.png'] lie in no class's folder; they are left out."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        assert load_image_folder(folder).target_names == ["ant", "bee"]


def test_errors_name_the_path_and_what_was_expected(folder):
    absent = str(folder / "absent")
    message = f"path={absent!r} is no folder: expected one that holds a folder for each class."
    with pytest.raises(NotADirectoryError, match=f"^{re.escape(message)}$"):
        load_image_folder(absent)
    inner = folder / "ant"
    message = f"path={str(inner)!r} holds no folder with images: expected a folder for each class"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        load_image_folder(inner)
    for extensions in (".png", (), [1], None):
        with pytest.raises(ValueError, match=r"^extensions=.* are no extensions: expected a"):
            load_image_folder(folder, extensions=extensions)


def _write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(root / name)
    return root


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train/ant/1.png", "train/bee/1.png", "val/ant/2.png", "val/bee/2.png"], "train val"),
        (["train/ant/1.png", "train/bee/1.png", "test/ant/2.png"], "test train"),
        (["Training/ant/1.png", "Training/bee/1.png", "Test/1.png", "Test/2.png"], "Test Training"),
        (["train/a/1.png", "train/b/1.png", "extra/a/1.png", "extra/b/1.png"], "extra train"),
        (["train/a/deep/1.png", "valid/a/1.png", "test/a/1.png"], "test train valid"),
    ],
)
def test_splits_are_no_classes(tmp_path, names, splits):
    _write(tmp_path, *names)
    best = tmp_path / names[0].split("/")[0]
    with pytest.raises(ValueError, match="splits of the data") as caught:
        load_image_folder(tmp_path)
    message = str(caught.value)
    assert f"holds the folders {splits.split()!r}" in message
    assert message.endswith(f"pass one of them, such as path={str(best)!r}.")
    n_classes = len({name.split("/")[1] for name in names if name.startswith(best.name)})
    assert len(load_image_folder(best).target_names) == n_classes


def test_classes_with_folders_of_their_own_stay_classes(tmp_path):
    """A train is a vehicle too; and each class may have a folder for each year, say."""
    vehicles = _write(tmp_path / "a", "train/steam/1.png", "train/diesel/1.png", "bus/city/1.png")
    assert load_image_folder(vehicles).target_names == ["bus", "train"]
    flat = _write(tmp_path / "b", "train/1.png", "test/1.png")
    assert load_image_folder(flat).target_names == ["test", "train"]
    years = _write(tmp_path / "c", "ant/2023/1.png", "ant/2024/1.png", "bee/2023/1.png")
    with pytest.warns(UserWarning, match=r"'ant', 'bee'.*of the same names: \['2023', '2024'\]"):
        assert load_image_folder(years).target_names == ["ant", "bee"]
    one = _write(tmp_path / "d", "ant/images/1.png", "bee/images/1.png")
    assert load_image_folder(one).target_names == ["ant", "bee"]


def test_it_feeds_a_pipeline_and_its_folds(tmp_path):
    rng = np.random.default_rng(0)
    for name, grey in (("dark", 40), ("light", 200)):
        (tmp_path / name).mkdir()
        for number in range(6):
            pixels = np.clip(rng.normal(grey, 20, (8, 8)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    X, y = load_image_folder(tmp_path, return_X_y=True)
    pipe = make_pipeline(PretrainedFeatureExtractor(stage=1), LogisticRegression())
    assert cross_val_score(pipe, X, y, cv=StratifiedKFold(3)).mean() == 1.0
    assert pipe.fit(X, y).predict(X[:1]).tolist() == ["dark"]
