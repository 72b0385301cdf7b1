"""Makes the votes of a study's result again, after a change to how answers are compared.

Candidates of the worlds are made by program, so their answers can be made again from the result's
own configuration; the scores of its models are not stored. So: votes by number and everything of
the baselines are computed again, and what needs the models' scores per candidate (weighted votes,
intervals of differences to a vote) is left empty wherever a vote has changed.
"""

from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict

from prm_jax.errors import InputError
from prm_jax.evaluate import Parts, fit_baseline
from prm_jax.evaluate.best_of_n import best_of_n
from prm_jax.study.data import families, make_parts
from prm_jax.study.run import BASELINES

EMPTY = {"value": None, "low": None, "high": None}


def revote(result: Mapping) -> dict:
    """A study's result with its votes made again.

    Args:
        result: as `study.run.run` gives it.

    Returns:
        The changed result, with `revoted`: per group of sources whose votes changed the old and the
        new majority by n, and names of the figures that could not be made again.

    Raises:
        InputError: the candidates made now are not those of the result.
    """
    config = ConfigDict(result["config"])
    config.files = ConfigDict()
    sources = make_parts(config)
    names = families(config.worlds)
    changes = {}
    places = [("groups", "worlds", names), *(("families", name, [name]) for name in names)]
    for section, name, members in places:
        parts = Parts(
            [row for member in members for row in sources[member].train],
            (),
            (),
            [row for member in members for row in sources[member].candidates],
        )
        change = _revote(result[section][name]["methods"], parts, config, name)
        if change:
            changes[f"{section}/{name}"] = change
    return {**result, "revoted": {"changed": changes}}


def _revote(methods, parts, config, name):
    """Changes the methods of one group of sources; what changed, or None if nothing did."""
    wanted = config.evaluation
    again = {}
    for baseline in BASELINES:
        scores = fit_baseline(baseline, parts.train, config.seed)(parts.candidates)
        again[baseline] = best_of_n(
            parts.candidates,
            scores,
            aggregation=(wanted.aggregation,),
            n=tuple(wanted.n),
            n_boot=wanted.bootstrap,
            seed=config.seed,
        )
    for baseline, new in again.items():
        _check(methods[baseline]["best_of_n"], new, name)
    # Of the baselines only "random" has scores without arithmetic, which are the same everywhere.
    if again["random"]["by_n"] == methods["random"]["best_of_n"]["by_n"]:
        return None
    votes = next(iter(again.values()))
    old = {n: row["majority"] for n, row in methods[BASELINES[0]]["best_of_n"]["by_n"].items()}
    for method, figures in methods.items():
        if method in again:
            figures["best_of_n"] = again[method]
        else:
            _of_model(figures["best_of_n"], votes)
    return {
        "majority_before": old,
        "majority_after": {n: row["majority"] for n, row in votes["by_n"].items()},
        "emptied": sorted(set(methods) - set(again)),
    }


def _check(stored, new, name):
    """Refuses candidates other than the result's, whose outcomes would give other figures."""
    for n, row in new["by_n"].items():
        for figure in ("random", "pass"):
            if row[figure] != stored["by_n"][n][figure]:
                raise InputError(
                    f"candidates of {name} are not those of the result: {figure} of {n} differs",
                    field="config",
                    remedy="use the code that `run.code_of_data` names",
                )


def _of_model(stored, votes):
    """Gives a model's figures the new votes, and empties what depends on its scores too."""
    for n, row in stored["by_n"].items():
        _with_votes(row, row["aggregations"].values(), votes["by_n"][n]["majority"])
    _with_votes(stored["metrics"], [stored["metrics"]], votes["metrics"]["majority"])
    key = "answers_judged_both_ways"
    stored["rules"] = votes["rules"]
    stored["counts"] = {**stored["counts"], key: votes["counts"][key]}


def _with_votes(row, aggregations: Sequence[dict], majority):
    row["majority"] = majority
    for figures in aggregations:
        chosen = figures["best_of_n"]
        figures["best_of_n"] = {
            **chosen,
            "minus_majority": {**EMPTY, "value": chosen["value"] - majority["value"]},
        }
        figures["weighted_majority"] = {**EMPTY, "minus_majority": dict(EMPTY)}
