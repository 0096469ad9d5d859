"""Check that a built site loads every file from its own folder.

    python tools/offline.py docs/_build/html

A page may link to other sites. The scripts, styles, fonts and pictures that it loads must be
in the folder. This check does not see the files that a script loads while it runs.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"src", "srcset", "poster", "data"}  # and the href of <link>
STYLE = re.compile(r"""@import\s+["']([^"']+)|url\(\s*("[^"]*"|'[^']*'|[^)"']*)""")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def addresses_in_style(text):
    """Return the addresses that a style sheet imports or loads."""
    found = STYLE.findall(COMMENT.sub("", text))
    return [(imported or loaded).strip("\"' ") for imported, loaded in found]


class _Page(HTMLParser):
    """Collect the addresses that one page loads."""

    def __init__(self):
        super().__init__()
        self.addresses, self._in_style = [], False

    def handle_starttag(self, tag, attrs):
        self._in_style = tag == "style"
        for name, value in attrs:
            if not value:
                continue
            if name == "srcset":
                self.addresses += [each.split()[0] for each in value.split(",") if each.strip()]
            elif name in LOADED or (name, tag) == ("href", "link"):
                self.addresses.append(value.strip())
            elif name == "style":
                self.addresses += addresses_in_style(value)

    def handle_endtag(self, tag):
        self._in_style = False

    def handle_data(self, data):
        if self._in_style:
            self.addresses += addresses_in_style(data)


def addresses_in_page(text):
    """Return the addresses of the files that a page of HTML loads."""
    page = _Page()
    page.feed(text)
    page.close()
    return page.addresses


def fault(address, *, holder, folder):
    """Return the reason why `address` in the file `holder` is not served from `folder`, or None."""
    parts = urlsplit(address)
    if parts.scheme == "data":
        return None
    place = (holder.parent / unquote(parts.path)).resolve()
    if parts.netloc or not place.is_relative_to(folder.resolve()):
        return "outside the folder"
    return None if place.exists() else "not in the folder"


def pages(folder):
    """Return the pages of `folder`; the HTML in `_static` is the templates of a theme."""
    found = sorted(folder.rglob("*.html"))
    return [page for page in found if "_static" not in page.relative_to(folder).parts]


def faults(folder):
    """Return a line for each address that a page or style of `folder` loads from elsewhere."""
    lines = []
    styles = sorted(folder.rglob("*.css"))
    for reader, holders in ((addresses_in_page, pages(folder)), (addresses_in_style, styles)):
        for holder in holders:
            for address in dict.fromkeys(reader(holder.read_text(encoding="utf-8"))):
                if reason := fault(address, holder=holder, folder=folder):
                    lines.append(f"{holder.relative_to(folder)}: {address} is {reason}")
    return lines


def main(folder):
    """Print the number of pages of `folder`, or exit with its faults."""
    folder = Path(folder)
    if not pages(folder):
        raise SystemExit(f"folder={str(folder)!r} has no page: build the site with `make docs`")
    if lines := faults(folder):
        remedy = "remove them, or delete the folder if an older build left them"
        raise SystemExit("\n".join([*lines, f"{len(lines)} files come from elsewhere: {remedy}"]))
    print(f"{len(pages(folder))} pages load every file from {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:])
