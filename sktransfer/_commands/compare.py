"""``sktransfer compare``: whether transfer helps, for a table with a column of domains."""

from difflib import get_close_matches
from pathlib import Path

from sktransfer._commands._options import out_file, whole_number
from sktransfer._extras import install_command
from sktransfer._messages import listed
from sktransfer._whole_files import write_whole

TARGET = "target"

# Whole numbers with at most so many values are classes, unless the user says it.
MOST_CLASSES = 20

# Of a column of categories so many have columns of their own, and the others one in common.
MOST_CATEGORIES = 20

MISSING = "(missing)"

# Texts of rows without a label, in lower case. "None" is a label beside other words.
NO_LABEL = ("", "na", "nan", "n/a", "#n/a", "<na>", "null")


def add_parser(commands):
    """Add the command to those of a parser."""
    parser = commands.add_parser(
        "compare",
        help="whether transfer from other domains helps, for a table in a CSV file",
        description="Compare models with and without transfer by cross-validation on labelled "
        "rows of the target domain. Columns of numbers are scaled, and columns of text are "
        "categories. Missing numbers become the median, and missing texts a category. Rows "
        "without a label are used as rows of their domain.",
    )
    parser.add_argument("table", type=Path, metavar="TABLE.csv", help="the first row has names")
    parser.add_argument(
        "--target-column", required=True, metavar="LABEL", help="the column to be predicted"
    )
    parser.add_argument(
        "--domain-column", required=True, metavar="SITE", help="the column with the domain of a row"
    )
    parser.add_argument(
        "--target-domain",
        default=TARGET,
        metavar="NAME",
        help="the domain to predict for; the others are sources (default: target)",
    )
    parser.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="COLUMN",
        help="leave a column out, such as the number of a row; may be given several times",
    )
    parser.add_argument(
        "--task",
        choices=("classes", "numbers"),
        help="the kind of LABEL (default: classes if it holds text, true and false, or at most "
        f"{MOST_CLASSES} whole numbers)",
    )
    parser.add_argument("--separator", default=",", metavar="C", help="between cells (default: ,)")
    parser.add_argument(
        "--decimal", default=".", metavar="C", help="before the decimals of a number (default: .)"
    )
    parser.add_argument(
        "--folds",
        type=whole_number(2),
        metavar="N",
        help="folds, each drawn three times (default: up to 10)",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="fits at the same time (default: 1)")
    parser.add_argument(
        "--out",
        type=out_file(".txt", ".csv"),
        metavar="FILE",
        help="write the report to a .txt file, or its table to a .csv file",
    )
    parser.set_defaults(run=run)


def run(options):
    """Run the command; return the exit status."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            f"it needs pandas, which is not installed; run {install_command('pandas')}"
        ) from error
    from sktransfer.transferability import compare_transfer

    table = _read(options)
    domains = _domains(table[options.domain_column], options)
    X = table.drop(columns=[options.target_column, options.domain_column, *options.drop])
    numbers, words = _split_columns(X)
    if not numbers and not words:
        raise ValueError(f"{options.table} has no column left to predict from.")
    for name in words:
        X[name] = X[name].astype(object).where(X[name].notna(), MISSING).astype(str)
    y, discrete = _labels(table[options.target_column], options.task, options.decimal)
    if pd.Series(y).nunique() < 2:
        raise ValueError(f"{options.target_column} holds fewer than two different labels.")
    lines = _about(X[numbers], X[words], y, domains, options, discrete)
    empty = [name for name in X.columns if name not in (*numbers, *words)]
    if empty:
        lines.append(f"left out, as there is nothing in them: {', '.join(map(str, empty))}")
    print("\n".join([*lines, ""]), flush=True)
    comparison = compare_transfer(
        _pipelines(numbers, words, discrete),
        X[[*numbers, *words]],
        y,
        sample_domain=domains,
        cv=options.folds,
        n_jobs=options.jobs,
    )
    print(comparison)
    if options.out is not None:
        text = "\n".join([*lines, "", str(comparison), ""])
        if options.out.suffix.lower() == ".csv":
            text = comparison.to_frame().to_csv(index_label="model", lineterminator="\n")
        write_whole(options.out, text.encode())
        print(f"\nwrote {options.out}")
    return 0


def _read(options):
    """Return the table; its domains and labels are texts."""
    import pandas as pd

    if options.out is not None and options.out.exists() and options.out.samefile(options.table):
        raise ValueError(f"--out {str(options.out)!r} is the table itself: name another file.")
    if options.decimal == options.separator:
        raise ValueError(f"--decimal and --separator are both {options.decimal!r}.")
    separator = options.separator.replace(r"\t", "\t")
    try:
        table = pd.read_csv(options.table, sep=separator, decimal=options.decimal)
    except UnicodeDecodeError as error:
        raise ValueError(f"{options.table} is no text in UTF-8: save it as one.") from error
    except ValueError as error:
        raise ValueError(f"{options.table} cannot be read as a table: {error}") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(
            f"the rows of {options.table} have more cells than the first row has names: name all "
            "columns, and remove separators at the ends of rows."
        )
    names = pd.read_csv(options.table, sep=separator, header=None, nrows=1, dtype=str).iloc[0]
    if names.dropna().duplicated().any():
        raise ValueError(f"{options.table} has two columns of one name: {listed(names)}.")
    _check_columns(table, options)
    # As numbers, the sites 01 and 1 would be one, and NA would be missing.
    own = [options.target_column, options.domain_column]
    texts = pd.read_csv(options.table, sep=separator, usecols=own, dtype=str, na_filter=False)
    return table.assign(**{name: texts[name].str.strip() for name in own})


def _nearest(name, names):
    """Return the name of a few that was meant, as a question, or nothing."""
    lowered = {each.lower().strip(): each for each in names}
    found = get_close_matches(name.lower().strip(), lowered, n=1)
    return f"; did you mean {lowered[found[0]]!r}?" if found else "."


def _check_columns(table, options):
    wanted = {
        "--target-column": [options.target_column],
        "--domain-column": [options.domain_column],
        "--drop": options.drop,
    }
    for option, names in wanted.items():
        absent = [name for name in names if name not in table]
        if absent:
            raise ValueError(
                f"{option} {absent[0]!r} is no column of {options.table}, which has "
                f"{listed(table.columns)}; --separator says what is between them"
                f"{_nearest(absent[0], map(str, table.columns))}"
            )
    if options.target_column == options.domain_column:
        raise ValueError("--target-column and --domain-column name the same column.")


def _domains(column, options):
    """Return the domain of each row as text, the target's being "target"."""
    if n_empty := int((column == "").sum()):
        raise ValueError(
            f"{n_empty} of {len(column)} rows have no {options.domain_column}; fill it in, or "
            "remove them."
        )
    found = column.unique().tolist()
    if options.target_domain not in found:
        raise ValueError(
            f"--target-domain {options.target_domain!r} is none of {options.domain_column}, which "
            f"holds {listed(sorted(found))}{_nearest(options.target_domain, found)}"
        )
    if len(found) == 1:
        raise ValueError(f"all rows are of the target {options.target_domain!r}: add other rows.")
    if options.target_domain != TARGET and TARGET in found:
        raise ValueError(
            f"--target-domain is {options.target_domain!r}, and another domain has the name "
            f"{TARGET!r}; rename it."
        )
    return column.where(column != options.target_domain, TARGET).to_numpy(dtype=object)


