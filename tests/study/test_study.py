"""A whole study with a tiny model: data, runs, scores, tables, page and model card."""

import copy
import json

import jax
import pytest

from configs.smollm2_135m_mix import get_config
from prm_jax.data.overlap import normalize
from prm_jax.errors import InputError
from prm_jax.models import PRESETS, Decoder, init_params
from prm_jax.report.tables import markdown
from prm_jax.study import report
from prm_jax.study.data import make_parts, training_set
from prm_jax.study.revote import revote
from prm_jax.study.run import run
from prm_jax.train.backbone import byte_tokenizer
from prm_jax.weights import export

pytestmark = pytest.mark.slow


def rows(n, prefix):
    """Right and wrong solutions, two of each problem."""
    for i in range(n):
        for wrong in (False, True):
            steps = [f"{prefix} {i} plus 1 is {i + 1}.", f"The answer is {i + 1 + wrong}."]
            labels = [1, int(not wrong)]
            yield {
                "problem": f"{prefix}: what comes after {i * 7919}?",
                "steps": steps,
                "labels": labels,
            }


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(120, "Counting")))
    architecture = PRESETS["tiny-llama"]
    params = init_params(jax.random.key(0), architecture)
    export(path.parent / "model", Decoder(architecture), params, byte_tokenizer())
    config = get_config()
    with config.unlocked():
        config.files = {"counting": dict(line=str(path), train=40, validation=8, test=16)}
        config.near_duplicate = 1.0
    config.seeds, config.fractions = (0, 1), (0.5,)
    config.worlds.families = ("arithmetic", "object_swaps")
    config.worlds.update(train=20, validation=10, test=12, groups=3, candidates=4)
    config.evaluation.update(n=(1, 2, 4), bootstrap=20, solutions=4)
    for training in (config.train, config.probe):
        training.model.update(name=str(path.parent / "model"), keep_layers=-1)
        training.data.convention = "trl"
        training.update(steps=3, tensorboard=False)
    config.train.model.train_layers = 1
    return config


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("study")
    return workdir, run(config, workdir)


def test_no_problem_is_in_two_parts_and_smaller_shares_are_parts_of_larger_ones(config):
    sources = make_parts(config)
    for parts in sources.values():
        texts = [
            {normalize(t.problem) for t in part}
            for part in (parts.train, parts.validation, [*parts.test, *parts.candidates])
        ]
        assert all(texts) and not (texts[0] & texts[1] or texts[0] & texts[2])
        assert not texts[1] & texts[2]
    half, whole = (training_set(sources, fraction, 0) for fraction in (0.5, 1))
    assert len(whole) == 80 and len(half) == 40
    assert {str(t.to_dict()) for t in half} < {str(t.to_dict()) for t in whole}


def test_every_run_and_baseline_is_measured_on_every_source(finished):
    workdir, result = finished
    assert json.loads((workdir / "results.json").read_text()) == json.loads(json.dumps(result))
    methods = ["seed 0", "seed 1", "linear probe", "mean log-prob", "random", "length", "position"]
    assert list(result["groups"]) == ["worlds", "counting"]
    for group, found in result["groups"].items():
        assert list(found["methods"]) == methods
        assert all(("best_of_n" in of) == (group == "worlds") for of in found["methods"].values())
    assert set(result["families"]) == {"arithmetic", "object_swaps"}
    assert set(result["curve"]) == {"seed 0", "seed 1", "0.5 of the data", "linear probe"}
    assert result["shared_problems"] == 0
    halves = (result["training"][name]["trajectories"] for name in ("0.5 of the data", "seed 0"))
    assert list(halves) == [40, 80]
    assert result["training"]["linear probe"]["trajectories"] == 40


def test_seeds_differ_and_the_shared_states_are_computed_once(finished):
    workdir, result = finished
    of = result["groups"]["worlds"]["methods"]
    assert of["seed 0"]["steps"] != of["seed 1"]["steps"]
    # Upper layer trained: whole and half of the data, validation. Nothing trained: the same two.
    assert len(list((workdir / "features").iterdir())) == 5


def test_tables_page_and_card_show_the_figures_of_the_result(finished):
    workdir, result = finished
    table = report.auroc_table(result)
    value = result["groups"]["counting"]["methods"]["length"]["steps"]["metrics"]["auroc"]["value"]
    assert {row.method: row for row in table.rows}["length only"].estimates[
        "counting"
    ].value == value
    card = (workdir / "runs" / "seed 0" / "export" / "README.md").read_text("utf-8")
    assert all(markdown(t) in card for t in report.tables(result))
    assert "| counting | 40 | 8 | 16 |" in card and result["run"]["code"] in card
    page = (workdir / "report.html").read_text("utf-8")
    assert "linear probe" in page and "Step AUROC by training tokens" in page


