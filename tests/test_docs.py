"""The guide names every public name and lists every page, and its code runs on data that ship."""

import ast
import inspect
import re
from importlib import import_module
from importlib.util import find_spec

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc

import sktransfer
from docs._tables.guide_pages import guide_pages
from tests.shelf import ROOT, families, public_items

DOCS = ROOT / "docs"
REFERENCE = "\n".join(page.read_text() for page in sorted((DOCS / "api").glob("*.rst")))
GUIDE = sorted((DOCS / "guide").rglob("*.rst"))
FILES = re.compile(r"glob|\.onnx|\.pth|read_csv|load_image_folder")  # files of the reader
ESTIMATORS = [name for name in sktransfer.__all__ if inspect.isclass(getattr(sktransfer, name))]


def _toctrees(page):
    """Give the pages that a page's toctrees list."""
    lines = page.read_text().splitlines()
    listed, inside = [], False
    for line in lines:
        if line.startswith(".. toctree::"):
            inside = True
        elif inside and line and not line.startswith(" "):
            inside = False
        elif inside and (entry := line.strip()) and not entry.startswith(":"):
            listed.append((page.parent / entry).with_suffix(".rst"))
    return listed


def _blocks(text, *, mark):
    """Give the indented blocks of code that follow `mark` in reStructuredText."""
    for start in re.finditer(mark, text):
        block = []
        for line in text[start.end() :].splitlines()[1:]:
            if line and not line.startswith(" "):
                break
            block.append(line)
        yield inspect.cleandoc("\n".join(block))


def _code():
    """Every block of Python in the guide and the README, with its place."""
    for page in [DOCS / "index.rst", *GUIDE]:
        for mark in (r"\.\. code-block:: python\n", r"\.\. plot::\n"):
            for place, block in enumerate(_blocks(page.read_text(), mark=mark)):
                kind = "plot" if "plot" in mark else "code"
                yield pytest.param(block, id=f"{page.relative_to(DOCS)}:{kind}{place}")
    readme = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    for place, block in enumerate(readme):
        yield pytest.param(block, id=f"README.md:{place}")


PUBLIC = public_items()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_in_the_reference(name):
    assert re.search(rf"^    {re.escape(name)}$", REFERENCE, flags=re.MULTILINE)


def _types_in_docstring(item):
    docs = ClassDoc(item) if inspect.isclass(item) else FunctionDoc(item)
    sections = ("Parameters", "Attributes", "Returns")
    return {word for s in sections for field in docs[s] for word in re.findall(r"\w+", field.type)}


