"""The check of the built site finds each file that a page loads from elsewhere."""

from pathlib import Path

import pytest

from tools.offline import faults, main

ROOT = Path(__file__).parent.parent
OUTSIDE = [
    '<script src="https://cdn.example/a.js"></script>',
    '<script src="//cdn.example/a.js"></script>',
    '<link href="http://cdn.example/a.css" rel="stylesheet" />',
    '<link rel="preconnect" href="https://fonts.example">',
    '<link rel="preconnect" href="//fonts.example">',
    '<img src="https://cdn.example/a.png">',
    '<img src="here.png" srcset="here.png 1x, https://cdn.example/a.png 2x">',
    '<video poster="https://cdn.example/a.png"></video>',
    '<object data="https://cdn.example/a.svg"></object>',
    '<style>@import "https://cdn.example/a.css";</style>',
    "<style>@import url(https://cdn.example/a.css);</style>",
    """<p style="background: url('https://cdn.example/a.png')">text</p>""",
    '<script src="/a.js"></script>',
    '<script src="../a.js"></script>',
    '<script src="//cdn.example/a.js"></script><script src="//cdn.example/a.js"></script>',
]
INSIDE = [
    '<a href="https://doi.example/10">a paper</a>',
    '<img src="here.png">',
    '<img src="./here.png?digest=1">',
    '<img src="her%65.png">',
    '<img src="data:image/png;base64,AAAA">',
    '<link href="#top" rel="help">',
    "<style>/* @import 'https://cdn.example/a.css'; */ p { color: red }</style>",
    "<pre>@import url(https://cdn.example/a.css)</pre>",
    "<style>p { color: red }</style>@import url(https://cdn.example/a.css)",
    "<script>const text = '&lt;img src=https://cdn.example/a.png>';</script>",
]


def site(folder, body):
    (folder / "here.png").touch()
    (folder / "page.html").write_text(f"<html><body>{body}</body></html>")
    return folder


@pytest.mark.parametrize("body", OUTSIDE)
def test_a_file_from_elsewhere_is_found(body, tmp_path):
    (line,) = faults(site(tmp_path, body))
    assert line.startswith("page.html: ")
    assert line.endswith(" is outside the folder")


@pytest.mark.parametrize("body", INSIDE)
def test_links_and_own_files_pass(body, tmp_path):
    assert not faults(site(tmp_path, body))


def test_a_file_that_is_missing_is_found(tmp_path):
    assert faults(site(tmp_path, '<script src="a.js"></script>')) == [
        "page.html: a.js is not in the folder"
    ]


def test_a_style_sheet_is_read(tmp_path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "a.css").write_text(
        "p { background: url(../here.png) } q { background: url('https://cdn.example/a.woff') }"
    )
    assert faults(site(tmp_path, "")) == [
        "_static/a.css: https://cdn.example/a.woff is outside the folder"
    ]


def test_a_template_of_the_theme_is_no_page(tmp_path):
    (tmp_path / "_static").mkdir()
    assert not faults(site(tmp_path / "_static", '<script src="{{ pathto(1) }}"></script>').parent)


def test_the_command_exits_with_the_faults(tmp_path, capsys):
    main(site(tmp_path, '<img src="here.png">'))
    assert capsys.readouterr().out == f"1 pages load every file from {tmp_path}\n"
    with pytest.raises(SystemExit, match=r"page.html: https://a.js is outside the folder\n1 files"):
        main(site(tmp_path, '<script src="https://a.js"></script>'))


def test_a_folder_without_a_page_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="has no page: build the site with `make docs`"):
        main(tmp_path)


def test_the_command_that_builds_the_site_runs_the_check():
    assert "tools/offline.py docs/_build/html" in (ROOT / "Makefile").read_text()
