"""Every example of the gallery runs, draws something, and begins with its question."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*/plot_*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    drawn = []
    monkeypatch.setattr(plt, "show", lambda: drawn.extend(plt.get_fignums()))
    runpy.run_path(str(path), run_name="__main__")
    plt.close("all")
    assert drawn, "it shows no figure"
    assert path.read_text().split("\n")[1].endswith("?"), "its title is a question"


def test_there_are_examples():
    assert EXAMPLES
