"""Classes by descriptions: the formulas, unseen classes that are found, choices, and errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from sktransfer import TransferWarning, ZeroShotClassifier
from tests.shelf import whole

METHODS = ["eszsl", "sae", "dap", "conse"]
N_SEEN, N_ROWS = 16, 12


def draw(seed, *, noise=0.5, n_unseen=4):
    """Rows of classes that are described by ten attributes, and their descriptions."""
    rng = np.random.default_rng(seed)
    n_classes = N_SEEN + n_unseen
    S = (rng.choice(1024, n_classes, False)[:, None] >> np.arange(10) & 1).astype(float)
    codes = np.repeat(np.arange(n_classes), N_ROWS)
    X = (S @ rng.normal(size=(10, 14)))[codes] + noise * rng.normal(size=(len(codes), 14)) + 5
    names = np.array([f"class {code:02d}" for code in range(n_classes)])
    return X, names[codes], dict(zip(names.tolist(), S, strict=True))


X, Y, TABLE = draw(0)
SEEN = np.isin(Y, list(TABLE)[:N_SEEN])
TRAIN = SEEN & (np.arange(len(Y)) % 4 > 0)
FIXED = {"alpha": 0.3, "description_alpha": 2.0, "calibration": 0.0}


def centered(values, by):
    """Centered, and of a mean square length of 1, as `by` is."""
    mean = by.mean(axis=0)
    return (values - mean) / np.sqrt(((by - mean) ** 2).sum(axis=1).mean())


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def parts():
    """Centered rows and descriptions, and the place of the class of each row of `fit`."""
    S = np.stack(list(TABLE.values()))
    codes = np.searchsorted(list(TABLE), Y[TRAIN])
    return centered(X[TRAIN], X[TRAIN]), codes, centered(X, X[TRAIN]), centered(S, S[:N_SEEN])


def scores_by_hand(method):
    rows, codes, new, S = parts()
    n, d = rows.shape
    seen, a = S[:N_SEEN], S.shape[1]
    if method == "eszsl":
        truth = np.where(codes[:, None] == np.arange(N_SEEN), 1, -1) * N_SEEN / 2
        first = np.linalg.inv(rows.T @ rows + 0.3 * n / d * np.eye(d))
        last = np.linalg.inv(seen.T @ seen + 2 * N_SEEN / a * np.eye(a))
        return new @ (first @ rows.T @ truth @ seen @ last) @ S.T
    if method == "sae":
        D = seen[codes]
        left = np.kron(np.eye(a), 0.3 * rows.T @ rows) + np.kron(D.T @ D, np.eye(d))
        W = np.linalg.solve(left, 1.3 * (rows.T @ D).ravel(order="F")).reshape((d, a), order="F")
        return unit(new) @ unit(S @ W.T).T
    C = d / n / 0.3
    if method == "conse":
        model = LogisticRegression(C=C, tol=1e-8, max_iter=2000).fit(rows, codes)
        return unit(model.predict_proba(new) @ seen) @ unit(S).T
    total = 0
    for column in (S > 0).T:
        model = LogisticRegression(C=C, tol=1e-8, max_iter=2000).fit(rows, column[codes])
        share = column[:N_SEEN].mean()
        logs = np.log(model.predict_proba(new) / [1 - share, share])
        total = total + logs[:, column.astype(int)]
    return total


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_those_of_the_formulas(method):
    model = ZeroShotClassifier(TABLE, method=method, **FIXED).fit(X[TRAIN], Y[TRAIN])
    expected = softmax(scores_by_hand(method) / model.temperature_, axis=1)
    assert_allclose(model.predict_proba(X), expected, atol=2e-4)


@pytest.mark.parametrize("method", METHODS)
def test_unseen_classes_are_found_about_as_well_as_held_out_ones(method):
    found = []
    for seed in range(3):
        rows, labels, table = draw(seed)
        seen = np.isin(labels, list(table)[:N_SEEN])
        model = ZeroShotClassifier(table, method=method, candidates="unseen")
        model.fit(rows[seen], labels[seen])
        found.append([model.score(rows[~seen], labels[~seen]), model.held_out_accuracy_])
    accuracy, expected = np.mean(found, axis=0)
    assert accuracy > 0.6  # 0.25 by chance
    assert abs(accuracy - expected) < 0.2


@pytest.mark.parametrize(
    ("method", "gain"), [("eszsl", -0.02), ("sae", -0.02), ("dap", 0.02), ("conse", 0.3)]
)
def test_the_calibration_balances_seen_and_unseen_classes(method, gain):
    found = []
    for seed in range(3):
        rows, labels, table = draw(seed, noise=1.0)
        seen = np.isin(labels, list(table)[:N_SEEN])
        train = seen & (np.arange(len(labels)) % 4 > 0)
        model = ZeroShotClassifier(table, method=method).fit(rows[train], labels[train])
        plain = ZeroShotClassifier(table, method=method, alpha=model.alpha_, calibration=0.0)
        plain.set_params(description_alpha=model.description_alpha_).fit(rows[train], labels[train])
        for fitted in (model, plain):
            right = fitted.predict(rows) == labels
            a, b = right[seen & ~train].mean(), right[~seen].mean()
            found.append(2 * a * b / (a + b))
    assert np.mean(found[::2]) >= np.mean(found[1::2]) + gain


def test_the_calibration_is_a_choice_between_seen_and_unseen_classes():
    for calibration, classes in ((1e6, list(TABLE)[N_SEEN:]), (-1e6, list(TABLE)[:N_SEEN])):
        model = ZeroShotClassifier(TABLE, **FIXED | {"calibration": calibration})
        assert set(model.fit(X[TRAIN], Y[TRAIN]).predict(X)) <= set(classes)


def test_descriptions_in_any_container_and_order_say_the_same():
    pd = pytest.importorskip("pandas")
    expected = ZeroShotClassifier(TABLE, **FIXED).fit(X[TRAIN], Y[TRAIN]).predict_proba(X)
    frame = pd.DataFrame(TABLE).T
    others = (
        frame,
        frame[::-1],
        {name: TABLE[name].tolist() for name in reversed(TABLE)},
        {np.str_(name): value for name, value in TABLE.items()},
    )
    for table in others:
        model = ZeroShotClassifier(table, **FIXED).fit(X[TRAIN], Y[TRAIN])
        assert_allclose(model.predict_proba(X), expected)
        assert_array_equal(model.descriptions_, np.stack(list(TABLE.values())))


def test_classes_may_be_numbers():
    numbers = {int(name[-2:]) * 10: value for name, value in TABLE.items()}
    codes = np.array([int(name[-2:]) * 10 for name in Y])
    model = ZeroShotClassifier(numbers, **FIXED).fit(X[TRAIN], codes[TRAIN])
    assert_array_equal(model.classes_, list(numbers))
    named = ZeroShotClassifier(TABLE, **FIXED).fit(X[TRAIN], Y[TRAIN])
    assert_array_equal(model.predict_proba(X), named.predict_proba(X))


def test_texts_become_vectors_of_words():
    from sktransfer import PretrainedTextExtractor

    texts = {name: name for name in ("cat", "dog", "car", "bus", "wine", "juice", "tea", "shirt")}
    more = {"cat": ["kitten", "pet"], "dog": ["puppy", "pet"], "car": ["driver", "motor"]}
    more |= {
        "bus": ["passenger", "station"],
        "wine": ["drink", "grape"],
        "juice": ["drink", "sweet"],
    }
    reader = PretrainedTextExtractor()
    rows = reader.fit_transform([word for words in more.values() for word in words])
    model = ZeroShotClassifier(texts, candidates="unseen").fit(rows, np.repeat(list(more), 2))
    assert_allclose(model.descriptions_, reader.transform(sorted(texts)), rtol=1e-6)
    assert model.predict(reader.transform(["coffee", "trousers"])).tolist() == ["tea", "shirt"]


def test_candidates_unseen_leaves_seen_classes_without_probability():
    model = ZeroShotClassifier(TABLE, candidates="unseen").fit(X[TRAIN], Y[TRAIN])
    assert_array_equal(model.candidate_classes_, list(TABLE)[N_SEEN:])
    assert_array_equal(model.classes_, list(TABLE))
    probabilities = model.predict_proba(X)
    assert_array_equal(probabilities[:, :N_SEEN], 0)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert model.calibration_ == 0


def test_without_descriptions_the_class_means_describe():
    model = ZeroShotClassifier().fit(X[TRAIN], Y[TRAIN])
    means = [X[TRAIN & (name == Y)].mean(axis=0) for name in model.classes_]
    assert_allclose(model.descriptions_, means)
    assert_array_equal(model.classes_, list(TABLE)[:N_SEEN])
    assert model.score(X[SEEN & ~TRAIN], Y[SEEN & ~TRAIN]) > 0.9
    assert (model.alpha_, model.description_alpha_, model.calibration_) == (1, 1, 0)
    assert np.isnan(model.held_out_accuracy_)


@pytest.mark.parametrize("method", METHODS)
def test_offsets_and_units_of_rows_and_of_descriptions_change_nothing(method):
    model = ZeroShotClassifier(TABLE, method=method)
    before = model.fit(X[TRAIN], Y[TRAIN]).predict_proba(X)
    moved = {name: 3 * value + np.arange(10) for name, value in TABLE.items()}
    model.set_params(class_descriptions=moved).fit(7 * X[TRAIN] - 2, Y[TRAIN])
    assert_allclose(model.predict_proba(7 * X - 2), before, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_rows_and_their_domain_change_nothing(method):
    model = ZeroShotClassifier(TABLE, method=method)
    before = model.fit(X[TRAIN], Y[TRAIN]).predict_proba(X)
    order = np.random.default_rng(0).permutation(TRAIN.sum())
    domain = np.where(np.arange(TRAIN.sum()) < 40, "target", "old")
    model.fit(X[TRAIN][order], Y[TRAIN][order], sample_domain=domain)
    assert_allclose(model.predict_proba(X), before, atol=1e-4)
    assert model.source_domains_ == ("old",)


@pytest.mark.parametrize("method", METHODS)
def test_an_attribute_that_all_seen_classes_share_changes_nothing(method):
    more = {
        name: np.append(value, float(place >= N_SEEN + 2))
        for place, (name, value) in enumerate(TABLE.items())
    }
    found = [
        ZeroShotClassifier(table, method=method, alpha=0.1, description_alpha=0.1, calibration=0.0)
        for table in (TABLE, more)
    ]
    first, second = (model.fit(X[TRAIN], Y[TRAIN]).predict(X) for model in found)
    assert_array_equal(first, second)


def test_target_rows_need_no_label():
    labels = np.where(SEEN, Y, None)
    domain = np.where(SEEN, "old", "target")
    model = ZeroShotClassifier(TABLE, **FIXED).fit(X, labels, sample_domain=domain)
    expected = ZeroShotClassifier(TABLE, **FIXED).fit(X[SEEN], Y[SEEN])
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_few_seen_classes_are_warned_about():
    few = np.isin(Y, list(TABLE)[:3])
    sentence = (
        "ZeroShotClassifier learned from 3 seen classes, too few to hold some out: parameters that "
        "are 'auto' have defaults, not choices; label rows of at least 4 classes, or set them."
    )
    with pytest.warns(TransferWarning, match=whole(sentence)):
        ZeroShotClassifier(TABLE).fit(X[few], Y[few])
    ZeroShotClassifier(TABLE, **FIXED).fit(X[few], Y[few])


def test_descriptions_that_do_not_show_in_the_rows_are_warned_about():
    noise = np.random.default_rng(3).normal(size=X.shape)
    with pytest.warns(TransferWarning, match=r"hardly above chance \(0\.31\)"):
        ZeroShotClassifier(TABLE, alpha=1.0, description_alpha=1.0).fit(noise[SEEN], Y[SEEN])


def test_equal_descriptions_are_warned_about():
    names = list(TABLE)
    sentence = (
        f"ZeroShotClassifier cannot tell '{names[2]}', '{names[-1]}' apart: some of them have equal"
        " descriptions, and only the first of these is predicted; describe what differs."
    )
    with pytest.warns(TransferWarning, match=whole(sentence)):
        ZeroShotClassifier(TABLE | {names[-1]: TABLE[names[2]]}, **FIXED).fit(X[TRAIN], Y[TRAIN])


WRONG = "expected a dict from each class to its numbers or to a text, or a DataFrame with a row for"
WRONG += " each class, indexed by class"


@pytest.mark.parametrize(
    ("table", "labels", "sentence"),
    [
        (
            {"a": [1.0, 2.0], "b": [2.0, 1.0]},
            ["a", "b", "c", "d"],
            "class_descriptions does not describe 'c', 'd' of y; add a description of each class "
            "of y, or leave out its rows.",
        ),
        (
            {"a": [1.0, 2.0], "b": [1.0, np.nan]},
            ["a", "b"] * 2,
            "class_descriptions has missing or infinite values for 'b'; fill them in, or leave out "
            "the attribute.",
        ),
        (
            {"a": 1.0, "b": 2.0},
            ["a", "b"] * 2,
            f"class_descriptions makes a table of shape (2,); {WRONG}, all of one length.",
        ),
        (
            {"a": "owl", "b": "xqzt"},
            ["a", "b"] * 2,
            "class_descriptions has texts without a word that the built-in table knows, those of "
            "'b'; use common English words, or pass numbers.",
        ),
        (
            {"a": [1.0], "b": [2.0], 3: [3.0]},
            ["a", "b"] * 2,
            "class_descriptions describes 3, which are of another type than the classes of y, such "
            "as 'a'; use one type.",
        ),
        (
            {"a": [1.0], "b": [1.0], "c": [3.0]},
            ["a", "b"] * 2,
            "ZeroShotClassifier needs rows of at least 2 classes that are described differently, "
            "but y holds 2 classes of one description, 'a', 'b'; label rows of another class.",
        ),
        (
            {"a": [1.0], "c": [3.0]},
            ["a"] * 4,
            "ZeroShotClassifier needs rows of at least 2 classes that are described differently, "
            "but y holds 1 class, 'a'; label rows of another class.",
        ),
        (
            {"a": [1.0], "b": [3.0]},
            [None] * 4,
            "ZeroShotClassifier learns from labelled rows, but none of the 4 rows of X has a label "
            "in y; label rows of some classes.",
        ),
    ],
)
def test_descriptions_and_labels_that_do_not_fit_are_refused(table, labels, sentence):
    with pytest.raises(ValueError, match=whole(sentence)):
        ZeroShotClassifier(table).fit(np.eye(4), np.array(labels, dtype=object))


def test_descriptions_of_other_shapes_are_refused():
    rows, labels = np.eye(2), ["a", "b"]
    with pytest.raises(ValueError, match=r"make no table of numbers .*all of one length"):
        ZeroShotClassifier({"a": [1.0, 2.0], "b": [1.0]}).fit(rows, labels)
    sentence = f"class_descriptions=[[1.0], [2.0]]: {WRONG}."
    with pytest.raises(TypeError, match=whole(sentence)):
        ZeroShotClassifier([[1.0], [2.0]]).fit(rows, labels)
    pd = pytest.importorskip("pandas")
    sentence = "class_descriptions describes 'a' more than once; keep one row a class."
    with pytest.raises(ValueError, match=whole(sentence)):
        ZeroShotClassifier(pd.DataFrame([[1], [2]], index=["a", "a"])).fit(rows, labels)


def test_candidates_unseen_without_an_unseen_class_is_refused():
    sentence = (
        "ZeroShotClassifier(candidates='unseen') finds no unseen class: each of the 2 described "
        "classes has a labelled row; describe others in class_descriptions, or pass "
        "candidates='all'."
    )
    with pytest.raises(ValueError, match=whole(sentence)):
        ZeroShotClassifier(candidates="unseen").fit(np.eye(2), ["a", "b"])
