"""The benchmarks' runner: its tables, its list, and what it says when data are absent."""

import hashlib
import re
from pathlib import Path

import pytest

import benchmarks
from benchmarks import _data, _runner
from benchmarks._data import DATASETS, DataError, find_data_home, locate
from benchmarks._runner import Table, environment, list_benchmarks, main, write
from benchmarks._weights import WEIGHTS
from sktransfer.datasets._sources import Source
from tests.shelf import whole

TABLE = Table(
    "Accuracy",
    columns=("method", "rows", "average"),
    rows=(("nearest", 12, 31.372), ("a longer name", None, 5.0)),
    notes=("One seed.",),
)


def test_text_is_aligned():
    assert TABLE.to_text() == (
        "Accuracy\n"
        "method         rows  average\n"
        "----------------------------\n"
        "nearest          12    31.37\n"
        "a longer name           5.00\n"
        "One seed."
    )


def test_markdown():
    assert TABLE.to_markdown() == (
        "## Accuracy\n"
        "\n"
        "| method | rows | average |\n"
        "| --- | ---: | ---: |\n"
        "| nearest | 12 | 31.37 |\n"
        "| a longer name |  | 5.00 |\n"
        "\n"
        "One seed."
    )


def test_csv_has_every_digit():
    assert TABLE.to_csv() == "method,rows,average\nnearest,12,31.372\na longer name,,5.0\n"


def test_a_row_of_the_wrong_length():
    message = "Table 'Seconds' has 2 columns, but a row of 1 entries: ['fit']."
    with pytest.raises(ValueError, match=whole(message)):
        Table("Seconds", columns=("step", "seconds"), rows=(("fit",),))


def test_a_table_without_rows():
    assert Table("Empty", columns=("a", "b"), rows=()).to_text() == "Empty\na  b\n----"


def test_one_file_is_written_for_each_table(tmp_path):
    paths = write("speed", [TABLE, TABLE], tmp_path / "new", lines=["# Speed", "2 seconds"])
    assert [path.name for path in paths] == ["speed.md", "speed_1.csv", "speed_2.csv"]
    report = paths[0].read_text(encoding="utf-8")
    assert report.startswith("# Speed\n\n2 seconds\n\n## Accuracy\n")
    assert paths[1].read_text(encoding="utf-8") == TABLE.to_csv()
    assert write("speed", [TABLE], tmp_path, lines=[])[1].name == "speed.csv"


def test_benchmarks_are_listed_with_their_titles(capsys):
    titles = list_benchmarks()
    assert titles["office_caltech"].startswith("Office-Caltech10")
    assert not any(name.startswith("_") for name in titles)
    assert main([]) == 0
    printed = capsys.readouterr().out
    for name, title in titles.items():
        assert re.search(rf"^{name} +{re.escape(title)}$", printed, flags=re.MULTILINE)


def test_every_benchmark_has_a_title_and_a_run():
    for path in Path(_runner.__file__).parent.glob("[!_]*.py"):
        assert list_benchmarks()[path.stem]
        assert "\ndef run(data_home, *, quick=False):" in path.read_text(encoding="utf-8")


def test_a_name_that_is_no_benchmark(capsys):
    assert main(["office_calltech"]) == 2
    assert capsys.readouterr().err == (
        f"no benchmark 'office_calltech'; there are {', '.join(list_benchmarks())}, and 'all'.\n"
    )


def test_all_runs_each_benchmark_and_writes_what_it_draws(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    for name in ("first", "second"):
        (folder / f"{name}.py").write_text(
            f'"""The {name}."""\n'
            "from benchmarks._runner import Table\n"
            f"def run(data_home, *, quick=False): return [Table('{name}', ['x'], [[1]])]\n"
            "def draw(tables, folder):\n"
            f"    path = folder / '{name}.txt'\n"
            "    path.write_text(tables[0].title)\n"
            "    return [path]\n"
        )
    monkeypatch.setattr(_runner, "HERE", folder)
    monkeypatch.setattr(benchmarks, "__path__", [str(folder)])
    assert main(["all", "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "first.txt").read_text() == "first"
    assert (tmp_path / "out" / "second.txt").read_text() == "second"
    assert "The second." in capsys.readouterr().out


def test_the_environment_names_versions_and_threads():
    versions, machine = environment()
    assert "scikit-learn" in versions
    assert "numpy" in versions
    assert "threads: " in machine


def test_absent_data_end_a_run_with_one_sentence(tmp_path, capsys):
    assert main(["office_caltech", "--data", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "Office-Caltech10, SURF features: Caltech10_SURF_L10.mat is not in "
        f"{tmp_path}/office_caltech_surf; get it from "
        "https://github.com/jindongwang/transferlearning/blob/master/data/dataset.md, or name "
        f"another folder than {tmp_path} with --data or the environment variable SKTRANSFER_DATA.\n"
    )


def make_dataset(tmp_path, content=b"1,2\n"):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "rows.csv").write_bytes(content)
    checksum = hashlib.sha256(b"1,2\n").hexdigest()
    return Source("Toy", "toy", {"rows.csv": checksum}, "https://example.org", "us", "CC0")


def test_files_with_the_right_checksum_are_found(tmp_path):
    found = locate(make_dataset(tmp_path), tmp_path)
    assert found == {"rows.csv": tmp_path / "toy" / "rows.csv"}


def test_a_file_with_another_checksum(tmp_path):
    dataset = make_dataset(tmp_path, content=b"1,3\n")
    found = hashlib.sha256(b"1,3\n").hexdigest()
    message = (
        f"Toy: {tmp_path}/toy/rows.csv has the SHA-256 checksum {found}, expected "
        f"{dataset.files['rows.csv']}: it is another version or damaged; get it from "
        "https://example.org."
    )
    with pytest.raises(DataError, match=whole(message)):
        locate(dataset, tmp_path)


def test_no_folder_at_all(tmp_path):
    message = (
        "Toy: no folder of data sets is known; put the files rows.csv from https://example.org "
        "into FOLDER/toy and pass --data FOLDER or set the environment variable SKTRANSFER_DATA."
    )
    with pytest.raises(DataError, match=whole(message)):
        locate(make_dataset(tmp_path), None)


def test_the_folder_is_the_option_then_the_variable_then_the_one_beside(tmp_path, monkeypatch):
    monkeypatch.setenv("SKTRANSFER_DATA", str(tmp_path / "variable"))
    assert find_data_home(tmp_path) == tmp_path
    assert find_data_home() == tmp_path / "variable"
    monkeypatch.delenv("SKTRANSFER_DATA")
    repository = tmp_path / "repository" / "benchmarks"
    monkeypatch.setattr(_data, "__file__", str(repository / "_data.py"))
    assert find_data_home() is None
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert find_data_home() == tmp_path / "shared" / "data"


@pytest.mark.parametrize("dataset", [*DATASETS, *WEIGHTS], ids=lambda dataset: dataset.title)
def test_every_data_set_says_where_it_comes_from(dataset):
    assert dataset.source.startswith("http")
    assert dataset.cite
    assert dataset.license
    assert all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in dataset.files.values())
