"""``sktransfer embed``: the features of all files of a folder, in one table."""

import argparse
import csv
import io
import os
import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from sktransfer._commands._options import out_file
from sktransfer._extras import install_command, is_installed
from sktransfer._whole_files import writing_whole

# How the names of files end that a network of each kind reads, unless the user says it.
SUFFIXES = {
    "image": (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
    "sound": (".aif", ".aiff", ".flac", ".mp3", ".ogg", ".wav"),
    "text": (".txt",),
}

# So many files are read, run and written before the next ones.
FILES_AT_ONCE = 1024

SECONDS_A_LINE = 10

# Of the files without features so many are printed; the table has all.
MOST_EXAMPLES = 5


def add_parser(commands):
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "embed",
        help="features of all pictures, sounds or texts in a folder, as a table",
        description="Compute the features of all pictures, sounds or texts in a folder and the "
        "folders in it, by a pretrained network. The table has a row for each file: its path, its "
        "features, and the reason if it has none.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of the files")
    parser.add_argument(
        "--backbone",
        required=True,
        metavar="NAME",
        help="the network: glyphs, words or speech, which are included; the path of an .onnx "
        "file; hf:FOLDER, timm:NAME or torchvision:NAME. It decides which files are read",
    )
    parser.add_argument(
        "--out",
        type=out_file(".parquet", ".csv", ".npz"),
        required=True,
        metavar="FILE",
        help="the table; its name ends with .parquet, .csv or .npz",
    )
    parser.add_argument("--stage", type=_stage, help="a number from 1, or a name (default: last)")
    parser.add_argument("--pooling", choices=("avg", "max"), default="avg", help="(default: avg)")
    parser.add_argument(
        "--suffixes",
        type=_suffixes,
        metavar=".JPG,.PNG",
        help="read the files whose names end so, in upper or lower case (default: the usual ones)",
    )
    parser.add_argument(
        "--draft",
        action="store_true",
        help="decode large JPEG files at a part of their size: quicker, features move slightly",
    )
    parser.add_argument(
        "--cache", metavar="FOLDER", help="a folder that keeps features for the next run"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps (default: auto)")
    parser.add_argument(
        "--threads", type=int, metavar="N", help="threads (default: one for each processor)"
    )
    parser.set_defaults(run=run)


def run(options):
    """Run the command; return the exit status."""
    from sktransfer.deep import PretrainedFeatureExtractor
    from sktransfer.deep._describe import describe_for

    if options.out.suffix.lower() == ".parquet" and not is_installed("pyarrow"):
        raise ImportError(
            "a .parquet file needs pyarrow, which is not installed; run "
            f"{install_command('store')}, or let --out end with .csv or .npz."
        )
    extractor = PretrainedFeatureExtractor(
        options.backbone,
        stage=options.stage,
        pooling=options.pooling,
        cache=options.cache,
        device=options.device,
        n_jobs=options.threads,
        on_error="nan",
    )
    inputs = describe_for(extractor).preprocessing
    if options.draft:
        if inputs.kind != "image":
            raise ValueError(f"--draft is for images, but {options.backbone} reads {inputs.kind}s.")
        extractor.set_params(preprocessing=replace(inputs, draft=True))
    names = find_files(options.folder, options.suffixes or SUFFIXES[inputs.kind])
    paths = [os.path.join(options.folder, name) for name in names]
    tally = _write(options.out, extractor, names, paths, inputs.kind)
    stage = f"{extractor.backbone_.name}, {extractor.stage_}"
    n_read = len(names) - len(tally.faults)
    noun = inputs.kind + "s" * (n_read != 1)
    print(f"{options.out}: {n_read} {noun}, {tally.width} features each ({stage})")
    if tally.faults:
        print(f"{len(tally.faults)} unreadable: {tally.examples()}")
    return 0


def find_files(folder, suffixes):
    """Return the paths of files below a folder, from it on, with slashes; sorted.

    Files and folders that begin with a dot are left out.
    """
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"{folder} is no folder.")
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(place, name).relative_to(folder).as_posix()
            for name in files
            if name.lower().endswith(suffixes) and not name.startswith(".")
        ]
    if not found:
        raise ValueError(
            f"{folder} holds no file whose name ends with {', '.join(suffixes)}; pass --suffixes "
            "for others."
        )
    return sorted(found)


