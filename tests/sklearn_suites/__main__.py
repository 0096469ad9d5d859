"""Run scikit-learn's own tests of pipelines against ours; other options go to pytest."""

import sys
from pathlib import Path

import pytest

from tests.sklearn_suites.plugin import SUITES

CONFIGURATION = str(Path(__file__).with_name("pytest.ini"))

if __name__ == "__main__":
    options = ["-c", CONFIGURATION, "-p", "tests.sklearn_suites.plugin"]
    sys.exit(pytest.main([*options, *sys.argv[1:], "--pyargs", *SUITES]))
