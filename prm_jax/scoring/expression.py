"""Scorers written as one line, so that a flag, a config and a record can hold them.

    discriminative
    temperature(discriminative, value=1.7)
    bidirectional(merge="probability")                       the scorer inside is discriminative
    orm(ensemble(discriminative, model(path="runs/other")))

A line is read like a call in Python: scorers stand in front, options have names. Texts of other
than letters, digits and underscores need quotes.
"""

import ast
import dataclasses
import inspect
from collections.abc import Callable

from prm_jax.errors import InputError
from prm_jax.scoring.combinators import (
    ADDED_LAYERS,
    COMBINATORS,
    DEFAULT,
    MIXING,
    OF_SOLUTIONS,
    REFUSED,
    SCORERS,
    WITHOUT_SCORER,
)


@dataclasses.dataclass(frozen=True)
class Scorer:
    """A scorer as its line says it.

    Fields:
        score: (model, params, tokenizer, trajectories, ...) -> list of `StepScores`.
        line: the line, without differences in white space and quotes.
        names: all scorers and combinators in it.
        added_layers: directories that it names of layers trained on the model.
    """

    score: Callable
    line: str
    names: frozenset[str]
    added_layers: frozenset[str] = frozenset()


def parse_scorer(line: str, load: Callable) -> Scorer:
    """Builds the scorer that a line names.

    Args:
        line: as the module's docstring says.
        load: gives `(model, params, tokenizer)` of a path, for lines that name other models.

    Returns:
        The scorer.

    Raises:
        InputError: the line cannot be read, names something unknown, or combines what makes no
            sense together; the message says why.
    """
    try:
        tree = ast.parse(line.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise _unreadable(line) from error
    return _built(tree, load)


def _built(node, load):
    if isinstance(node, ast.Name):
        name, arguments, keywords = node.id, [], []
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name, arguments, keywords = node.func.id, node.args, node.keywords
    else:
        raise _unreadable(ast.unparse(node))
    if name in SCORERS:
        if isinstance(node, ast.Call):
            raise InputError(f"{name!r} takes nothing in brackets", field="scorer")
        return Scorer(SCORERS[name], name, frozenset([name]))
    if name not in COMBINATORS:
        raise InputError(
            f"unknown scorer {name!r}",
            field="scorer",
            remedy=f"one of {', '.join((*SCORERS, *COMBINATORS))}",
        )
    inner = [_built(argument, load) for argument in arguments]
    if not inner and name not in WITHOUT_SCORER:
        inner = [_built(ast.Name(DEFAULT), load)]
    names = frozenset().union(*(scorer.names for scorer in inner))
    _check_sense(name, inner, names)
    combinator, options = COMBINATORS[name], _options(name, keywords)
    parts = [scorer.line for scorer in inner]
    parts += [f"{key}={value!r}" for key, value in options.items()]
    if "load" in inspect.signature(combinator).parameters:
        options["load"] = load
    try:
        inspect.signature(combinator).bind(*(scorer.score for scorer in inner), **options)
    except TypeError as error:
        raise InputError(f"{name}: {error}", field="scorer", remedy=_usage(name)) from error
    score = combinator(*(scorer.score for scorer in inner), **options)
    added = frozenset().union(*(scorer.added_layers for scorer in inner))
    if name in ADDED_LAYERS:
        added |= {options[ADDED_LAYERS[name]]}
    return Scorer(score, f"{name}({', '.join(parts)})", names | {name}, added)


def _check_sense(name, inner, names):
    """Raises `InputError` for a combination without sense."""
    for other in sorted(names):
        if (name, other) in REFUSED:
            raise InputError(f"{name} of {other}: {REFUSED[name, other]}", field="scorer")
    lines = [scorer.line for scorer in inner]
    if len(set(lines)) < len(lines):
        again = max(lines, key=lines.count)
        raise InputError(f"{name} of the same scorer twice, {again}", field="scorer")
    kinds = {bool(scorer.names & OF_SOLUTIONS) for scorer in inner}
    if len(kinds) > 1 and name not in MIXING:
        raise InputError(
            f"{name} of scores of steps and scores of solutions",
            field="scorer",
            remedy=f"put all or none of its members into one of {', '.join(sorted(OF_SOLUTIONS))}",
        )


def _options(name, keywords):
    options = {}
    for keyword in keywords:
        key, value = keyword.arg, keyword.value
        if key is None or key == "load":
            raise _unreadable(ast.unparse(keyword))
        try:
            option = value.id if isinstance(value, ast.Name) else ast.literal_eval(value)
        except ValueError as error:
            raise InputError(
                f"cannot read {ast.unparse(value)!r}",
                field=f"{name}.{key}",
                remedy="put texts in quotes",
            ) from error
        _check_type(name, key, option)
        options[key] = option
    return options


def _check_type(name, key, option):
    """Raises `InputError` if the combinator's signature has another type; names it checks later."""
    parameters = inspect.signature(COMBINATORS[name]).parameters
    kind = parameters[key].annotation if key in parameters else object
    if kind is inspect.Parameter.empty:  # a scorer: `bind` says how it is given
        return
    fits = isinstance(option, int | float if kind is float else kind)
    if not fits or (isinstance(option, bool) and kind is not object):
        wanted = getattr(kind, "__name__", kind)
        raise InputError(f"{option!r} is not of type {wanted}", field=f"{name}.{key}")


def _usage(name):
    parameters = inspect.signature(COMBINATORS[name]).parameters.values()
    shown = [str(p.replace(annotation=p.empty)) for p in parameters if p.name != "load"]
    return f"write {name}({', '.join(shown)})"


def _unreadable(text):
    return InputError(
        f"cannot read {text!r}",
        field="scorer",
        remedy="write a name, or a call such as temperature(discriminative, value=1.5)",
    )
