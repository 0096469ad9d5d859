"""The page of the case study: tables, curves, confusions and predictions, in one HTML file."""

import base64
import html
import io

import numpy as np

PAGE = "case_study.html"
LOCAL_PAGE = "case_study_photos.local.html"

N_SHOWN = 24
COLOURS = ("#b0b0b0", "#7d7d7d", "#e69f00", "#d55e00", "#56b4e9", "#0072b2", "#009e73")

STYLE = """
:root { --ink: #1d2430; --soft: #5b6676; --line: #dfe4ea; --wrong: #c62828; --right: #2e7d32; }
body { font: 16px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: var(--ink);
  max-width: 1080px; margin: 2.5rem auto; padding: 0 1.25rem; background: #fff; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 2px solid var(--ink);}
h3 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
p { max-width: 46rem; } .soft, .notes { color: var(--soft); font-size: .88rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th { text-align: left; border-bottom: 2px solid var(--ink); font-weight: 600; }
th, td { padding: .35rem .8rem .35rem 0; white-space: nowrap; }
td { border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; } tr.best td { font-weight: 650; }
figcaption strong { font-size: .9rem; }
td .bar { display: inline-block; height: .6rem; border-radius: 2px; margin-left: .6rem;
  vertical-align: baseline; background: #0072b2; }
tr.baseline td { color: var(--soft); }
img.wide { max-width: 100%; height: auto; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(76px, 1fr)); gap: .6rem; }
.grid.photos { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
figure { margin: 0; border: 3px solid transparent; border-radius: 6px; text-align: center;
  background: #f6f7f9; overflow: hidden; }
figure img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #fff; }
figcaption { font-size: .78rem; padding: .15rem .2rem .3rem; line-height: 1.25; }
figure.wrong { border-color: var(--wrong); } figure.wrong figcaption { color: var(--wrong); }
figure.right figcaption { color: var(--right); }
summary { cursor: pointer; font-weight: 600; margin: 1.5rem 0 .4rem; }
"""


def write_pages(tables, folder):
    """Write the page, and that of the pictures which may not be passed on; give their paths.

    Parameters
    ----------
    tables : sequence of Table
        Those of a case stand together; the first has it as ``case``.
    folder : pathlib.Path
        Where to.
    """
    parts, kept_here = [], []
    for table in tables:
        case = getattr(table, "case", None)
        if case is None:
            parts.append(_report(table))
            continue
        parts.append(_section(table, case))
        if case.task.public:
            parts.append(_predictions(case))
        else:
            kept_here.append(_predictions(case))
            parts.append(
                '<p class="soft">The photographs may not be passed on: the grid of predictions is '
                f"in <code>{LOCAL_PAGE}</code>, which the benchmark writes beside this page where "
                "it runs, and which is not part of the repository.</p>"
            )
    paths = [folder / PAGE]
    paths[0].write_text(_page("Five ways to use a network on few images", parts), encoding="utf-8")
    if kept_here:
        paths.append(folder / LOCAL_PAGE)
        title = "Predictions on photographs that may not be passed on"
        paths[1].write_text(_page(title, kept_here), encoding="utf-8")
    return paths


