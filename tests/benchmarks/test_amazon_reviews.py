"""The reviews: how the raw text is read, and that no target label is."""

import hashlib
import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from benchmarks import _data, amazon_reviews
from benchmarks._data import DataError, load_amazon_reviews, parse_reviews
from benchmarks.amazon_reviews import DOMAINS, METHODS, TASKS, Corpus, classify

RAW = """<review>
<unique_id>
1:{first}
</unique_id>
<title>
{first}
</title>
<review_text>
Salt & pepper, 5 < 6.
Two lines.
</review_text>
</review>
<review>
<title>
Second
</title>
<review_text>
\xe9tude
</review_text>
</review>
"""


def test_reviews_are_title_and_text_though_it_is_no_xml():
    assert parse_reviews(RAW.format(first="First")) == [
        "First\nSalt & pepper, 5 < 6.\nTwo lines.",
        "Second\n\xe9tude",
    ]


def test_the_archive_is_read_where_it_is(tmp_path, monkeypatch):
    path = tmp_path / "amazon_raw_4domains.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        for domain in ("kitchen", "books"):
            for kind in ("positive", "negative"):
                content = RAW.format(first=f"{domain} {kind}").encode("latin-1")
                member = tarfile.TarInfo(f"raw_reviews/{domain}/{kind}.review")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    with pytest.raises(DataError, match="it is another version or damaged"):
        load_amazon_reviews(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = replace(_data.AMAZON_REVIEWS, files={path.name: digest})
    monkeypatch.setattr(_data, "AMAZON_REVIEWS", known)
    domains = load_amazon_reviews(tmp_path)
    assert list(domains) == ["books", "kitchen"]
    texts, y = domains["books"]
    assert [text.split("\n")[0] for text in texts[::2]] == ["books negative", "books positive"]
    assert_array_equal(y, [0, 0, 1, 1])
    assert list(tmp_path.iterdir()) == [path]


def made_up_reviews(n_rows=80):
    rng = np.random.default_rng(0)
    words = np.array([f"word{k}" for k in range(150)])
    domains = {}
    for shift, name in enumerate(DOMAINS.values()):
        y = np.arange(n_rows) % 2
        chance = np.full((n_rows, 150), 0.1)
        chance[:, 20 * shift : 20 * shift + 70] += 0.1
        chance[np.ix_(y == 1, np.arange(30))] += 0.2
        found = rng.uniform(size=chance.shape) < chance
        domains[name] = [" ".join(rng.permutation(words[row])) for row in found], y
    return domains


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_labels_of_the_target_are_read_only_where_it_says_so(method):
    domains = made_up_reviews()
    answer = method.predict(Corpus(domains, n_words=300), "books", "dvd")
    texts, y = domains["dvd"]
    garbled = {**domains, "dvd": (texts, np.random.default_rng(1).permutation(y))}
    same = method.predict(Corpus(garbled, n_words=300), "books", "dvd")
    reads = method.name.startswith(("target only", "all target labels"))
    assert np.array_equal(answer, same) != reads


def test_published_figures_belong_to_tasks():
    for method in METHODS:
        for figures in method.published.values():
            assert set(figures) <= set(TASKS) if isinstance(figures, dict) else len(figures) == 12


def test_the_classifier_takes_any_factor_of_the_features():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), np.arange(60) % 2
    X += 0.5 * y[:, None]
    assert_array_equal(classify(8 * X, y, 8 * X[::-1]), classify(X, y, X[::-1]))


def test_a_quick_run_has_a_row_a_method_and_one_each_published(monkeypatch):
    monkeypatch.setattr(amazon_reviews, "load_amazon_reviews", lambda home: made_up_reviews())
    (table,) = amazon_reviews.run(None, quick=True)
    assert len(table.rows) == sum(1 + len(method.published) for method in METHODS)
    assert table.columns[1:13] == TASKS
    ours = [row for row in table.rows if not row[0].startswith("  ")]
    assert all(row[1] == row[-1] and row[2] is None for row in ours)
