"""Which guide pages describe a public name: those whose closing line ``Reference:`` holds it."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[1]


def guide_pages():
    """Return the pages of each public name.

    Returns
    -------
    dict of str to list of str
        The full name, such as ``"sktransfer.CORALAligner"``, to paths below ``docs`` without their
        suffix.
    """
    pages = {}
    for page in sorted((DOCS / "guide").rglob("*.rst")):
        for line in re.findall(r"^Reference: (.*?)(?=\n\n|\Z)", page.read_text(), re.M | re.S):
            for name in re.findall(r":(?:class|func):`~([\w.]+)`", line):
                pages.setdefault(name, []).append(str(page.relative_to(DOCS).with_suffix("")))
    return pages