class _Tally:
    """The files without features."""

    def __init__(self):
        self.faults, self.width = [], 0

    def add(self, names, features, reasons):
        self.width = features.shape[1]
        self.faults += [pair for pair in zip(names, reasons) if pair[1] is not None]

    def examples(self):
        shown = [f"{name} ({reason})" for name, reason in self.faults[:MOST_EXAMPLES]]
        more = len(self.faults) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more else "")


def _write(out, extractor, names, paths, kind):
    """Compute all features, and write the table; return the `_Tally`."""
    names = [name.encode("utf-8", "backslashreplace").decode() for name in names]
    # To all pictures, because the range of deep pixels is learned.
    extractor.fit(paths if kind == "image" else _items(paths[:FILES_AT_ONCE], kind))
    tally, begin = _Tally(), time.perf_counter()
    with writing_whole(out) as stream:
        with WRITERS[out.suffix.lower()](stream, extractor) as add:
            for start in range(0, len(names), FILES_AT_ONCE):
                some = slice(start, start + FILES_AT_ONCE)
                features, reasons = _features(extractor, _items(paths[some], kind))
                add(names[some], features, reasons)
                tally.add(names[some], features, reasons)
                if time.perf_counter() - begin > SECONDS_A_LINE:
                    begin = time.perf_counter()
                    print(f"{start + len(features)} of {len(names)} {kind}s", file=sys.stderr)
        if len(tally.faults) == len(names):
            raise ValueError(f"none of {len(names)} {kind}s has features: {tally.examples()}")
    return tally


def _items(paths, kind):
    """Return the items of files: their paths, or texts, or the error if there is no text."""
    return list(map(_text_of, paths)) if kind == "text" else paths


def _text_of(path):
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return ValueError("no text in UTF-8")
    except OSError as error:
        return error


def _features(extractor, items):
    """Return features, and for each row the reason if it has none, else None."""
    with warnings.catch_warnings():
        for said in (r"\d+ of \d+ \w+ cannot be read", r"The features of \d+ of \d+"):
            warnings.filterwarnings("ignore", message=said)  # which the table says
        features = extractor.transform(items)
    reasons = [None] * len(items)
    empty = np.flatnonzero(~np.isfinite(features).all(axis=1)).tolist()
    faults = extractor.find_unreadable([items[row] for row in empty]) if empty else []
    said = {empty[fault.position]: fault.reason for fault in faults}
    for row in empty:
        reason = said.get(row, "its features are not finite")
        reasons[row] = str(items[row]) if isinstance(items[row], Exception) else reason
    return features, reasons


@contextmanager
def _parquet(stream, extractor):
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    n_features = len(extractor.get_feature_names_out())
    columns = {
        "path": pa.string(),
        "features": pa.list_(pa.float32(), n_features),
        "fault": pa.string(),
    }
    schema = pa.schema(list(columns.items()))

    def add(names, features, reasons):
        values = pa.FixedSizeListArray.from_arrays(features.reshape(-1), type=columns["features"])
        rows = [pa.array(names, pa.string()), values, pa.array(reasons, pa.string())]
        writer.write_batch(pa.record_batch(rows, schema=schema))

    with ParquetWriter(stream, schema) as writer:
        yield add


@contextmanager
def _csv(stream, extractor):
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["path", "fault", *extractor.get_feature_names_out()])

    def add(names, features, reasons):
        for name, row, reason in zip(names, features.tolist(), reasons, strict=True):
            # Nine digits separate each float32 from its neighbors.
            cells = [f"{value:.9g}" if reason is None else "" for value in row]
            table.writerow([name, reason or "", *cells])

    yield add
    text.detach()


@contextmanager
def _npz(stream, extractor):
    columns = {"path": [], "features": [], "fault": []}

    def add(names, features, reasons):
        columns["path"] += names
        columns["features"].append(features)
        columns["fault"] += [reason or "" for reason in reasons]

    yield add
    columns["features"] = np.concatenate(columns["features"])
    np.savez(stream, **columns)


WRITERS = {".parquet": _parquet, ".csv": _csv, ".npz": _npz}


def _stage(text):
    return int(text) if text.isdigit() else text


def _suffixes(text):
    suffixes = tuple(part.strip().lower() for part in text.split(","))
    if not all(suffixes):
        raise argparse.ArgumentTypeError(f"{text!r} holds an empty suffix")
    return suffixes