def _split_columns(X):
    """Return the names of columns of numbers, and of text; empty columns are left out."""
    from pandas.api.types import is_numeric_dtype

    filled = [name for name in X.columns if X[name].notna().any()]
    numbers = [name for name in filled if is_numeric_dtype(X[name])]
    infinite = [name for name in numbers if X[name].abs().max() == float("inf")]
    if infinite:
        raise ValueError(f"infinity is in {listed(infinite)}; remove these rows, or --drop it.")
    words = [name for name in filled if name not in numbers]
    for name in words:
        cells = X[name].dropna().astype(str)
        if cells.str.fullmatch(r"\s*-?\d+,\d+\s*").all():
            raise ValueError(f"{name!r} holds {cells.iloc[0]!r}: pass --decimal , for numbers.")
    return numbers, words


def _labels(column, task, decimal="."):
    """Return labels of a column of text, missing ones as NaN or None; and whether they are classes.

    They are numbers if all of them can be read as such.
    """
    import pandas as pd

    words = column.mask(column.str.lower().isin(NO_LABEL))
    numbers = pd.to_numeric(words.str.replace(decimal, ".", regex=False), errors="coerce")
    no_numbers = words[numbers.isna() & words.notna() & (words != "None")]
    is_number = no_numbers.empty
    if task is None:
        known = numbers.dropna()
        few = known.nunique() <= MOST_CLASSES and (known % 1 == 0).all()
        task = "classes" if few or not is_number else "numbers"
    if task == "numbers" and not is_number:
        raise ValueError(
            f"--task numbers: {column.name!r} holds {no_numbers.iloc[0]!r}, no number."
        )
    if is_number:
        return numbers.to_numpy(dtype=float), task == "classes"
    return words.astype(object).where(words.notna(), None).to_numpy(dtype=object), True


def _about(numbers, words, y, domains, options, discrete):
    """Return sentences on the table as it was read."""
    import pandas as pd

    counts = pd.Series(domains).value_counts()
    sources = [f"{name} ({n} rows)" for name, n in counts.drop(TARGET).sort_index().items()]
    labels = pd.Series(y)[domains == TARGET].dropna()
    kind = f"{pd.Series(y).nunique()} classes" if discrete else "numbers"
    lines = [
        f"target: {options.target_domain} ({counts[TARGET]} rows, {len(labels)} labelled); "
        f"sources: {', '.join(sources)}",
        f"{options.target_column}: {kind}",
    ]
    if numbers.shape[1]:
        missing = int(numbers.isna().sum().sum())
        filled = f"; {missing} missing values become the median" if missing else ""
        lines.append(f"numbers: {', '.join(map(str, numbers))}{filled}")
    if words.shape[1]:
        each = [f"{name} ({words[name].nunique()})" for name in words]
        lines.append(f"categories: {', '.join(each)}")
        if words.nunique().max() > MOST_CATEGORIES:
            lines.append(
                f"Of a column with more than {MOST_CATEGORIES} categories the rarest are one. "
                "--drop leaves out a column of names or numbers of rows."
            )
    return lines


def _pipelines(numbers, words, discrete):
    """Return the transfers that are compared, by name."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from sktransfer.feature import CORALAligner, DomainAugmenter, MomentAligner
    from sktransfer.parameter import TransferLogisticRegression, TransferRidge
    from sktransfer.pipeline import make_transfer_pipeline

    scaled = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    )
    encoded = OneHotEncoder(
        max_categories=MOST_CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    columns = ColumnTransformer([("numbers", scaled, numbers), ("categories", encoded, words)])
    model = LogisticRegression(max_iter=1000) if discrete else Ridge()
    pulled = TransferLogisticRegression() if discrete else TransferRidge()
    steps = {
        "moments": (MomentAligner(), model),
        "coral": (CORALAligner(), model),
        "augmented": (DomainAugmenter(), model),
        "pulled": (pulled,),
    }
    return {name: make_transfer_pipeline(columns, *rest) for name, rest in steps.items()}
