"""The page on the command line quotes the help, and the print of one run of each command."""

import re

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from sktransfer.cli import main
from tests.shelf import ROOT

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

PAGE = (ROOT / "docs" / "guide" / "command_line.rst").read_text()
RUNS = re.findall(r"^    \$ sktransfer (.*)\n((?:    .*\n|\n(?=    [^$ ]|    +\S))*)", PAGE, re.M)


def write_pictures(folder):
    """Twelve digits, in a folder each, and a file that is no picture."""
    X, y = load_digits(return_X_y=True)
    for number in range(12):
        path = folder / str(y[number]) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((15 * X[number].reshape(8, 8)).astype(np.uint8)).save(path)
    (folder / "notes.png").write_text("no picture")


def write_plants(path):
    """Plants that were measured at two sites, on other scales."""
    rng = np.random.default_rng(0)
    parts = []
    for site, n_rows, gain in (("north", 120, 1.0), ("valley", 24, 4.0)):
        Z, soil = rng.normal(size=(n_rows, 3)), rng.choice(["clay", "sand"], n_rows)
        grows = Z[:, 0] - Z[:, 1] + (soil == "clay") > 0.5
        part = pd.DataFrame(gain * Z, columns=["ph", "light", "humidity"]).round(2)
        parts.append(part.assign(soil=soil, site=site, grows=np.where(grows, "yes", "no")))
    table = pd.concat(parts, ignore_index=True)
    table.loc[::25, "light"] = None
    table.to_csv(path, index=False)


def words(text):
    """The words of a print, without the seconds at the ends of the rows of a table."""
    return re.sub(r"(?m)(?<=[\d)])\s+\d+\.\d{3}$", "", text).split()


@pytest.mark.parametrize(("line", "expected"), RUNS, ids=[line[:20] for line, _ in RUNS])
def test_the_page_quotes_the_print(line, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    write_pictures(tmp_path / "pictures")
    write_plants(tmp_path / "plants.csv")
    if line.endswith("--help"):
        with pytest.raises(SystemExit, match=r"^0$"):
            main(line.split())
    else:
        assert main(line.split()) == 0
    assert words(capsys.readouterr().out) == words(expected)


def test_the_page_has_the_help_and_a_run_of_each_command():
    firsts = [line.split()[0] for line, _ in RUNS]
    assert sorted(firsts) == ["compare", "compare", "embed", "embed"]
