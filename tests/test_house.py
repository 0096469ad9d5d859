"""Guards of the house: the import law, start-up, docstrings against signatures, tests that test."""

import ast
import configparser
import inspect
import re
import subprocess
import sys
import tomllib
from inspect import isclass
from pathlib import Path

import pytest
import sklearn.base
from numpydoc.docscrape import ClassDoc, FunctionDoc
from sklearn.callback import CallbackSupportMixin
from sklearn.pipeline import Pipeline

import sktransfer
import sktransfer.base
import sktransfer.deep
from sktransfer._sklearn import PROTOCOL
from tests.shelf import ROOT as PROJECT
from tests.shelf import families, parameters_of, public_items, public_names

ROOT = Path(sktransfer.__file__).parent
FAMILIES = families()

# Folders that build on families: they may import public names of these.
ON_TOP = {"distributed", "transferability", "model_selection", "datasets", "utils", "plotting"}

HEAVY = ("torch", "dask", "onnxruntime", "onnx", "PIL", "matplotlib", "transformers")


def _imports_of_ours(path):
    """The modules of this package that a file imports, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("sktransfer"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sktransfer"):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_kernels_import_nothing_of_ours_but_kernels():
    for path in (ROOT / "_kernels").glob("*.py"):
        strangers = [name for name in _imports_of_ours(path) if "sktransfer._kernels" not in name]
        assert not strangers, f"{path.name} imports {strangers}"


@pytest.mark.parametrize("family", sorted({*FAMILIES} - ON_TOP))
def test_a_family_never_imports_another(family):
    for path in (ROOT / family).rglob("*.py"):
        for name in _imports_of_ours(path):
            head = name.split(".")[1] if "." in name else ""
            assert head in ("", "_kernels", family, "datasets", "exceptions") or head.startswith(
                "_"
            ), f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("folder", sorted(ON_TOP))
def test_a_folder_on_top_imports_public_names_of_families_alone(folder):
    for path in (ROOT / folder).rglob("*.py"):
        for name in _imports_of_ours(path):
            _, head, *rest = [*name.split("."), ""]
            private = any(part.startswith("_") for part in rest)
            assert head not in set(FAMILIES) - {folder} or not private, f"{path.name}: {name}"


def test_the_families_are_found():
    assert {"instance", "feature", "deep"} <= set(FAMILIES)
    assert not {"model_selection", "datasets", "utils", "demo"} & set(FAMILIES)


def _file_of(name):
    """The file of ours of a dotted name; None if it is a name inside of a file."""
    path = ROOT.parent.joinpath(*name.split("."))
    return next(
        (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None
    )


def test_every_import_of_ours_is_there():
    """Also one inside of a function, which fails only when it runs."""
    tests = Path(__file__).parent
    for path in [*ROOT.rglob("*.py"), *tests.rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sktransfer."):
                assert _file_of(node.module), f"{path.name} imports {node.module}"


def test_no_files_import_each_other_in_a_circle():
    """Imports inside of functions count; those of a package's face, which loads lazily, do not."""
    above = {}
    for path in ROOT.rglob("*.py"):
        below = {_file_of(name) for name in _imports_of_ours(path)}
        above[path] = {file for file in below if file and file.name != "__init__.py"} - {path}
    while leaves := [path for path, below in above.items() if not below & above.keys()]:
        for path in leaves:
            del above[path]
    assert not above, f"in a circle, or above one: {sorted(path.name for path in above)}"


def test_private_names_of_scikit_learn_are_imported_in_one_file_only():
    for path in ROOT.rglob("*.py"):
        if path.name == "_sklearn.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
                names = [*node.module.split("."), *(alias.name for alias in node.names)]
                private = [name for name in names if name.startswith("_")]
                assert not private, f"{path.name} imports {private}"


def _private_attributes():
    """Return the private names of the classes of scikit-learn that ours derive from."""
    items = [Pipeline, CallbackSupportMixin, *vars(sklearn.base).values()]
    classes = {parent for item in items if isclass(item) for parent in item.__mro__}
    return {
        name
        for each in classes
        if each.__module__.startswith("sklearn")
        for name in vars(each)
        if name.startswith("_") and not name.startswith("__")
    }


def test_private_attributes_of_scikit_learn_are_used_in_one_file_only():
    private = _private_attributes() - PROTOCOL
    assert {"_iter", "_validate_steps", "_final_estimator"} <= private
    for path in ROOT.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        ours = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        found = (used - ours) & private
        assert path.name == "_sklearn.py" or not found, f"{path.name} uses {sorted(found)}"


