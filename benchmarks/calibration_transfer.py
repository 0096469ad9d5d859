"""Calibration transfer: spectra of corn on three instruments, with eight specimens on two of them.

A model is fitted on instrument m5 and serves another one. What do eight specimens measured on both
bring, next to no pair, and to the simple corrections?

Each of 10 splits has 60 specimens for training and 20 for the test. PLS has 10 components. The
eight specimens are drawn from the training ones, so that their contents are known.
"""

import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import RidgeCV

from benchmarks._data import load_corn
from benchmarks._runner import Table
from sktransfer import CORALAligner, DirectStandardization, MomentAligner

N_SPLITS, N_TRAIN, N_PAIRS = 10, 60, 8

# Aligners that see the 60 training specimens on both instruments, and are not told which is which.
WITHOUT_PAIRS = {
    "MomentAligner(with_std=False)": MomentAligner(with_std=False),
    "MomentAligner()": MomentAligner(),
    "CORALAligner()": CORALAligner(),
    "CORALAligner(ridge=1e-6)": CORALAligner(ridge=1e-6),
}
# Maps of the new instrument to m5, whose model stays as it is.
TO_M5 = {
    "DirectStandardization('direct', reference='m5')": ("direct", {}),
    "DirectStandardization('piecewise', reference='m5')": ("piecewise", {}),
    "DirectStandardization('piecewise', reference='m5', window=10)": ("piecewise", {"window": 10}),
}
WEIGHTINGS = {
    "DirectStandardization()": "auto",
    "DirectStandardization(ridge=1e-2)": 1e-2,
    "DirectStandardization(ridge=1e-6)": 1e-6,
}


def pls(X, y):
    """Fit PLS with ten components."""
    return PLSRegression(10, scale=False).fit(X, y)


def error(predicted, y):
    """Give the root of the mean squared error."""
    return float(np.sqrt(np.mean((np.ravel(predicted) - y) ** 2)))


def slope_and_mean(S, T):
    """Give the map of each wavelength by the line through its pairs."""
    s, t = S.mean(axis=0), T.mean(axis=0)
    slope = ((S - s) * (T - t)).sum(axis=0) / ((S - s) ** 2).sum(axis=0)
    return lambda X: (X - s) * slope + t


def ridge_map(S, T):
    """Give the ridge regression of all wavelengths, its strength by leave-one-out."""
    size = ((S - S.mean(axis=0)) ** 2).sum() / len(S)
    return RidgeCV(alphas=size * 10.0 ** np.arange(-6, 2)).fit(S, T).predict


def standardized(method, spectra, instrument, train, pairs, **params):
    """Give a fitted `DirectStandardization` of m5, the source, and another instrument."""
    X = np.concatenate([spectra["m5"][train], spectra[instrument][pairs]])
    domain = np.repeat(["m5", "target"], [len(train), len(pairs)])
    pair = np.concatenate([train, pairs])
    return DirectStandardization(method, **params).fit(X, sample_domain=domain, sample_pair=pair)


def one_split(spectra, y, instrument, seed):
    """Give a dict method -> error on the test specimens on another instrument."""
    order = np.random.default_rng(seed).permutation(len(y))
    train, test, pairs = order[:N_TRAIN], order[N_TRAIN:], order[:N_PAIRS]
    A, T = spectra["m5"], spectra[instrument]
    model = pls(A[train], y[train])
    found = {
        ("none", "m5 itself"): error(model.predict(A[test]), y[test]),
        ("none", "as it is"): error(model.predict(T[test]), y[test]),
    }
    X = np.concatenate([A[train], T[train]])
    domain = np.repeat(["m5", "target"], N_TRAIN)
    for name, aligner in WITHOUT_PAIRS.items():
        mapped = aligner.fit_transform(X, sample_domain=domain)[:N_TRAIN]
        found["no pair", name] = error(pls(mapped, y[train]).predict(T[test]), y[test])
    kind = f"{N_PAIRS} pairs"
    guess = model.predict(T[pairs]).ravel()
    line = np.polyfit(guess, y[pairs], 1)
    corrected = np.polyval(line, model.predict(T[test]).ravel())
    found[kind, "line through predictions and contents"] = error(corrected, y[test])
    for name, fit in (
        ("slope and mean of each wavelength", slope_and_mean),
        ("ridge regression of all wavelengths", ridge_map),
    ):
        found[kind, name] = error(model.predict(fit(T[pairs], A[pairs])(T[test])), y[test])
    for name, (method, params) in TO_M5.items():
        aligner = standardized(method, spectra, instrument, train, pairs, reference="m5", **params)
        found[kind, name] = error(model.predict(aligner.transform(T[test])), y[test])
    for name, ridge in WEIGHTINGS.items():
        aligner = standardized("weighting", spectra, instrument, train, pairs, ridge=ridge)
        again = pls(aligner.transform(A[train]), y[train])
        found[kind, name] = error(again.predict(aligner.transform(T[test])), y[test])
    return found


def run(data_home, *, quick=False):
    """Make a table for each instrument."""
    spectra, properties = load_corn(data_home)
    tables = []
    for instrument in ("mp5", "mp6"):
        columns = [
            [one_split(spectra, y, instrument, seed) for seed in range(2 if quick else N_SPLITS)]
            for y in properties.values()
        ]
        rows = [
            (*key, *(float(np.mean([split[key] for split in splits])) for splits in columns))
            for key in columns[0][0]
        ]
        tables.append(
            Table(
                f"From m5 to {instrument}: root mean squared error, {len(columns[0])} splits",
                ("pairs", "method", *properties),
                tuple(rows),
                notes=(
                    "Contents are in percent. Methods without a pair see 60 rows of each "
                    "instrument. The ridges other than 'auto' were looked at on these rows.",
                ),
                digits=3,
            )
        )
    return tables
