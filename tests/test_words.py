"""The prose: conditions with *if* or *when*, nouns instead of *what ...*, and no archaic words."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE, GUIDE = ROOT / "sktransfer", ROOT / "docs"

# Words that scikit-learn's documentation does not use, with the word to use instead.
NEVER = {
    "anew": "again",
    "heed": "use",
    "learnt": "learned",
    "lest": "to avoid",
    "mend": "fix",
    "mended": "fixed",
    "mends": "fixes",
    "stood": "was",
    "whichever": "any",
}


def docstrings():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                yield re.sub(r">>>.*|^\.\.\..*", "", text, flags=re.MULTILINE)


def pages():
    for path in [
        ROOT / "README.md",
        *sorted(GUIDE.glob("*.rst")),
        *sorted(GUIDE.glob("guide/**/*.rst")),
    ]:
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        yield re.sub(r"^ {4,}.*", "", text, flags=re.MULTILINE)  # blocks of code and their output


def messages():
    """Return the texts of raised errors and of warnings."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        raised = (n.exc for n in ast.walk(tree) if isinstance(n, ast.Raise) and n.exc)
        warned = (
            n
            for n in ast.walk(tree)
            if isinstance(n, ast.Call)
            and getattr(n.func, "attr", getattr(n.func, "id", "")) == "warn"
        )
        for call in [*raised, *warned]:
            yield " ".join(
                node.value
                for node in ast.walk(call)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            )


def words_of(texts):
    return [
        word.lower()
        for text in texts
        for word in re.findall(r"(?<![\w`])[A-Za-z']+(?![\w`])", text)
    ]


PROSE = {"docstrings": docstrings, "guide": pages, "messages": messages}


@pytest.mark.parametrize("kind", PROSE)
def test_no_archaic_word(kind):
    used = set(words_of(PROSE[kind]())) & set(NEVER)
    assert not used, {word: f"use {NEVER[word]!r}" for word in sorted(used)}


@pytest.mark.parametrize(("word", "most"), [("where", 2.0), ("what", 0.5)])
@pytest.mark.parametrize("kind", ["docstrings", "guide"])
def test_habits_stay_rare(kind, word, most):
    words = words_of(PROSE[kind]())
    assert len(words) > 10_000
    assert 1000 * words.count(word) / len(words) < most


def test_conditions_begin_with_if_or_when():
    words = words_of([*docstrings(), *pages()])
    assert 1000 * (words.count("if") + words.count("when")) / len(words) > 7


def sentences_of(texts):
    """Return the sentences of running text, with a word for each piece of code."""
    found = []
    for text in texts:
        text = re.sub(
            r"^References\n-+\n(.*?)(?=\n\w[^\n]*\n-{3,}|\Z)", "", text, flags=re.M | re.S
        )
        text = re.sub(r":\w+:`[^`]*`|``[^`]*``|`[^`]*`", "CODE", text)
        text = re.sub(r"^\S.* : .*$|^[-=~+|].*$|^\.\. .*$", "\n", text, flags=re.MULTILINE)
        for paragraph in re.split(r"\n\s*\n|\n\s*(?:[-*]|\d\.) |:\s*\n", text):
            flat = " ".join(paragraph.split())
            found += re.split(r"(?<=[.!?:])\s+(?=[A-Z\"(])", flat)
    return found


@pytest.mark.parametrize("kind", ["docstrings", "guide"])
def test_sentences_are_short(kind):
    lengths = [len(words_of([sentence])) for sentence in sentences_of(PROSE[kind]())]
    assert sum(length > 25 for length in lengths) / len(lengths) < 0.03