def test_types_of_documented_parameters_and_attributes_are_public():
    ours = {
        node.name
        for path in (ROOT / "sktransfer").rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    documented = set().union(*map(_types_in_docstring, PUBLIC.values()))
    assert documented & ours <= {name.rpartition(".")[2] for name in PUBLIC}


def test_the_reference_names_nothing_that_is_not_there():
    names = re.findall(r"^    ([A-Za-z][\w.]*)$", REFERENCE, re.MULTILINE)
    assert names
    for name in names:
        *modules, last = f"sktransfer.{name}".split(".")
        home = import_module(".".join(modules))
        assert hasattr(home, last) or find_spec(f"sktransfer.{name}"), name


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_has_a_page_of_the_guide(name):
    assert f"sktransfer.{name}" in guide_pages(), "a guide page ends with `Reference:` and the name"


@pytest.mark.parametrize("page", GUIDE, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_page_is_listed_in_a_toctree(page):
    listed = {
        entry.resolve() for holder in [DOCS / "index.rst", *GUIDE] for entry in _toctrees(holder)
    }
    assert page.resolve() in listed


# Lists, a device, networks, and measurements of another page.
NO_METHOD = {"index", "gpu", "model_cards", "networks", "when_it_fails"}
SECTIONS = ("The formula", "When it helps", "When it hurts", "Cost")


@pytest.mark.parametrize(
    "page",
    [p for p in GUIDE if p.parent.name in families() and p.stem not in NO_METHOD],
    ids=lambda page: str(page.relative_to(DOCS)),
)
def test_every_method_begins_with_code_and_goes_on_in_one_order(page):
    text = page.read_text()
    marks = re.findall(r"^\.\. (code-block:: \w+|math::|plot::)", text, flags=re.MULTILINE)
    assert marks[:2] == ["code-block:: python", "code-block:: text"]
    titles = re.findall(r"^(\S.*)\n-{4,}$", text, flags=re.MULTILINE)
    assert set(SECTIONS[1:]) <= set(titles)
    first = [title for title in SECTIONS if title in titles]
    assert titles[: len(first)] == first  # then sections of its own


@pytest.mark.parametrize("block", list(_code()))
def test_code_compiles_and_imports_what_there_is(block):
    """Every block compiles; what it imports from the package exists, under that name."""
    tree = compile(block, "block", "exec", flags=ast.PyCF_ONLY_AST)
    for node in tree.body:
        module = getattr(node, "module", None)
        if module and module.partition(".")[0] == "sktransfer":
            home = import_module(module)
            assert all(hasattr(home, alias.name) for alias in node.names), block


OWN_DATA = re.compile("default_rng|load_(?!features)")  # such a block runs by itself


def _program(page):
    """Give the blocks of a page to run, each with the text below it, which is its output, or None.

    Blocks run up to the last one with an output; after it, those that bring their own data.
    """
    text = page.read_text()
    steps, previous = [], None
    for found in re.finditer(r"\.\. code-block:: (\w+)\n", text):
        (block, *_) = _blocks(text[found.start() :], mark=re.escape(found[0]))
        if found[1] == "python":
            steps.append([block, None])
        elif found[1] == "text" and previous == "python":
            steps[-1][1] = block
        previous = found[1]
    last = max((place for place, (_, output) in enumerate(steps) if output is not None), default=-1)
    return [
        (block, output)
        for place, (block, output) in enumerate(steps)
        if output is not None
        or (not FILES.search(block) and (place < last or OWN_DATA.search(block)))
    ]


ELSEWHERE = "write_your_own.rst"  # tests/test_base.py runs it, as a module
PROGRAMS = {page: _program(page) for page in [DOCS / "index.rst", *GUIDE] if page.name != ELSEWHERE}


def _words(text):
    """Return the words without line breaks and without times, which are the last cells of rows."""
    lines = text.splitlines()
    timed = any(line.endswith("seconds") for line in lines)
    lines = [re.sub(r"\s\d+\.\d{2,3}$", "", line) if timed else line for line in lines]
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize(
    "page",
    [page for page, program in PROGRAMS.items() if program],
    ids=lambda page: str(page.relative_to(DOCS)),
)
def test_a_page_that_brings_its_own_data_prints_what_it_says(page, capsys):
    """A block with data runs by itself, as a reader pastes it; the others continue the page."""
    names = {}
    for block, output in PROGRAMS[page]:
        own = {} if OWN_DATA.search(block) and not FILES.search(block) else names
        exec(compile(block, page.name, "exec"), own)
        printed = capsys.readouterr().out
        if output is not None:
            assert _words(printed) == _words(output)
        names |= own


@pytest.mark.parametrize("page", GUIDE, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_block_shows_its_output_or_says_what_it_gives(page):
    text = page.read_text()
    blocks = list(
        re.finditer(r"^ *\.\. code-block:: (\w+)\n\n((?: {4,}.*\n|\n)+)", text, re.MULTILINE)
    )
    for block, following in zip(blocks, [*blocks[1:], None]):
        output = following is not None and following[1] == "text"
        assert block[1] != "python" or output or "#" in block[2], block[2]


def test_there_is_code_that_runs():
    assert sum(map(len, PROGRAMS.values())) > 100


def test_the_readme_quotes_the_demo():
    """The figures of the demo are kept in one file; the README repeats lines of it."""
    quoted = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    printed = (DOCS / "demo.txt").read_text().splitlines()
    assert quoted
    assert not set("".join(quoted).splitlines()) - set(printed)


def test_the_start_page_and_the_readme_name_the_same_limits():
    title = "Who should not use this"
    (readme,) = re.findall(rf"## {title}\n(.*?)##", (ROOT / "README.md").read_text(), re.DOTALL)
    (box,) = _blocks((DOCS / "index.rst").read_text(), mark=rf"\.\. admonition:: {title}\n")
    assert box.split() == re.sub("^> ?", "", readme, flags=re.MULTILINE).split()
