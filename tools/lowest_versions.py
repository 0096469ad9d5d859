"""Print the oldest release of each requirement that ``pyproject.toml`` allows.

    python tools/lowest_versions.py         # the required packages
    python tools/lowest_versions.py ot      # and those of an extra

Each line is ``name==version``, as pip takes it.
"""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def lowest(requirements):
    """Return ``name==version`` for each requirement of the form ``name>=version``."""
    pinned = []
    for requirement in requirements:
        found = re.fullmatch(r"([A-Za-z0-9._-]+)>=([0-9.]+)", requirement)
        if found is None:
            raise SystemExit(f"{requirement!r}: expected 'name>=version' in {PYPROJECT.name}")
        pinned.append("==".join(found.groups()))
    return pinned


def main(extras):
    """Print the pins of the required packages and of `extras`."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    requirements = list(project["dependencies"])
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    print("\n".join(lowest(requirements)))


if __name__ == "__main__":
    main(sys.argv[1:])
