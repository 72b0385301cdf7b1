"""Figures: well-formed SVG in the page's colours, with the right numbers behind them."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.report.contents import Curve, LabelledScores, Panel
from prm_jax.report.plots import (
    MAX_POINTS,
    curve_plot,
    interval_plot,
    reliability_plot,
    score_distribution,
    wilson_interval,
)

STEPS = LabelledScores([0.9, 0.8, 0.3, 0.2, 0.6, 0.4], [1, 1, 0, 0, 1, 1])


@pytest.fixture
def plots(table):
    panel = Panel("p", "x", "y", (Curve("a", [1, 2], [1, 2]), Curve("b", [1, 2], [2, 1])))
    drawn = [interval_plot(table, metric) for metric in table.metrics]
    return [*drawn, curve_plot(panel), score_distribution(STEPS), reliability_plot(STEPS)]


def test_svg_is_well_formed_and_says_what_it_shows(plots):
    for plot in plots:
        element = ElementTree.fromstring(str(plot.svg))
        assert element.attrib["role"] == "img"
        assert element.attrib["aria-label"] == f"{plot.title}. {plot.description}"


def test_svg_takes_its_colours_from_the_page(plots):
    for plot in plots:
        assert "var(--ink)" in plot.svg and not re.search(r"#[0-9a-f]{6}\b", plot.svg)


def test_names_stand_below_the_axes_and_the_curves_keep_their_height():
    def drawn(*names):
        curves = tuple(Curve(name, [1, 2], [1, 2]) for name in names)
        return str(curve_plot(Panel("p", "x", "y", curves)).svg)

    def place(svg, text):
        return float(re.search(rf'y="([-\d.]+)"[^>]*>{text}<', svg)[1])

    svg = drawn("first", "second")
    assert place(svg, "first") > place(svg, "x")
    heights = [float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', s)[1]) for s in (drawn("a"), svg)]
    assert heights[1] > heights[0]
    assert ">a<" not in drawn("a")


def test_ids_of_different_figures_do_not_meet(plots):
    ids = [name for plot in plots for name in re.findall(r' id="([^"]*)"', plot.svg)]
    assert ids and len(ids) == len(set(ids))


def test_description_gives_the_figures(plots):
    assert plots[0].description == (
        "PRM 71.2 % [68.1, 75.2]; random 11.1 % [9.0, 13.0]; majority 0.0 % [0.0, 0.0]."
    )
    assert plots[3].description == (
        "Below the threshold lie 100.0 % of the wrong steps and 25.0 % of the right steps."
    )


def test_a_score_at_the_threshold_is_not_below_it():
    plot = score_distribution(LabelledScores([0.3, 0.3, 0.2, 0.9], [0, 1, 0, 1]), threshold=0.3)
    assert plot.description == (
        "Below the threshold lie 50.0 % of the wrong steps and 0.0 % of the right steps."
    )


def test_reliability_bins_hold_equal_numbers():
    scores = np.linspace(0.0, 0.99, 100)
    labels = (np.arange(100) % 10 < np.arange(100) // 10).astype(int)
    plot = reliability_plot(LabelledScores(scores, labels))
    pairs = re.findall(r"([\d.]+): ([\d.]+)", plot.description)
    expected = [(f"{0.1 * k + 0.045:.2f}", f"{0.1 * k:.2f}") for k in range(10)]
    assert [share.rstrip(".") for _, share in pairs] == [share for _, share in expected]
    assert [float(m) for m, _ in pairs] == pytest.approx([float(m) for m, _ in expected], abs=0.011)


def test_wilson_interval_has_the_textbook_values():
    # 0 of 10: z^2/(10 + z^2); 5 of 10: 1/2 -+ z sqrt(10 + z^2) / (2 (10 + z^2)).
    z2 = 1.959963984540054**2
    half = np.sqrt(z2 * (10 + z2)) / (2 * (10 + z2))
    low, high = wilson_interval(np.array([0.0, 0.5, 1.0]), np.array([10, 10, 10]))
    np.testing.assert_allclose(low, [0, 0.5 - half, 1 - z2 / (10 + z2)], atol=1e-12)
    np.testing.assert_allclose(high, [z2 / (10 + z2), 0.5 + half, 1], atol=1e-12)


def test_a_dollar_sign_is_not_mathematics():
    plot = curve_plot(Panel("cost in $ and $\\frac", "x", "y", (Curve("a", [1, 2], [1, 2]),)))
    assert "cost in $ and $\\frac" in ElementTree.fromstring(str(plot.svg)).attrib["aria-label"]


def test_a_long_curve_stays_small():
    x = np.arange(100_000)
    small = curve_plot(Panel("p", "x", "y", (Curve("a", x[:MAX_POINTS], x[:MAX_POINTS]),)))
    large = curve_plot(Panel("p", "x", "y", (Curve("a", x, x),)))
    assert len(large.svg) < 2 * len(small.svg)


def test_gaps_and_one_class_only_are_drawn():
    plots = (
        curve_plot(Panel("p", "x", "y", (Curve("a", [1, 2, 3], [1, float("nan"), 3]),))),
        score_distribution(LabelledScores([0.2, 0.4], [1, 1])),
        reliability_plot(LabelledScores([0.2], [0])),
    )
    for plot in plots:
        assert plot.svg.startswith("<svg") and plot.svg.count("<path") > 1
        assert "nan" not in plot.svg.lower() and "nan" not in plot.description.lower()


def test_lengths_that_differ_are_refused():
    with pytest.raises(InputError, match="2 positions, but 1 values"):
        Curve("a", [1, 2], [1])
    with pytest.raises(InputError, match="2 scores, but 1 labels"):
        LabelledScores([0.1, 0.2], [1])
    with pytest.raises(InputError, match="neither 0 nor 1"):
        LabelledScores([0.1, 0.2], [1, 0.5])
