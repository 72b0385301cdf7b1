"""A page about the families of problems: what each is, its errors, and two of its solutions."""

import inspect
import re
import sys
from typing import Any

from prm_jax.data.synthetic.checkers import check
from prm_jax.data.synthetic.family import COMPOSITE, ErrorKind
from prm_jax.data.synthetic.registry import FAMILIES
from prm_jax.data.synthetic.trajectories import make_trajectories

HEAD = """# Families of synthetic problems

Made by `python -m experiments.worlds --out docs/worlds.md`; do not edit by hand.

Each family draws problems at four levels of difficulty and writes solutions step by step, with a
label for each step: 1 right, 0 wrong. Labels here judge each step by the problem and the steps
before it (`after_error="local"`). An error of one of the kinds below is made at any step. A
checker that shares no code with the family reads the texts and comes to the same labels."""
SEED, DIFFICULTY = 0, 2


def page() -> str:
    """The page as Markdown."""
    described = descriptions()
    sections = [section(name, described) for name in FAMILIES]
    kinds = "\n".join(f"- `{kind}`: {described[kind]}" for kind in COMPOSITE)
    return "\n\n".join((HEAD, *sections, "## Errors of all families", kinds)) + "\n"


def section(name, described) -> str:
    """One family: its module's description, its kinds of error and two solutions."""
    family = FAMILIES[name]
    single = [kind for kind in family.weights if kind not in COMPOSITE]
    options: dict[str, Any] = {"seed": SEED, "difficulty": DIFFICULTY, "after_error": "local"}
    (right,) = make_trajectories(name, 1, error_rate=0.0, **options)
    wrong = next(
        item
        for item in make_trajectories(name, 200, error_rate=0.9, kinds=single, **options)
        if item.meta.get("error_step", len(item.steps)) < len(item.steps) - 1
    )
    return "\n\n".join(
        (
            f"## {name}",
            inspect.cleandoc(sys.modules[type(family).__module__].__doc__ or ""),
            "Kinds of error:",
            "\n".join(f"- `{kind}`: {described[kind]}" for kind in single),
            "A right solution:",
            _shown(right),
            f"A solution with an error, `{wrong.meta['error_kind']}`:",
            _shown(wrong),
        )
    )


def descriptions() -> dict[str, str]:
    """What the docstring of `ErrorKind` says of each kind."""
    entries = re.findall(r"^ *([A-Z_, ]+): (.+(?:\n {8,}.+)*)", ErrorKind.__doc__ or "", re.M)
    return {
        ErrorKind[name]: " ".join(text.split())
        for names, text in entries
        for name in names.split(", ")
    }


def _shown(item):
    steps = [f"[{verdict:.0f}] {text}" for verdict, text in zip(check(item), item.steps)]
    return "\n".join(("```text", item.problem, "", *steps, "```"))
