"""How often a selective policy answers in a judged file, and how often it is then right."""

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from prm_jax.calibration import selective
from prm_jax.calibration.judged import Judged, read_judged
from prm_jax.calibration.metrics import CONFIDENCE, binomial_interval, top_share
from prm_jax.calibration.selective import Choice
from prm_jax.errors import InputError
from prm_jax.evaluate.best_of_n import is_right
from prm_jax.formats import check_readable, files
from prm_jax.provenance import code_version
from prm_jax.ranges import COUNT, check_numbers
from prm_jax.records import Trajectory, write_jsonl
from prm_jax.scoring.inputs import read_identified
from prm_jax.scoring.pairwise import competes_in
from prm_jax.scoring.score_file import sha256

POLICIES: Mapping[str, Callable[..., Choice]] = {
    "best_of_n": selective.best_of_n,
    "resample": selective.resample,
    "route": selective.route,
}
RULES = {
    "answered": "share of problems for which the policy names a candidate",
    "accuracy": "share of those whose candidate is right; null if it answers none",
    "always": "accuracy of the best-scored of all candidates in every problem",
    "same_share_by_score": "the same where its score is highest, in as many problems as answered",
    "interval": f"exact binomial, confidence {CONFIDENCE:g}; problems are independent, so that of "
    "a share answered is one too",
    "problem": "the field `group` with the text of the problem",
    "right": "the outcome in the reference, else whether its answer is its gold answer",
    "drawn": "in the order of the file",
    "levels": "the same policy, accepting at each level that admits something; levels that were "
    "looked at are not independent of one another",
}


def select_file(
    path,
    reference,
    policy: str = "best_of_n",
    *,
    accept: str = "all_steps",
    second=None,
    options: Mapping[str, Any] | None = None,
    format: str = "auto",
    output_choices=None,
) -> dict:
    """Runs a policy on the candidates of a judged file.

    Args:
        path: what `calibrate_file` wrote of candidates.
        reference: solutions with those ids and with outcomes, or answers and gold answers, as
            `formats.read` takes them; a list of files if `second` has candidates of its own.
        policy: a name in POLICIES.
        accept: a rule, see `selective.accept_rule`.
        second: for `route`, what was judged by, or of, a second model.
        options: of the policy, such as `max_draws`.
        format: of the reference.
        output_choices: JSON lines to write, one a problem.

    Returns:
        `metrics` (answered, accuracy, always, same_share_by_score, each with its interval),
        `reasons` (problems and right answers of each), `draws` (mean a problem), `levels` (the same
        for each level), `counts`, `rules` and `run`.

    Raises:
        InputError: bad input, an id that is not in the reference, or an unknown or impossible
            option.
    """
    if policy not in POLICIES:
        raise InputError(
            f"unknown policy {policy!r}", field="policy", remedy=f"one of {', '.join(POLICIES)}"
        )
    if (policy == "route") != (second is not None):
        raise InputError("goes with the policy route, which needs it", field="second")
    given = dict(options or {})
    _check_options(policy, given)
    wanted = selective.accept_rule(accept)
    check_readable(path, second)
    check_readable(reference, format=format)
    known = _reference(reference, format)
    names, problems = _problems(known, path, second)
    right = {c.id: is_right(known[c.id]) for of in problems for group in of for c in group}

    def choices_of(rule):
        return [POLICIES[policy](*of_problem, rule, **given) for of_problem in problems]

    choices = choices_of(wanted)
    curve = []
    for level in sorted({x for first, *_ in problems for c in first for x in c.region if x}):
        at_level = choices_of(selective.accept_rule(accept, level))
        curve.append({"level": level, **_figures(at_level, problems, right)})
    if output_choices is not None:
        write_jsonl(output_choices, _choice_rows(names, choices, problems, right))
    inputs = {"input": path, "second": second, "reference": reference}
    hashes = {f"{name}_sha256": value and sha256(value) for name, value in inputs.items()}
    return {
        "policy": {"name": policy, "accept": accept, "options": given},
        **_figures(choices, problems, right),
        "levels": curve,
        "counts": {
            "problems": len(problems),
            "candidates": [sum(map(len, of_model)) for of_model in zip(*problems)],
            "reference_not_judged": len(known) - len(right),
        },
        "rules": {
            **RULES,
            "accept": {name: rule for name, (_, rule) in selective.ACCEPTANCE.items()},
        },
        "run": {
            **{name: value and files(value) for name, value in inputs.items()},
            **hashes,
            "code": code_version(),
            "argv": sys.argv,
        },
    }


