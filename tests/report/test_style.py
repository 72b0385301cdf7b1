"""Text stays readable on every tint: WCAG 2.1 contrast of the style sheet's own colours."""

import re

import numpy as np
import pytest

from prm_jax.report.style import STYLE

TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)


def _variables(block):
    return dict(re.findall(r"--([\w-]+):\s+([^;]+);", block))


LIGHT = _variables(STYLE[: STYLE.index("@media")])
DARK = LIGHT | _variables(STYLE[STYLE.index("@media") : STYLE.index("body.prm")])
THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])


def _linear(colour):
    channel = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)


def _mixed(a, b, share):
    """Mixes in OKLab (its matrix after the cube root is linear, so mixing there is the same)."""
    roots = share * np.cbrt(TO_LMS @ _linear(a)) + (1 - share) * np.cbrt(TO_LMS @ _linear(b))
    return np.clip(np.linalg.solve(TO_LMS, roots**3), 0, 1)


def _tint(theme, side):
    return _mixed(theme[side], theme["card"], float(theme["tint"]))


def _contrast(x, y):
    bright, dark = sorted((np.dot([0.2126, 0.7152, 0.0722], c) for c in (x, y)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@THEMES
@pytest.mark.parametrize("side", ["right", "wrong"])
def test_text_on_the_fullest_tint_has_contrast_7(theme, side):
    assert _contrast(_linear(theme["ink"]), _tint(theme, side)) >= 7


@THEMES
def test_small_grey_text_has_contrast_4_5(theme):
    for ground in ("page", "card", "soft"):
        assert _contrast(_linear(theme["faint"]), _linear(theme[ground])) >= 4.5


@THEMES
def test_lines_of_plots_have_contrast_3(theme):
    for number in range(1, 7):
        assert _contrast(_linear(theme[f"series-{number}"]), _linear(theme["page"])) >= 3


@THEMES
def test_the_ends_of_the_scale_differ_for_red_green_blind_readers(theme):
    """They keep OKLab's blue-yellow axis b; 0.1 on it is five times what the eye just notices."""
    blue_yellow = np.array([0.0259040371, 0.7827717662, -0.8086757660])
    b = {side: blue_yellow @ np.cbrt(TO_LMS @ _tint(theme, side)) for side in ("right", "wrong")}
    assert b["wrong"] - b["right"] > 0.1
