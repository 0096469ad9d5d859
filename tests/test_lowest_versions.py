"""The lower bounds of pyproject.toml can be read, and installed, as exact versions."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

from tools.lowest_versions import PYPROJECT, lowest, main

PROJECT = tomllib.loads(PYPROJECT.read_text())["project"]


def test_every_required_package_has_a_lower_bound_alone(capsys):
    main([])
    pins = capsys.readouterr().out.split()
    assert [pin.replace("==", ">=") for pin in pins] == PROJECT["dependencies"]


def test_this_environment_is_within_the_bounds():
    for pin in lowest(PROJECT["dependencies"]):
        name, _, oldest = pin.partition("==")
        assert Version(version(name)) >= Version(oldest), name


def test_another_form_of_requirement_is_refused():
    with pytest.raises(SystemExit, match=r"'numpy<3': expected 'name>=version' in pyproject\.toml"):
        lowest(["numpy>=2.0", "numpy<3"])


def test_the_makefile_uses_it():
    assert "tools/lowest_versions.py" in (Path(PYPROJECT).parent / "Makefile").read_text()