@pytest.mark.parametrize(
    "statement",
    ["import sktransfer", "from sktransfer import CORALAligner", "import sktransfer.deep"],
)
def test_import_brings_in_nothing_heavy(statement):
    code = f"import sys; {statement}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_import_changes_no_global_state():
    code = (
        "import sklearn, warnings, numpy as np\n"
        "def state(): return (str(sklearn.get_config()), list(warnings.filters),"
        " str(np.random.get_state()), str(np.geterr()))\n"
        "before = state()\n"
        "import sktransfer\n"
        "from sktransfer import *\n"
        "assert state() == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


PUBLIC = public_items()


def _docs(item):
    return ClassDoc(item) if isclass(item) else FunctionDoc(item)


def _documented(item):
    """Return the text of each parameter of a docstring by its name."""
    return {
        name.strip().lstrip("*"): "\n".join(parameter.desc)
        for parameter in _docs(item)["Parameters"]
        for name in parameter.name.split(",")
    }


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_documents_exactly_the_parameters(name):
    item = PUBLIC[name]
    assert sorted(_documented(item)) == sorted(parameters_of(item))
    assert _docs(item)["Summary"], "a first line that says what it does"


@pytest.mark.parametrize("name", [n for n, item in PUBLIC.items() if isclass(item)])
def test_public_methods_are_documented(name):
    cls = PUBLIC[name]
    for method, function in vars(cls).items():
        if callable(function) and not method.startswith("_"):
            assert function.__doc__, f"{name}.{method} has no docstring"


def test_every_test_file_collects_a_test():
    for path in Path(__file__).parent.rglob("test_*.py"):
        names = [
            n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)
        ]
        assert any(name.startswith("test_") for name in names), f"{path} collects nothing"


TOML = tomllib.loads((PROJECT / "pyproject.toml").read_text())
NAMES = PROJECT / "tests" / "public_names.txt"
WRITE_NAMES = "python -m tests.shelf"


def test_public_names_of_the_last_release_stay():
    gone = set(NAMES.read_text().split()) - set(public_names())
    assert not gone, f"removed without a deprecation: {sorted(gone)}"


def _without_version(items, released):
    """Return the public names that are not `released` and whose docstring states no version."""
    for name, item in items.items():
        texts = {f"{name}({p})": text for p, text in _documented(item).items()}
        if name not in released:
            texts = {name: inspect.getdoc(item)}
        for public, text in texts.items():
            if public not in released and ".. versionadded::" not in text:
                yield public


def test_public_names_after_a_release_state_their_version():
    released = set(NAMES.read_text().split())
    assert not list(_without_version(PUBLIC, released)), (
        "add '.. versionadded:: VERSION' to the docstring of the class, function or parameter; "
        f"before 0.1.0 is released, write {NAMES.name} again with '{WRITE_NAMES}'"
    )


def test_a_new_parameter_without_its_version_is_found():
    class Old:
        """Something.

        Parameters
        ----------
        first : int
            The first.
        second : int
            The second.

            .. versionadded:: 0.2
        third : int
            The third.
        """

    released = {"Old", "Old(first)"}
    assert list(_without_version({"Old": Old}, released)) == ["Old(third)"]
    assert list(_without_version({"Old": Old, "New": Old}, released | {"Old(third)"})) == []
    New = type("New", (), {"__doc__": "Something."})
    assert list(_without_version({"New": New}, released)) == ["New"]


def test_the_version_has_one_source():
    """The citation and the changelog agree with the package; a date is that of a release."""
    version = sktransfer.__version__
    changelog = (PROJECT / "CHANGELOG.md").read_text()
    newest, date = re.search(r"^## (\S+) \((\S+)\)$", changelog, flags=re.MULTILINE).groups()
    released = [] if date == "unreleased" else [date]
    citation = (PROJECT / "CITATION.cff").read_text()
    assert newest == version
    assert re.findall(r"^version: (\S+)$", citation, flags=re.MULTILINE) == [version]
    assert re.findall(r"^date-released: (\S+)$", citation, flags=re.MULTILINE) == released


def test_the_spell_checker_reads_nothing_that_a_build_wrote():
    settings = configparser.ConfigParser()
    settings.read(PROJECT / "setup.cfg")
    skipped = re.split(r",\s*", settings["codespell"]["skip"])
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    outputs = [f".{path.rstrip('/')}" for path in ignored if path.startswith("/docs/")]
    assert outputs
    assert set(outputs) <= set(skipped)


@pytest.mark.parametrize("package", [sktransfer, sktransfer.deep], ids=lambda p: p.__name__)
def test_type_checkers_see_every_lazy_name(package):
    tree = ast.parse(Path(package.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {}
    exec(compile(ast.Module(block.body, []), package.__file__, "exec"), seen)
    assert set(seen) - {"__builtins__"} == set(package.__all__)


def test_public_functions_have_types():
    """Estimators have docstrings instead, as in scikit-learn."""
    functions = {name: item for name, item in PUBLIC.items() if inspect.isfunction(item)}
    functions["base.Domains.split"] = sktransfer.base.Domains.split
    for name, function in functions.items():
        untyped = set(parameters_of(function)) - {"self"} - set(function.__annotations__)
        assert not untyped, f"{name}: {untyped}"
        assert "return" in function.__annotations__, name
    assert (ROOT / "py.typed").is_file()


def test_changelog_fragments_are_sentences_of_a_known_type():
    types = {kind["directory"] for kind in TOML["tool"]["towncrier"]["type"]}
    for path in (PROJECT / "changes").glob("*"):
        if path.name == "README.md":
            continue
        _, kind, suffix = path.name.split(".")
        text = path.read_text()
        assert kind in types, path.name
        assert suffix == "md", path.name
        assert re.fullmatch(r"[A-Z`].*\.\n", text, flags=re.DOTALL), f"{path.name}: no sentence"
