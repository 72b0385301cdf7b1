"""Turns a matplotlib figure into inline SVG that takes its colours from the page's style sheet."""

import io
import math
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Colours that nothing else uses; in the SVG each becomes a CSS variable, so that one figure serves
# light and dark pages.
INK = "#010203"
GRID = "#010204"
SERIES = tuple(f"#01030{digit}" for digit in range(1, 7))
WRONG = "#010401"
RIGHT = "#010402"
_VARIABLES = {
    INK: "var(--ink)",
    GRID: "var(--grid)",
    WRONG: "var(--wrong)",
    RIGHT: "var(--right)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
}
LEGEND_CHARACTERS = 80
"""Of names and their lines, side by side below a figure of ordinary width."""
LEGEND_LINE = 0.19
"""Inches."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "prm_jax",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "hatch.linewidth": 0.6,
    "hatch.color": INK,
}


@dataclass(frozen=True)
class Plot:
    """A drawn figure.

    Args:
        title: its heading.
        description: what a reader who cannot see it should know, in one or two sentences.
        svg: the inline SVG element.
    """

    title: str
    description: str
    svg: Markup


def draw(
    title: str,
    description: str,
    paint: Callable[[Axes], None],
    *,
    width: float = 4.6,
    height: float = 3.0,
) -> Plot:
    """Draws one set of axes; what has a label is named below them, where it hides nothing.

    Args:
        title: heading, drawn above the axes.
        description: text for screen readers.
        paint: draws on the axes it is given, with the colours of this module.
        width: width in inches, the proportion that matters on the page.
        height: height in inches, without the names below the axes.

    Returns:
        The plot; the same input always gives the same bytes.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        paint(axes)
        axes.set_title(title)
        _name_below(figure, axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return Plot(title, description, _inline(buffer.getvalue(), f"{title}. {description}"))


def _name_below(figure, axes):
    """A legend under the axes, for which the figure grows."""
    names = axes.get_legend_handles_labels()[1]
    if not names:
        return
    columns = min(len(names), max(1, LEGEND_CHARACTERS // (max(map(len, names)) + 7)))
    figure.set_figheight(figure.get_figheight() + LEGEND_LINE * math.ceil(len(names) / columns))
    figure.legend(loc="outside lower left", ncols=columns)


def _inline(svg, label):
    """Drops what only a file of its own needs, and sizes and colours from the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    view_box = re.search(r'viewBox="([^"]*)"', svg)
    body = svg[svg.index(">") + 1 :]
    # Names such as axes_1 repeat from figure to figure; only those referred to are kept.
    referred = set(re.findall(r'(?:url\(#|xlink:href="#)([^)"]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in referred else "", body)
    prefix = f"f{zlib.crc32((label + body).encode('utf-8', 'replace')):08x}-"
    body = re.sub(r' id="([^"]*)"', rf' id="{prefix}\1"', body)
    body = body.replace("url(#", f"url(#{prefix}").replace('xlink:href="#', f'href="#{prefix}')
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    body = re.sub(r"font: [^;\"]*?([\d.]+px)[^;\"]*", r"font-size: \1", body)
    assert view_box is not None
    return Markup(f'<svg viewBox="{view_box[1]}" role="img" aria-label="{escape(label)}">{body}')
