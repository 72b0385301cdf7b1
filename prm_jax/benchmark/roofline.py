"""The parts of a pass against the two roofs of the machine: its matmuls and its memory."""

import statistics

from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from prm_jax.benchmark import flops, limits
from prm_jax.benchmark.flops import Work
from prm_jax.benchmark.pairs import first_of_each, in_turn
from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.report.style import STYLE
from prm_jax.report.svg import GRID, INK, SERIES, Plot, draw

MARKERS = "osD^vP"
PLOTTED = ("points", "bytes_per_second")
"""What of a measurement only the plot shows."""


def measure(model, params, *, rows: int, row_length: int, step: int, rounds: int) -> dict:
    """A forward pass and its parts, in turn.

    Args:
        model, params: what scores.
        rows, row_length: shape of the batch, which one solution fills in each row.
        step: tokens of a step.
        rounds: times each is run after the first.

    Returns:
        Shape; seconds of each pass and of the matmul limit for its operations, and the median of
        the limit's share; `points` for the plot and the memory's bytes a second.
    """
    config, dtype = model.config, model.dtype
    itemsize = 4 if dtype == "float32" else 2
    n_tokens = rows * row_length
    matmuls = limits.Matmuls(config, n_tokens, dtype)
    forward = limits.Forward(model, params, rows, row_length, step)
    attention = limits.Attention(config, rows, row_length, dtype)
    ways = {"forward": forward.once, "matmuls": matmuls.once, "attention": attention.once}
    first_of_each(ways)
    seconds = in_turn(ways, rounds)
    limit = [matmuls.limit(forward.work, of_layer) for of_layer in seconds["matmuls"]]
    shares = [best / took for best, took in zip(limit, seconds["forward"], strict=True)]
    median = {name: statistics.median(values) for name, values in seconds.items()}
    layers = config.n_layers
    parts = {
        "projections": (flops.projections(config, n_tokens, itemsize), layers * median["matmuls"]),
        "attention": (
            flops.attention(config, [row_length] * rows, itemsize),
            layers * median["attention"],
        ),
        "forward": (forward.work, median["forward"]),
    }
    return {
        "rows": rows,
        "row_length": row_length,
        "forward_seconds": [round(value, 5) for value in seconds["forward"]],
        "matmul_limit_seconds": [round(value, 5) for value in limit],
        "share_of_matmul_limit": round(statistics.median(shares), 3),
        "share_of_attention": round(layers * median["attention"] / median["forward"], 3),
        "seconds_of_a_flop": median["matmuls"] * layers / parts["projections"][0].flops,
        "points": [point(name, *part) for name, part in parts.items()],
        "bytes_per_second": limits.bandwidth(),
    }


def point(name: str, work: Work, seconds: float) -> dict:
    """One part as the plot shows it: operations a byte, and operations a second."""
    return {
        "name": name,
        "flops_per_byte": work.flops / work.bytes,
        "flops_per_second": work.flops / seconds,
    }


def plotted(measured: dict, model: str) -> dict:
    """What of a measurement is drawn."""
    names = ("rows", "row_length", *PLOTTED)
    return {"model": model, **{name: measured[name] for name in names}}


def roofline(title: str, points: list[dict], bytes_per_second: float) -> Plot:
    """Draws the parts; the roof is the rate of the projections.

    Args:
        title: heading.
        points: as `point` gives them; one is named 'projections'.
        bytes_per_second: of the memory.
    """
    (roof,) = (p["flops_per_second"] for p in points if p["name"] == "projections")
    ridge = roof / bytes_per_second
    at = [p["flops_per_byte"] for p in points]
    left, right = min(*at, ridge) / 4, max(*at, ridge) * 4

    def paint(axes):
        axes.plot([left, ridge], [left * bytes_per_second / 1e9, roof / 1e9], color=INK)
        axes.plot([ridge, right], [roof / 1e9] * 2, color=INK)
        for number, of_part in enumerate(points):
            axes.plot(
                [of_part["flops_per_byte"]],
                [of_part["flops_per_second"] / 1e9],
                MARKERS[number % len(MARKERS)],
                color=SERIES[number % len(SERIES)],
                label=of_part["name"],
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            # Numbers as they are: powers of ten would be set in a notation that SVG text lacks.
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("operations a byte")
        axes.set_ylabel("GFLOP/s")
        axes.grid(which="minor", color=GRID, linewidth=0.3)

    described = "; ".join(f"{p['name']} {p['flops_per_second'] / 1e9:.4g} GFLOP/s" for p in points)
    text = f"{described}; memory {bytes_per_second / 1e9:.3g} GB/s"
    return draw(title, text, paint)


def write(path, result: dict) -> None:
    """Writes the plot of a suite's result as an SVG file of its own.

    Raises:
        InputError: the suite measures no parts.
    """
    measured = result["figures"].get("roofline")
    if measured is None:
        raise InputError(
            f"suite {result['suite']} has no roofline", field="plot", remedy="use score or train"
        )
    title = f"{measured['model']}, rows of {measured['row_length']}"
    plot = roofline(title, measured["points"], measured["bytes_per_second"])
    svg = str(plot.svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" class="prm" ', 1)
    body = svg.index(">") + 1
    with atomic_write(path) as file:
        file.write(f"{svg[:body]}<style>{STYLE}</style>{svg[body:]}\n")