def test_the_same_command_goes_on_where_it_was(finished, config):
    workdir, result = finished
    before = {path: path.stat().st_mtime_ns for path in (workdir / "scores").rglob("*.jsonl")}
    again = run(config, workdir)
    assert again["groups"] == result["groups"] and again["training"] == result["training"]
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_later_start_may_add_seeds_but_not_change_the_data(finished, config):
    workdir, result = finished
    more = config.copy_and_resolve_references()
    more.seeds, more.likelihood, more.probe_fraction = (0, 1, 2), False, 0.0
    again = run(more, workdir)
    found, before = (r["groups"]["counting"]["methods"] for r in (again, result))
    assert list(found) == ["seed 0", "seed 1", "seed 2", "random", "length", "position"]
    assert found["seed 0"] == before["seed 0"]
    more.worlds.test = 13
    with pytest.raises(InputError, match="data of another configuration"):
        run(more, workdir)


def test_without_seeds_the_first_share_is_shown_and_the_others_are_in_the_curve(finished, config):
    workdir, result = finished
    shares = config.copy_and_resolve_references()
    shares.seeds, shares.fractions = (), (0.5, 0.25)
    shares.likelihood, shares.probe_fraction = False, 0.0
    found = run(shares, workdir)
    assert list(found["curve"]) == ["0.5 of the data", "0.25 of the data"]
    assert found["curve"]["0.5 of the data"] == result["curve"]["0.5 of the data"]
    for before, now in zip(result["groups"].values(), found["groups"].values(), strict=True):
        assert list(now["methods"]) == ["0.5 of the data", "random", "length", "position"]
        assert now["methods"]["length"] == before["methods"]["length"]
    assert report.auroc_table(found).rows[0].method == "PRM, 0.5 of the data"
    points = [found["training"][f"{share} of the data"]["tokens"] for share in (0.25, 0.5)]
    assert report.learning_curve(found).curves[0].x == points
    card = (workdir / "runs" / "0.5 of the data" / "export" / "README.md").read_text("utf-8")
    assert "| counting | 20 | 8 | 16 |" in card


def test_neither_seeds_nor_shares_are_refused(config, tmp_path):
    config = config.copy_and_resolve_references()
    config.seeds, config.fractions = (), ()
    with pytest.raises(InputError, match="nothing is trained"):
        run(config, tmp_path)


def test_a_source_that_is_too_small_is_refused(config):
    config = config.copy_and_resolve_references()
    config.files.counting.test = 1000
    with pytest.raises(InputError, match="counting has .* for test, not 1000"):
        make_parts(config)


def test_votes_made_again_are_those_of_the_study(finished):
    result = json.loads(json.dumps(finished[1]))
    again = revote(copy.deepcopy(result))
    assert again.pop("revoted") == {"changed": {}}
    assert again == result


def test_where_votes_change_what_needs_the_scores_of_models_is_emptied(finished):
    right = json.loads(json.dumps(finished[1]))
    stored = copy.deepcopy(right)
    for method in ("random", "seed 0"):
        row = stored["groups"]["worlds"]["methods"][method]["best_of_n"]["by_n"]["4"]
        row["majority"] = {"value": 0.125, "low": 0.0, "high": 0.25}
    again = revote(copy.deepcopy(stored))
    change = again["revoted"]["changed"].pop("groups/worlds")
    assert again["revoted"]["changed"] == {}
    assert change["majority_before"]["4"]["value"] == 0.125
    assert "seed 0" in change["emptied"] and "random" not in change["emptied"]
    before, after = (
        of["groups"]["worlds"]["methods"]["seed 0"]["best_of_n"]["by_n"]["4"]
        for of in (right, again)
    )
    assert after["majority"] == before["majority"] == change["majority_after"]["4"]
    chosen = after["aggregations"]["min"]["best_of_n"]
    assert chosen["value"] == before["aggregations"]["min"]["best_of_n"]["value"]
    gap = chosen["value"] - after["majority"]["value"]
    assert chosen["minus_majority"] == {"value": gap, "low": None, "high": None}
    assert after["aggregations"]["min"]["weighted_majority"]["value"] is None


def test_candidates_of_another_configuration_are_refused(finished):
    result = json.loads(json.dumps(finished[1]))
    result["config"]["seed"] = 5
    with pytest.raises(InputError, match="not those of the result"):
        revote(result)