def _page(title, parts):
    lead = (
        "<p>From a small network of one's own to a pretrained one that is trained on, beside "
        "baselines that need no network or no training. Written by "
        "<code>python -m benchmarks case_study</code>; strengths were chosen by cross-validation "
        "on the training rows.</p>"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{html.escape(title)}</h1>\n{lead}\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def _section(table, case):
    """The results of one task: numbers, curves and confusions."""
    return "\n".join(
        [
            f"<h2>{html.escape(table.title)}</h2>",
            f"<p>{html.escape(_in_words(table))}</p>",
            _numbers(table),
            "<h3>ROC curves</h3>",
            _image(roc_picture(case), "ROC curves of all models", "wide"),
            "<h3>Confusions</h3>",
            '<p class="soft">Rows: the true class; columns: the predicted one; in percent of the '
            "row. A perfect model has nothing beside the diagonal.</p>",
            _image(confusion_picture(case), "Confusion matrices of all models", "wide"),
        ]
    )


def _in_words(table):
    """The best of the models and of the baselines."""
    parts = []
    for kind, baseline in (("models", False), ("baselines", True)):
        rows = [row for row in table.rows if row[0].startswith("baseline") is baseline]
        if rows:
            name, accuracy, *_ = max(rows, key=lambda row: row[1])
            parts.append(f"of the {kind} “{name.removeprefix('baseline: ')}” ({accuracy:.3f})")
    return (
        f"The most accurate is {' and '.join(parts)}. Where intervals overlap much, the order of "
        "two rows may be chance."
    )


def _numbers(table):
    """The main table: the best row in bold, and a bar for the share of errors."""
    best = max(row[1] for row in table.rows)
    most = max(1 - min(row[1] for row in table.rows), 1e-9)
    body = [_row("th", [*table.columns, "errors"], "")]
    for row, cells in zip(table.rows, table.cells(), strict=True):
        kind = "best" if row[1] == best else "baseline" if row[0].startswith("baseline") else ""
        bar = f'<span class="bar" style="width: {120 * (1 - row[1]) / most:.0f}px"></span>'
        cells = [html.escape(cell) for cell in cells]
        body.append(_row("td", [*cells, f"{100 * (1 - row[1]):.1f} %{bar}"], kind, bare=True))
    return _table(body) + _notes(table)


def _report(table):
    """A table that is only to be looked up."""
    body = [_row("th", table.columns, ""), *[_row("td", cells, "") for cells in table.cells()]]
    title = html.escape(table.title)
    return f"<details><summary>{title}</summary>{_table(body)}{_notes(table)}</details>"


def _row(tag, cells, kind, *, bare=False):
    cells = "".join(f"<{tag}>{cell if bare else html.escape(str(cell))}</{tag}>" for cell in cells)
    return f'<tr class="{kind}">{cells}</tr>' if kind else f"<tr>{cells}</tr>"


def _table(rows):
    return '<div class="scroll"><table>' + "\n".join(rows) + "</table></div>\n"


def _notes(table):
    return "".join(f'<p class="notes">{html.escape(note)}</p>\n' for note in table.notes)


def _predictions(case):
    """Pictures with what the most accurate model says: some drawn by chance, and its mistakes."""
    best = max(case.outcomes, key=lambda o: np.mean(o.probabilities.argmax(axis=1) == case.codes))
    found = best.probabilities.argmax(axis=1)
    sure = best.probabilities.max(axis=1)
    wrong = np.flatnonzero(found != case.codes)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:N_SHOWN]
    drawn = np.random.default_rng(0).permutation(len(found))[:N_SHOWN]
    model = html.escape(best.model)
    return "\n".join(
        [
            f"<h3>Predictions of the most accurate model ({model})</h3>",
            f'<p class="soft">{len(drawn)} test images drawn by chance; each with what the '
            "model says and how sure it is. What is wrong is framed in red, with the true class."
            "</p>",
            _grid(case, drawn, found, sure),
            f"<h3>Its mistakes</h3>\n"
            f'<p class="soft">{len(wrong)} of {len(found)} test images are wrong; shown are '
            f"{len(worst)}, those it is surest of first.</p>",
            _grid(case, worst, found, sure),
        ]
    )


