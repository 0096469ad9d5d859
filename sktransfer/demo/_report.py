"""The demo's table, its verdict and its picture."""

import csv
from itertools import groupby
from textwrap import wrap

import numpy as np

from sktransfer.demo._methods import FEATURES, FINE_TUNING, NO_TRANSFER, PRINTED

# The lines of the picture, each with its name at the end. The table has them all.
DRAWN = {
    "features of stage 4, linear model": "frozen features (stage 4)",
    "freeze_depth=2": "fine-tuned, freeze_depth=2",
    "features: CORAL, linear model": "printed digits, CORAL",
    "instances: TrAdaBoost (linear)": "printed digits, TrAdaBoost",
    "pixels, linear model": "pixels, linear model",
    "pixels, nearest centroid": "pixels, nearest centroid",
    "network from scratch": "network from scratch",
}
COLOURS = {
    FEATURES: "#0b6e4f",
    FINE_TUNING: "#1f9bcf",
    PRINTED: "#d1602d",
    NO_TRANSFER: "#7a7a7a",
}


def summarise(results):
    """Give {method: {labels: (mean, standard deviation, seconds)}}, in the order of the runs."""
    summary = {}
    for result in results:
        summary.setdefault(result.method, {}).setdefault(result.n_labels, []).append(result)
    return {
        method: {
            n_labels: (
                np.mean([run.accuracy for run in runs]),
                np.std([run.accuracy for run in runs]),
                np.mean([run.seconds for run in runs]),
            )
            for n_labels, runs in by_labels.items()
        }
        for method, by_labels in summary.items()
    }


def format_table(results):
    """Format the table, and under it the cases in which transfer did not help."""
    summary = summarise(results)
    labels = sorted({result.n_labels for result in results})
    draws = len({result.draw for result in results})
    heads = "".join(f"{f'{n} per class':>14}" for n in labels)
    lines = [
        "",
        "Accuracy on handwritten digits never trained on,",
        f"mean (standard deviation) of {draws} draws of the labelled rows",
        "",
        f"{'':36}{heads}{'seconds':>10}",
    ]
    for group, members in groupby(summary, key=lambda method: method.group):
        lines.append(group)
        for method in members:
            cells = "".join(_cell(*summary[method][n][:2]) for n in labels)
            seconds = np.mean([summary[method][n][2] for n in labels])
            lines.append(f"  {method.name:<34}{cells}{seconds:>10.2f}")
    return "\n".join([*lines, "", *verdict(summary, labels), *_warnings_line(results), ""])


def _warnings_line(results):
    """Return a line that counts the fits with a TransferWarning, if there are any."""
    warned = [result.method.name for result in results if result.warned]
    if not warned:
        return []
    names = "; ".join(f"{name} {warned.count(name)}" for name in dict.fromkeys(warned))
    text = f"{len(warned)} of {len(results)} fits gave a TransferWarning: {names}"
    return wrap(text, width=100, subsequent_indent="    ")


def _cell(mean, deviation):
    return f"{f'{mean:.3f} ({deviation:.3f})'.replace('0.', '.'):>14}"


def verdict(summary, labels):
    """Return the gain of transfer for each number of labels, and the cases without a gain."""
    lines = []
    for n in labels:
        alone = {m: by[n][0] for m, by in summary.items() if m.group == NO_TRANSFER}
        best = max(alone, key=alone.get)
        transfer = {m: by[n][0] for m, by in summary.items() if m.group != NO_TRANSFER}
        top = max(transfer, key=transfer.get)
        lines.append(f"{n} per class: without transfer {alone[best]:.3f} ({best.name}),")
        lines.append(f"    with transfer up to {transfer[top]:.3f} ({top.name})")
        losing = [m.name for m, accuracy in transfer.items() if accuracy < alone[best]]
        lines += wrap(
            f"did not help: {'; '.join(losing) if losing else 'none of them'}",
            width=100,
            initial_indent="    ",
            subsequent_indent=" " * 18,
        )
    return lines


def write_report(results, text, out):
    """Write the printed text, every single run and the picture to `out`; give their paths."""
    table, runs, picture = out / "table.txt", out / "runs.csv", out / "accuracy.png"
    table.write_text(text.lstrip("\n"))
    with runs.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["group", "method", "labels_per_class", "draw", "accuracy", "seconds", "warned"]
        )
        for r in results:
            row = [r.method.group, r.method.name, r.n_labels, r.draw]
            writer.writerow([*row, f"{r.accuracy:.4f}", f"{r.seconds:.3f}", int(r.warned)])
    draw_picture(results, picture)
    return [table, runs, picture]


def draw_picture(results, path):
    """Draw accuracy against labels per class, with and without transfer."""
    from matplotlib.figure import Figure  # no pyplot: no window, no global state

    summary = {m: by for m, by in summarise(results).items() if m.name in DRAWN}
    labels = sorted({result.n_labels for result in results})
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    axes = figure.subplots()
    ends = {}
    for method, by in summary.items():
        means, deviations = np.array([by[n][:2] for n in labels]).T
        style = {"color": COLOURS[method.group], "linestyle": "-"}
        if method.group == NO_TRANSFER:
            style["linestyle"] = {"pixels, linear model": "--", "network from scratch": ":"}.get(
                method.name, "-."
            )
        marker = "s" if "CORAL" in method.name else "o"
        axes.plot(labels, means, marker=marker, linewidth=2, markersize=5, **style)
        axes.fill_between(
            labels, means - deviations, means + deviations, color=style["color"], alpha=0.10, lw=0
        )
        ends[method] = means[-1]
    _name_lines(axes, ends, labels[-1])
    _dress(figure, axes, labels)
    figure.savefig(path, dpi=160)


def _name_lines(axes, ends, right):
    """Write each line's name at its right end, moved apart if they would overlap."""
    low, high = axes.get_ylim()
    gap = 0.055 * (high - low)
    place = np.inf
    for method in sorted(ends, key=ends.get, reverse=True):
        place = min(ends[method], place - gap)
        axes.annotate(
            DRAWN[method.name],
            (right, ends[method]),
            (right * 1.06, place),
            color=COLOURS[method.group],
            fontsize=10,
            va="center",
            annotation_clip=False,
        )


def _dress(figure, axes, labels):
    axes.set_xscale("log")
    axes.set_xticks(labels, [str(n) for n in labels])
    axes.minorticks_off()
    axes.set_xlim(labels[0] * 0.93, labels[-1] * 1.03)
    axes.set_xlabel("labelled handwritten digits per class")
    axes.set_ylabel("accuracy on digits never trained on")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        "Few labels: with and without transfer",
        x=0.02,
        ha="left",
        fontsize=15,
        fontweight="bold",
    )
    axes.set_title(
        "scikit-learn's handwritten digits; grey: no transfer, colours: transfer from print",
        loc="left",
        fontsize=10,
        color="#444444",
    )
