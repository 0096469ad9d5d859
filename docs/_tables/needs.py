"""The table of needs in the guide, made from the estimators: ``.. needs-table::``."""

from inspect import isclass

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

import sktransfer
from sktransfer import DiscriminatorWeighter, ULSIFWeighter
from sktransfer._needs import needs_of
from sktransfer._sklearn import StrOptions

COLUMNS = {
    "sparse": "sparse rows",
    "missing": "missing values",
    "source_labels": "reads source labels",
    "target_labels": "reads target labels",
    "unlabelled_rows": "rows without a label",
    "min_domain_rows": "fewest rows of a domain",
    "array_api": "arrays of torch",
}


def estimators():
    """Return the public estimators that state their needs, by name, those of a family together.

    Those of networks are not among them: their input depends on the network.
    """
    items = {name: getattr(sktransfer, name) for name in sktransfer.__all__}
    found = {
        name: item
        for name, item in items.items()
        if isclass(item)
        and item.__module__.count(".") > 1
        and not item.__module__.startswith("sktransfer.deep")
        and hasattr(item, "_needs")
    }
    return dict(sorted(found.items(), key=lambda pair: (pair[1].__module__.split(".")[1], pair[0])))


def settings(cls):
    """Yield each value of each parameter that has few values, as a text and as parameters."""
    for name, constraints in cls._parameter_constraints.items():
        for constraint in constraints:
            values = [True, False] if constraint == "boolean" else ()
            values = sorted(constraint.options) if isinstance(constraint, StrOptions) else values
            for value in values:
                yield f"`{name}={value!r}`", {name: value}
    parts = [name for name in ("estimator", "weighter") if name in cls._parameter_constraints]
    if parts:
        linear, trees = LogisticRegression(), HistGradientBoostingClassifier()
        if cls.__name__.endswith("Regressor"):
            linear, trees = Ridge(), HistGradientBoostingRegressor()
        weighters = ULSIFWeighter(), DiscriminatorWeighter(HistGradientBoostingClassifier())
        for pair in zip((linear, trees), weighters, strict=True):
            chosen = dict(zip(("estimator", "weighter"), pair, strict=True))
            text = "as " + " and ".join(f"`{name}`" for name in parts)
            yield text, {name: chosen[name] for name in parts}


def words(value):
    """Return the words before the settings under which a need has this value."""
    return {True: "with", False: "not with"}[value] if isinstance(value, bool) else f"{value} with"


def cell(cls, field):
    """Return the text of a cell: the value by default, and the settings that change it."""
    default = getattr(needs_of(cls()), field)
    others = {}
    for text, params in settings(cls):
        value = getattr(needs_of(cls(**params)), field)
        if value != default:
            others.setdefault(value, []).append(text)
    given = ("yes" if default else "") if isinstance(default, bool) else str(default)
    learned = [text for texts in others.values() for text in texts if text.startswith("as ")]
    if learned:
        return learned[0]
    changes = [f"{words(value)} {', '.join(texts)}" for value, texts in others.items()]
    return "; ".join(filter(None, [given, *changes]))


def lines():
    """Return the table in reStructuredText."""
    yield from (".. list-table::", "    :header-rows: 1", "")
    yield from ("    * - method", *(f"      - {title}" for title in COLUMNS.values()))
    for name, cls in estimators().items():
        yield f"    * - :class:`~sktransfer.{name}`"
        yield from (f"      - {cell(cls, field)}".rstrip() for field in COLUMNS)


class NeedsTable(Directive):
    """Insert the table."""

    def run(self):
        """Return the nodes of the table."""
        holder = nodes.Element()
        self.state.nested_parse(StringList(list(lines()), "needs"), self.content_offset, holder)
        return holder.children