def _grid(case, rows, found, sure):
    figures = []
    for row in rows:
        said, true = case.classes[found[row]], case.classes[case.codes[row]]
        is_right = said == true
        caption = f"<strong>{html.escape(str(said))}</strong> {100 * sure[row]:.0f} %"
        caption += "" if is_right else f"<br>it is {html.escape(str(true))}"
        picture = _image(_encoded(case.task.picture(row)), f"test image {row}", "")
        figures.append(
            f'<figure class="{"right" if is_right else "wrong"}">{picture}'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    kind = "grid" if case.task.public else "grid photos"
    return f'<div class="{kind}">' + "\n".join(figures) + "</div>"


def macro_roc(codes, probabilities):
    """Give false and true positive rates: of two classes the curve, of more the mean of curves.

    Returns
    -------
    false_rates, true_rates : ndarray of shape (n_points,)
        Of the curves of one class against all others the mean true rate at each false rate.
    """
    from sklearn.metrics import roc_curve

    n_classes = probabilities.shape[1]
    chosen = [1] if n_classes == 2 else range(n_classes)
    curves = [
        roc_curve(codes == k, probabilities[:, k], drop_intermediate=False)[:2] for k in chosen
    ]
    if len(curves) == 1:
        return curves[0]
    # A step is two points at one false rate, its lower and its upper end.
    # Of equal abscissae `interp` takes the last.
    grid = np.unique(np.concatenate([false for false, _ in curves]))
    comes = [np.interp(-grid, -false[::-1], true[::-1]) for false, true in curves]
    leaves = [np.interp(grid, false, true) for false, true in curves]
    steps = np.stack([np.mean(comes, axis=0), np.mean(leaves, axis=0)], axis=1)
    return np.repeat(grid, 2), steps.ravel()


def roc_picture(case):
    """Draw the ROC curves of all models, whole and where they differ; PNG bytes."""
    figure, (whole, corner) = _figure(1, 2, (10.4, 4.3))
    for outcome, colour in zip(case.outcomes, COLOURS, strict=False):
        false, true = macro_roc(case.codes, outcome.probabilities)
        area = np.trapezoid(true, false)
        style = "--" if outcome.model.startswith("baseline") else "-"
        for axes in (whole, corner):
            axes.plot(
                false, true, style, color=colour, lw=1.8, label=f"{outcome.model} ({area:.3f})"
            )
    whole.plot([0, 1], [0, 1], ":", color="0.7", lw=1)
    corner.set(xlim=(-0.005, 0.25), ylim=(0.75, 1.005), title="its upper left corner")
    whole.set(title="whole", xlabel="false positive rate", ylabel="true positive rate")
    corner.set(xlabel="false positive rate")
    whole.legend(fontsize=7.5, frameon=False, loc="lower right", title="area", title_fontsize=7.5)
    return _png(figure)


def confusion_picture(case):
    """Draw the confusion matrix of each model, in percent of the true class; PNG bytes."""
    from sklearn.metrics import confusion_matrix

    n_columns = 4
    n_rows = -(-len(case.outcomes) // n_columns)
    figure, panels = _figure(n_rows, n_columns, (10.4, 2.85 * n_rows))
    places = range(len(case.classes))
    for axes, outcome in zip(panels.flat, case.outcomes, strict=False):
        found = outcome.probabilities.argmax(axis=1)
        shares = 100 * confusion_matrix(case.codes, found, labels=places, normalize="true")
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for i, j in zip(*np.nonzero(shares.round()), strict=True):
            axes.text(
                *(j, i),
                f"{shares[i, j]:.0f}",
                ha="center",
                va="center",
                color="white" if shares[i, j] > 55 else "black",
                fontsize=5.5 if len(case.classes) > 4 else 9,
            )
        axes.set_title("\n".join(outcome.model.split(": ")), fontsize=8)
        axes.set_xticks(places, case.classes, fontsize=7)
        axes.set_yticks(places, case.classes, fontsize=7)
        axes.tick_params(length=0)
    for axes in panels.flat[len(case.outcomes) :]:
        axes.axis("off")
    return _png(figure)


def _figure(n_rows, n_columns, size):
    """A figure that no window system and no global state of matplotlib knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(n_rows, n_columns)


def _png(figure):
    """A figure as PNG bytes, of 64 colours: a third of the size."""
    from PIL import Image

    stream = io.BytesIO()
    figure.savefig(stream, dpi=130)
    with Image.open(stream) as image:
        return _encoded(image.convert("RGB").quantize(64))


def _encoded(image):
    """An image as PNG bytes, or as JPEG where it is a photograph."""
    stream = io.BytesIO()
    if image.mode == "RGB":
        image.thumbnail((220, 220))
        image.save(stream, format="JPEG", quality=85)
    else:
        image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _image(content, words, kind):
    media = "image/jpeg" if content.startswith(b"\xff\xd8") else "image/png"
    source = f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"
    return f'<img class="{kind}" alt="{html.escape(words)}" src="{source}">'