def _check_options(policy, options):
    parameters = inspect.signature(POLICIES[policy]).parameters.values()
    known = {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY}
    remedy = f"it has {', '.join(known) or 'none'}"
    if unknown := sorted(set(options) - set(known)):
        raise InputError(f"{policy} has no such option", field=unknown[0], remedy=remedy)
    for name, default in known.items():
        if default is inspect.Parameter.empty and name not in options:
            raise InputError(f"{policy} needs it", field=name)
    check_numbers(options, {"max_draws": COUNT})


def _reference(path, format) -> dict[str, Trajectory]:
    found: dict[str, Trajectory] = {}
    for trajectory in read_identified(path, format):
        assert trajectory.id is not None  # read_identified gives every one its own
        if trajectory.id in found:
            raise InputError(
                f"{trajectory.id!r} appears twice", file=path, field="id", remedy="give other ids"
            )
        found[trajectory.id] = trajectory
    return found


def _problems(known, path, second):
    """What candidates compete in, and for each the first model's and, if any, the second's."""
    candidates = _by_problem(known, path)
    if second is None:
        return list(candidates), [(of,) for of in candidates.values()]
    others = _by_problem(known, second)
    if alone := set(others) ^ set(candidates):
        _, example = min(alone, key=str)
        raise InputError(
            f"{len(alone)} problems are in one judged file only, such as {example!r}",
            file=second,
            remedy="judge candidates of the same problems",
        )
    return list(candidates), [(of, others[name]) for name, of in candidates.items()]


def _by_problem(known, path) -> dict[tuple, list[Judged]]:
    """Candidates by what they compete in, each in the order of the file."""
    found: dict[tuple, list[Judged]] = {}
    for candidate in read_judged(path):
        if candidate.id not in known:
            raise InputError(
                f"{candidate.id!r} is not in the reference",
                file=path,
                field="id",
                remedy="give the solutions that were judged, with their outcomes",
            )
        found.setdefault(competes_in(known[candidate.id]), []).append(candidate)
    return found


def _chosen(choice, of_problem):
    """The candidate that is the answer, or None."""
    if choice.index is None:
        return None
    return of_problem[choice.reason == selective.SECOND][choice.index]


def _figures(choices, problems, right) -> dict:
    """The figures of one choice a problem."""
    answers = [_chosen(choice, of) for choice, of in zip(choices, problems, strict=True)]
    answered = [answer is not None for answer in answers]
    correct = [answer is not None and right[answer.id] for answer in answers]
    tops = [candidates[selective.best(candidates)] for candidates, *_ in problems]
    always = np.array([right[top.id] for top in tops])
    scores = [-np.inf if top.score is None else top.score for top in tops]
    same = top_share(scores, sum(answered))
    reasons: dict[str, dict] = {}
    for choice, is_correct in zip(choices, correct, strict=True):
        of = reasons.setdefault(choice.reason, {"problems": 0, "right": 0})
        of["problems"] += 1
        of["right"] += is_correct
    return {
        "metrics": {
            "answered": _share(sum(answered), len(answered)),
            "accuracy": _share(sum(correct), sum(answered)),
            "always": _share(int(always.sum()), len(always)),
            "same_share_by_score": _share(int(always[same].sum()), int(same.sum())),
        },
        "reasons": reasons,
        "draws": float(np.mean([choice.draws for choice in choices])),
        "second_draws": float(np.mean([choice.second_draws for choice in choices])),
    }


def _share(k, n):
    low, high = binomial_interval(k, n)
    return {"value": k / n if n else None, "low": low, "high": high, "n": n}


def _choice_rows(names, choices, problems, right):
    for (group, problem), choice, of in zip(names, choices, problems, strict=True):
        answer = _chosen(choice, of)
        yield {
            "group": group,
            "problem": problem,
            "id": None if answer is None else answer.id,
            "right": None if answer is None else right[answer.id],
            "reason": choice.reason,
            "draws": choice.draws,
            "second_draws": choice.second_draws,
        }
