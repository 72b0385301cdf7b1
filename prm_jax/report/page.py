"""Writes one self-contained HTML page about a run: its results and what it says of each step."""

import json
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from jinja2 import DictLoader, Environment
from markupsafe import Markup

from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.report.contents import LabelledScores, Panel, ResultTable
from prm_jax.report.plots import curve_plot, interval_plot, reliability_plot, score_distribution
from prm_jax.report.steps import OUTCOMES, ScoredSolution
from prm_jax.report.style import STYLE
from prm_jax.report.tables import format_estimate, format_interval, format_value, table_lines
from prm_jax.report.template import LAYOUT, MACROS, PAGE, SOLUTIONS
from prm_jax.report.verdict import Comparison, compare

MAX_BYTES = 3_000_000
MAX_CHARACTERS = 4_000
_TEMPLATES = Environment(
    loader=DictLoader({"layout": LAYOUT, "macros": MACROS}),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_report(
    path: str | Path,
    *,
    title: str,
    summary: Sequence[str] = (),
    tables: Sequence[ResultTable] = (),
    training: Sequence[Panel] = (),
    selection: Sequence[Panel] = (),
    steps: LabelledScores | None = None,
    solutions: Sequence[ScoredSolution] = (),
    solutions_note: str = "",
    outcomes: Mapping[str, int] | None = None,
    threshold: float = 0.5,
    details: Mapping[str, Mapping | str] | None = None,
) -> Path:
    """Writes the page; a section without content is left out.

    Args:
        path: the HTML file; it appears whole or not at all.
        title: heading of the page.
        summary: sentences that say what was done. What the model beats is worked out from the first
            table (see `verdict.compare`).
        tables: result tables, the main one first; each is drawn as intervals too.
        training: curves of the training run.
        selection: curves over the number of candidates, such as best-of-N accuracy.
        steps: scores and truths of all labelled steps.
        solutions: solutions to show with every step coloured.
        solutions_note: how these were chosen.
        outcomes: counts over all scored solutions, from `count_outcomes`.
        threshold: the threshold below which a step is predicted to be wrong.
        details: heading -> facts, or heading -> a longer text such as a configuration.

    Returns:
        The path written.

    Raises:
        InputError: the page would be larger than 3 MB.
    """
    comparisons = [c for table in tables[:1] for m in table.metrics if (c := compare(table, m))]
    content = {
        "results": bool(tables),
        "selection": bool(selection),
        "scores": steps is not None,
        "solutions": bool(solutions),
        "training": bool(training),
        "details": bool(details),
    }
    headings = {
        "results": "Results",
        "selection": "Best of N",
        "scores": "Step scores",
        "solutions": "Solutions",
        "training": "Training",
        "details": "Reproduce",
    }
    return write_html(
        path,
        PAGE,
        title=title,
        summary=summary,
        headline=_headline(comparisons[0]) if comparisons else None,
        tiles=[_tile(comparison) for comparison in comparisons],
        sections=[(name, headings[name]) for name, filled in content.items() if filled],
        tables=_tables(tables),
        training=[curve_plot(panel) for panel in training],
        selection=[curve_plot(panel) for panel in selection],
        quality=[score_distribution(steps, threshold), reliability_plot(steps)] if steps else [],
        solutions_html=_solutions(solutions, threshold) if solutions else None,
        solutions_note=solutions_note,
        outcomes=_outcome_rows(outcomes or {}),
        details=details,
    )


def write_html(path, template: str, *, details: Mapping[str, Mapping | str] | None, **content):
    """Writes a page of the common layout.

    Args:
        path: the HTML file; it appears whole or not at all.
        template: jinja2 source that extends 'layout' and fills its block 'main'.
        details: as in `write_report`.
        **content: what layout and template name; text is escaped.

    Returns:
        The path written.

    Raises:
        InputError: the page would be larger than 3 MB.
    """
    html = _TEMPLATES.from_string(template).render(
        style=Markup(STYLE),
        details=[_details(heading, facts) for heading, facts in (details or {}).items()],
        **content,
    )
    # A lone surrogate, which JSON can hold, has no UTF-8 form.
    data = html.encode("utf-8", errors="replace")
    if len(data) > MAX_BYTES:
        raise InputError(
            f"the report would take {len(data) / 1e6:.1f} MB, more than {MAX_BYTES / 1e6:g}",
            file=path,
            remedy="show fewer solutions",
        )
    with atomic_write(path, "wb") as file:
        file.write(data)
    return Path(path)


def solutions_html(solutions: Sequence[ScoredSolution], threshold: float = 0.5) -> str:
    """Renders coloured solutions as a fragment with its own style, to be shown in a notebook.

    Args:
        solutions: what to show.
        threshold: the threshold below which a step is predicted to be wrong.

    Returns:
        An HTML fragment in which all text of the solutions is escaped.
    """
    return f'<style>{STYLE}</style><div class="prm">{_solutions(solutions, threshold)}</div>'


def render_solutions(views: Sequence[Mapping], threshold: float, judged: bool = False) -> Markup:
    """The HTML of solutions, each as `solution_view` gives it.

    Args:
        views: what to show. A view, or one of its steps, may also have `marks`, dicts of `css` and
            `text`, and `nearest`, dicts of `glyph`, `truth`, `place` and `text`, with their `unit`.
        threshold: the threshold below which a step is predicted to be wrong.
        judged: whether such marks are explained.

    Returns:
        A fragment in which all text is escaped.
    """
    return Markup(
        _TEMPLATES.from_string(SOLUTIONS).render(
            solutions=views, threshold=f"{threshold:.4g}", judged=judged
        )
    )


def _solutions(solutions, threshold):
    views = [solution_view(solution, threshold) for solution in solutions]
    return render_solutions(views, threshold)


def solution_view(solution: ScoredSolution, threshold: float) -> dict:
    """What the page shows of a solution, as texts, with its `steps` as dicts.

    Args:
        solution: the solution.
        threshold: the score at which the colour turns from wrong to right.
    """
    n_steps = len(solution.steps)
    parts = [solution.family, solution.id, f"{n_steps} step" + ("s" if n_steps > 1 else "")]
    if solution.error_kind:
        parts.append(f"kind of error: {str(solution.error_kind).replace('_', ' ')}")
    return {
        "outcome": solution.outcome,
        "meaning": OUTCOMES[solution.outcome],
        "caption": " \N{MIDDLE DOT} ".join(part for part in parts if part),
        "problem": clipped(solution.problem),
        "steps": [_step(solution, index, threshold) for index in range(n_steps)],
        "answer": solution.answer,
        "gold": solution.gold,
    }


def _step(solution, index, threshold):
    score, label = solution.scores[index], solution.labels[index]
    truth, glyph = "truth unknown", "\N{DOT OPERATOR}"
    if label is not None:
        truth, glyph = ("right", "\N{CHECK MARK}") if label >= 0.5 else ("wrong", "\N{BALLOT X}")
        truth += "" if label in (0, 1) else f" (label {label:g})"
    view = {
        "number": index + 1,
        "truth": truth,
        "glyph": glyph,
        "text": clipped(solution.steps[index]),
        "is_true": index == solution.first_error,
        "is_predicted": index == solution.predicted,
    }
    if score is None:
        title = "not scored: the step did not fit"
        return view | {
            "css": "unscored",
            "tint": 0,
            "score": "\N{EN DASH}",
            "percent": None,
            "title": title,
        }
    leans_right = score >= threshold
    room = 1 - threshold if leans_right else threshold
    distance = min(abs(score - threshold) / room, 1) if room else 1
    return view | {
        "css": "leans-right" if leans_right else "leans-wrong",
        "tint": f"{100 * distance:.1f}",
        "score": f"{score:.2f}",
        "percent": f"{100 * min(max(score, 0), 1):.1f}",
        "title": f"score {score:.6g}",
    }


def clipped(text: str, limit: int = MAX_CHARACTERS) -> str:
    """A text of at most `limit` characters, and how many more there are."""
    if len(text) <= limit:
        return text
    left_out = len(text) - limit
    return f"{text[:limit]}\N{HORIZONTAL ELLIPSIS} ({left_out:,} more characters)"


def _tables(tables):
    views: list[dict] = []
    explained: set[str] = set()
    for table in tables:
        view = table_view(table, explained)
        explained |= {metric.name for metric in view["explained"]}
        if len(table.rows) > 1:
            view["plots"] = [interval_plot(table, metric) for metric in table.metrics]
        views.append(view)
    return views


def table_view(table: ResultTable, explained: Container[str] = ()) -> dict:
    """What the macro `result_table` shows, without plots.

    Args:
        table: the table.
        explained: names of metrics that need no explanation any more.
    """
    return {
        "title": table.title,
        "row_heading": table.row_heading,
        "metrics": table.metrics,
        "lines": table_lines(table),
        "compared": len({row.role for row in table.rows}) > 1,
        "explained": [m for m in table.metrics if m.explanation and m.name not in explained],
        "note": table.note,
        "plots": [],
    }


def _headline(comparison: Comparison):
    ahead = not (comparison.behind or comparison.undecided)
    return {"sentence": comparison.sentence, "ahead": ahead}


def _tile(comparison: Comparison):
    metric, estimate, (name, best) = comparison.metric, comparison.estimate, comparison.strongest
    interval = format_interval(estimate, metric)
    n_baselines = len(comparison.ahead + comparison.behind + comparison.undecided)
    return {
        "name": metric.name,
        "value": format_value(estimate.value, metric) + (" %" if metric.percent else ""),
        "notes": [
            f"95 % interval {interval}" if interval else "",
            f"clearly ahead of {len(comparison.ahead)} of {n_baselines} baselines; "
            f"strongest is {name}, {format_estimate(best, metric)}",
        ],
    }


def _outcome_rows(outcomes):
    total = sum(outcomes.values())
    return [(name, OUTCOMES[name], n, f"{100 * n / total:.1f}") for name, n in outcomes.items()]


def _details(heading, facts):
    if isinstance(facts, str):
        return {"title": heading, "text": facts, "facts": ()}
    return {
        "title": heading,
        "text": None,
        "facts": [(name, _as_text(v)) for name, v in facts.items()],
    }


def _as_text(value):
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
