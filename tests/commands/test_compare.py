"""``sktransfer compare``: the report of `compare_transfer` for a table, and clear errors."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from sktransfer._commands.compare import _labels
from sktransfer._extras import install_command
from sktransfer.cli import main

pd = pytest.importorskip("pandas")


def plants(seed=0):
    """Plants at two sites: numbers on two scales, a column of text, and missing values."""
    rng = np.random.default_rng(seed)
    parts = []
    for site, n_rows, gain in (("north", 40, 1.0), ("valley", 18, 5.0)):
        ph, soil = rng.normal(size=n_rows), rng.choice(["clay", "sand"], n_rows)
        grows = ph + (soil == "clay") > 0.5
        part = {"row": [f"{site}{i}" for i in range(n_rows)], "ph": gain * ph, "soil": soil}
        part |= {"empty": np.nan, "site": site, "grows": np.where(grows, "yes", "no")}
        parts.append(pd.DataFrame(part))
    table = pd.concat(parts, ignore_index=True)
    table.loc[[2, 50], "ph"] = np.nan
    table.loc[3, "soil"] = None
    table.loc[[0, 57], "grows"] = None
    return table


@pytest.fixture
def table(tmp_path, monkeypatch):
    """The name of the table in the working folder."""
    monkeypatch.chdir(tmp_path)
    plants().to_csv("plants.csv", index=False)
    return "plants.csv"


WORDS = ["--target-column", "grows", "--domain-column", "site", "--target-domain", "valley"]


def test_the_report_says_what_was_read_and_what_transfer_gains(table, capsys):
    words = [*WORDS, "--drop", "row", "--folds", "2", "--out", "report.txt"]
    assert main(["compare", table, *words]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[:6] == [
        "target: valley (18 rows, 17 labelled); sources: north (40 rows)",
        "grows: 2 classes",
        "numbers: ph; 2 missing values become the median",
        "categories: soil (3)",
        "left out, as there is nothing in them: empty",
        "",
    ]
    assert lines[6].startswith("accuracy of 17 labelled target rows, 6 fits a model, ")
    models = [line.split("  ")[0] for line in lines[8:15]]
    assert [name.removesuffix(" (best)") for name in models] == [
        "target only",
        "source only",
        "pooled",
        "moments",
        "coral",
        "augmented",
        "pulled",
    ]
    assert "moments" in lines[-3]
    assert lines[-1] == "wrote report.txt"
    with open("report.txt") as stream:
        assert stream.read().splitlines() == lines[:-2]
    assert printed.err == ""


def test_numbers_and_many_categories(table, capsys):
    frame = plants()
    frame["grows"] = frame["ph"].fillna(0) * 2.5 + 0.1
    frame["light"] = np.where(frame["site"] == "north", 1.5, np.nan)  # not measured in the valley
    frame["site"] = frame["site"].map({"north": 1, "valley": 2})
    frame.to_csv(table, index=False, sep=";", decimal=",")
    words = ["--target-column", "grows", "--domain-column", "site", "--target-domain", "2"]
    words += ["--separator", ";", "--decimal", ",", "--folds", "2", "--out", "report.csv"]
    assert main(["compare", table, *words]) == 0
    printed, said = capsys.readouterr()
    assert not said
    assert "target: 2 (18 rows, 18 labelled); sources: 1 (40 rows)\ngrows: numbers\n" in printed
    assert "categories: row (58), soil (3)\nOf a column with more than 20 categories" in printed
    report = pd.read_csv("report.csv", index_col="model")
    assert list(report.index)[3:] == ["moments", "coral", "augmented", "pulled"]
    assert (report["score"] <= 0).all(), "the negative squared error"


@pytest.mark.parametrize(
    ("values", "task", "discrete", "expected"),
    [
        (["1", "2", ""], None, True, [1.0, 2.0, np.nan]),
        (["0.5", "2", "NA"], None, False, [0.5, 2.0, np.nan]),
        (["0.5", "2", "None"], None, False, [0.5, 2.0, np.nan]),
        (map(str, range(21)), None, False, list(range(21))),
        (map(str, range(21)), "classes", True, list(range(21))),
        (["1", "2"], "numbers", False, [1, 2]),
        (["True", "False", ""], None, True, ["True", "False", None]),
        (["a", "", "None"], None, True, ["a", None, "None"]),
        (["1", "b"], None, True, ["1", "b"]),
    ],
)
def test_labels_are_classes_or_numbers(values, task, discrete, expected):
    y, found = _labels(pd.Series(list(values)), task)
    assert found == discrete
    pd.testing.assert_series_equal(pd.Series(y), pd.Series(expected), check_dtype=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target-column", "size"], "--target-column 'size' is no column of plants.csv, which"),
        (["--domain-column", "grows"], "--target-column and --domain-column name the same column."),
        (["--drop", "x"], "--drop 'x' is no column"),
        (["--target-domain", "hill"], "--target-domain 'hill' is none of site, which holds 'north"),
        (["--domain-column", "soil"], "1 of 58 rows have no soil; fill it in, or remove them."),
        (["--task", "numbers"], "--task numbers: 'grows' holds 'no', no number."),
        (["--separator", ";"], "--target-column 'grows' is no column"),
        (["--separator", r"\t"], "--target-column 'grows' is no column"),
        (["--decimal", ","], "--decimal and --separator are both ','."),
        (["--drop", "row", "--drop", "ph", "--drop", "soil"], "plants.csv has no column left"),
    ],
)
def test_errors_are_one_sentence(words, message, table, capsys):
    assert main(["compare", table, *WORDS, *words]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"sktransfer compare: {message}")
    assert printed.err.count("\n") == 1
    assert not printed.out


@pytest.mark.parametrize("sites", [["valley", "valley"], ["target", "valley"]])
def test_one_domain_and_a_source_called_target_are_refused(sites, table, capsys):
    pd.DataFrame({"ph": [1, 2], "site": sites, "grows": [0, 1]}).to_csv(table, index=False)
    assert main(["compare", table, *WORDS]) == 1
    assert "add other rows" in (said := capsys.readouterr().err) or "rename it" in said


def test_sites_keep_their_names(table, capsys):
    frame = plants()
    frame["site"] = np.r_[["NA", "1"] * 20, ["01"] * 18]
    frame.to_csv(table, index=False)
    assert main(["compare", table, *WORDS]) == 1
    assert "none of site, which holds '01', '1', 'NA'." in capsys.readouterr().err


def test_a_decimal_comma_is_named(table, capsys):
    plants().to_csv(table, index=False, sep=";", decimal=",")
    assert main(["compare", table, *WORDS, "--separator", ";"]) == 1
    assert "pass --decimal , for numbers" in capsys.readouterr().err


def test_cells_without_a_name_move_no_column(table, capsys):
    with open(table) as stream:
        first, *rows = stream.read().splitlines()
    with open(table, "w") as stream:
        stream.write("\n".join([first, *(f"{row}," for row in rows)]))
    assert main(["compare", table, *WORDS]) == 1
    assert "have more cells than the first row has names" in capsys.readouterr().err


def test_a_table_is_not_overwritten_and_must_be_utf_8(table, capsys):
    with open(table, "rb") as stream:
        content = stream.read()
    assert main(["compare", table, *WORDS, "--out", f"./{table}"]) == 1
    assert "is the table itself" in capsys.readouterr().err
    with open(table, "r+b") as stream:
        assert stream.read() == content
        stream.write("\nK\xf6ln".encode("latin-1"))
    assert main(["compare", table, *WORDS]) == 1
    assert "is no text in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "plants.csv cannot be read as a table: No columns"),
        ("ph\n1\n1,2,3\n", "plants.csv cannot be read as a table: Error"),
        ("ph,site,grows\ninf,north,0\n1,valley,1\n", "infinity is in 'ph'; remove"),
        ("ph,site,grows,ph\n2,north,1,0\n", "plants.csv has two columns of one name: 'ph', 's"),
        ("ph,site,grows\n2,north,1\n1,valley,1\n", "grows holds fewer than two different labels"),
        (None, "plants.csv: No such file or directory"),
    ],
)
def test_files_without_a_usable_table(content, message, table, capsys):
    if content is None:
        os.unlink(table)
    else:
        Path(table).write_text(content)
    assert main(["compare", table, *WORDS]) == 1
    assert capsys.readouterr().err.startswith(f"sktransfer compare: {message}")


def test_a_missing_package_is_named(table, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert main(["compare", table, *WORDS]) == 1
    assert install_command("pandas") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "meant"), [(["--drop", "Soil"], "soil"), (["--target-domain", "Valley"], "valley")]
)
def test_a_name_in_other_letters_is_suggested(words, meant, table, capsys):
    assert main(["compare", table, *WORDS, *words]) == 1
    assert capsys.readouterr().err.endswith(f"; did you mean {meant!r}?\n")


@pytest.mark.parametrize("folds", ["1", "two"])
def test_too_few_folds(folds, table, capsys):
    with pytest.raises(SystemExit):
        main(["compare", table, *WORDS, "--folds", folds])
    said = capsys.readouterr().err
    assert f"argument --folds: {folds!r} is not a whole number of at least 2" in said
