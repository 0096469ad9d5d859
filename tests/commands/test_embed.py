"""``sktransfer embed``: the same features as in Python, whole files, and one sentence an error."""

import csv
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from sktransfer import PretrainedFeatureExtractor, PretrainedTextExtractor
from sktransfer._commands import embed
from sktransfer._extras import install_command
from sktransfer.cli import main
from tests.shelf import encode


@pytest.fixture
def folder(tmp_path):
    """Pictures in folders, hidden files, and a damaged one."""
    rng = np.random.default_rng(0)
    for name in ("b/two.PNG", "a/one.jpg", "three.png", ".hidden.png", ".git/four.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = "JPEG" if name.endswith("jpg") else "PNG"
        path.write_bytes(encode(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8), kind))
    (tmp_path / "pictures" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "pictures" / "notes.txt").write_text("rain")
    return tmp_path / "pictures"


NAMES = ["a/one.jpg", "b/two.PNG", "broken.png", "three.png"]
REASON = "not an image that Pillow knows"


def read_table(path):
    """The names, features and faults of a table; None for no fault."""
    if path.suffix == ".npz":
        with np.load(path) as table:
            faults = [fault or None for fault in table["fault"].tolist()]
            return table["path"].tolist(), table["features"], faults
    if path.suffix == ".csv":
        heads, *rows = csv.reader(path.read_text().splitlines())
        assert heads[:3] == ["path", "fault", "glyphs_stage4_0"]
        features = [[float(cell or "nan") for cell in row[2:]] for row in rows]
        return [row[0] for row in rows], np.float32(features), [row[1] or None for row in rows]
    table = pytest.importorskip("pyarrow.parquet").read_table(path)
    names, features, faults = (table.column(name).to_pylist() for name in table.column_names)
    assert table.column_names == ["path", "features", "fault"]
    return names, np.float32(features), faults


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".npz"])
def test_rows_are_those_of_the_extractor(suffix, folder, capsys):
    out = folder.parent / f"table{suffix}"
    assert main(["embed", str(folder), "--backbone", "glyphs", "--out", str(out)]) == 0
    names, features, faults = read_table(out)
    assert names == NAMES
    assert faults == [None, None, REASON, None]
    extractor = PretrainedFeatureExtractor()
    expected = extractor.fit_transform([folder / name for name in NAMES if name != "broken.png"])
    np.testing.assert_array_equal(features[[0, 1, 3]], expected)
    assert np.isnan(features[2]).all()
    printed = capsys.readouterr()
    assert printed.out == (
        f"{out}: 3 images, 160 features each (glyphs, stage4)\n"
        f"1 unreadable: broken.png ({REASON})\n"
    )
    assert printed.err == ""
    assert sorted(path.name for path in folder.parent.iterdir()) == ["pictures", out.name]


def test_options_reach_the_network(folder):
    out = folder.parent / "table.npz"
    words = ["--stage", "2", "--pooling", "max", "--suffixes", ".JPG, .png", "--threads", "1"]
    words += ["--cache", str(folder.parent / "kept"), "--device", "cpu"]
    assert main(["embed", str(folder), "--backbone", "glyphs", "--out", str(out), *words]) == 0
    extractor = PretrainedFeatureExtractor(stage=2, pooling="max")
    expected = extractor.fit_transform([folder / "a/one.jpg"])
    np.testing.assert_array_equal(read_table(out)[1][:1], expected)
    assert list((folder.parent / "kept").iterdir())


def test_a_draft_moves_large_pictures_alone(folder):
    (folder / "broken.png").unlink()
    coarse = np.random.default_rng(1).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    large = Image.fromarray(coarse).resize((400, 300))
    (folder / "large.jpg").write_bytes(encode(large, "JPEG"))
    tables = []
    for words in ([], ["--draft"]):
        out = folder.parent / "table.npz"
        assert main(["embed", str(folder), "--backbone", "glyphs", "--out", str(out), *words]) == 0
        tables.append(read_table(out)[1])
    moved = (tables[0] != tables[1]).any(axis=1)
    assert moved.tolist() == [False, False, True, False]


def test_texts_are_read_by_a_network_of_texts(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("rain and wind")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\xfa")
    out = tmp_path / "table.npz"
    assert main(["embed", str(tmp_path), "--backbone", "words", "--out", str(out)]) == 0
    names, features, faults = read_table(out)
    assert (names, faults) == (["a.txt", "b.txt"], [None, "no text in UTF-8"])
    expected = PretrainedTextExtractor().fit_transform(["rain and wind"])
    np.testing.assert_array_equal(features[:1], expected)
    assert "1 text, 50 features each (words, mean)" in capsys.readouterr().out


def test_files_are_read_portion_by_portion(folder, monkeypatch):
    whole, parts = folder.parent / "whole.npz", folder.parent / "parts.npz"
    for out, n_files in ((whole, 1024), (parts, 3)):
        monkeypatch.setattr(embed, "FILES_AT_ONCE", n_files)
        assert main(["embed", str(folder), "--backbone", "glyphs", "--out", str(out)]) == 0
    for found, expected in zip(read_table(parts), read_table(whole), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere is no folder."),
        (["pictures", "--suffixes", ".heic"], "pictures holds no file whose name ends with .heic;"),
        (["pictures", "--backbone", "nothing"], "backbone='nothing' is not known"),
        (["pictures", "--backbone", "words", "--draft"], "--draft is for images, but words reads"),
        (["pictures", "--stage", "9"], "stage=9 is not a stage of the backbone 'glyphs'"),
        (["pictures/broken", "--suffixes", ".png"], "none of 1 images has features: broken.png"),
    ],
)
def test_errors_are_one_sentence_and_write_nothing(words, message, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder.parent)
    (folder / "broken").mkdir()
    (folder / "broken.png").rename(folder / "broken" / "broken.png")
    assert main(["embed", "--backbone", "glyphs", "--out", "table.csv", *words]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"sktransfer embed: {message}")
    assert printed.err.count("\n") == 1
    assert [path.name for path in folder.parent.iterdir()] == ["pictures"]


@pytest.mark.parametrize(
    ("out", "message"),
    [("table.xls", "ends with none of .parquet, .csv, .npz"), ("no/t.csv", "there is no folder")],
)
def test_wrong_names_of_tables_are_found_before_any_work(out, message, folder, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["embed", str(folder), "--backbone", "glyphs", "--out", str(folder / out)])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_a_missing_package_is_named(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    out = folder.parent / "table.parquet"
    assert main(["embed", str(folder), "--backbone", "glyphs", "--out", str(out)]) == 1
    assert install_command("store") in capsys.readouterr().err


def test_an_interrupted_run_leaves_no_file(tmp_path):
    rng = np.random.default_rng(0)
    pictures, tables = tmp_path / "pictures", tmp_path / "tables"
    pictures.mkdir()
    tables.mkdir()
    for number in range(3000):
        pixels = rng.integers(0, 256, (16, 16), dtype=np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.bmp")
    words = ["embed", str(pictures), "--backbone", "glyphs", "--out", str(tables / "table.csv")]
    # A process of a test run in the background ignores interrupts.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"import sys; from sktransfer.cli import main; sys.exit(main({words!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while not list(tables.iterdir()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (130, "sktransfer embed: interrupted\n")
    assert not list(tables.iterdir())
