"""Seeded fuzzing: hostile input gives sound results or one of our sentences.

A target is a module `fuzz_NAME.py` in this folder with a function ``case(seed, folder)``. It makes
its input from ``np.random.default_rng(seed)``, writes files into the empty `folder` only, gives the
input to the package, and asserts that the result is sound. It lets the errors of the package pass.

``pytest tests/fuzz`` runs a few hundred cases, ``python -m tests.fuzz --cases 5000 NAME`` more,
and ``python -m tests.fuzz --first SEED --cases 1 NAME`` repeats one.
"""
