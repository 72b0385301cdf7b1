"""Training router and syntheses: on cached states, with everything else as it was."""

import jax
import numpy as np
import pytest
from expert_runs import make_base, make_expert

from prm_jax.data.corpus import make_corpus
from prm_jax.data.packing import pack
from prm_jax.data.pipeline import batches
from prm_jax.data.sources import parse_sources
from prm_jax.errors import InputError
from prm_jax.models import HeadConfig
from prm_jax.models.mixture_of_experts import expert_states, init_mixture, problem_states
from prm_jax.objectives import check
from prm_jax.progress import Progress
from prm_jax.records import Trajectory, write_jsonl
from prm_jax.train import added_layers, mixture
from prm_jax.train.checkpoint import load_adapters
from prm_jax.train.expert_states import ExpertStates
from prm_jax.train.experts import read_experts
from prm_jax.weights import load_model
from prm_jax.weights.fingerprint import frozen_fingerprint
from prm_jax.weights.mixture import load_mixture

WORDS = {"sums": "0123", "letters": "abcd"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A model and three experts: two for sums, one for letters."""
    directory = tmp_path_factory.mktemp("runs")
    base = make_base(directory / "base")
    workdirs = [make_expert(directory / f"expert-{seed}", base, seed) for seed in (1, 2, 3)]
    return base, (("sums", tuple(workdirs[:2])), ("letters", tuple(workdirs[2:])))


@pytest.fixture
def config(runs, tmp_path):
    config = mixture.default_config()
    config.model, config.experts = str(runs[0]), runs[1]
    config.epochs = 2
    config.features = str(tmp_path / "features")
    config.data.train = str(tmp_path / "train.jsonl")
    write_jsonl(config.data.train, solutions(0))
    config.data.rows, config.data.row_length, config.data.max_length = 4, 128, 96
    config.data.max_steps = 16
    config.optimizer.learning_rate = 1e-2
    return config


def solutions(seed, n=8, **more):
    """A right and a wrong solution of each problem; the wrong one's last step repeats a letter."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        source = ("sums", "letters")[number % 2]
        letters = list(WORDS[source])
        problem = f"{number}" + "".join(rng.choice(letters, 8))
        for outcome in (1.0, 0.0):
            steps = ["".join(rng.choice(letters, 6)) for _ in range(rng.integers(1, 3))]
            steps.append("".join(rng.choice(letters, 6)) if outcome else "zzzzzz")
            labels = (*[1.0] * (len(steps) - 1), outcome)
            row = dict(problem=problem, steps=tuple(steps), labels=labels, outcome=outcome)
            rows.append(Trajectory(**row, source=source, meta={"kind": source}, **more))
    return rows


def loaded(runs):
    model, params, tokenizer = load_model(str(runs[0]))
    given = (frozen_fingerprint(params), tokenizer.convention, "float32")
    return model, params, tokenizer, read_experts(runs[1], *given)


def test_cached_states_are_those_of_each_trajectory_alone_in_every_unit(runs, tmp_path):
    model, params, tokenizer, experts = loaded(runs)
    rows, (source,) = solutions(1, 4), parse_sources("x.jsonl")
    groups = [(source, [row for row in rows if row.source == name]) for name in WORDS]
    options = dict(supervise="outcome", unit="pair")
    corpus = make_corpus(groups, tokenizer, tokenizer.convention, 96, **options)
    categories = np.repeat([0, 1], corpus.sizes)
    states = ExpertStates(tmp_path, corpus, categories, model, params, experts, "model")
    states.compute(Progress("states", show=False))
    again = ExpertStates(tmp_path, corpus, categories, model, params, experts, "model")
    again.compute(Progress("states", show=False))
    assert again.directory == states.directory
    run = jax.jit(lambda batch, adapters: expert_states(model, params, adapters, batch))
    own = jax.jit(lambda batch: problem_states(model, params, batch))
    seen = 0
    for batch in map(again.attach, batches(corpus, 2, 192, 16)):
        for row, slot in np.argwhere(batch["step_mask"]):
            unit, part = (batch[f"step_{name}"][row, slot] for name in ("example", "part"))
            item, category = corpus.encoded[unit].parts[part], categories[unit]
            alone = pack([item], 1, 96, 8)
            alone["problem_ends"] = np.full((1, 8), item.step_starts[0] - 1, np.int32)
            step = batch["step_index"][row, slot]
            expected = np.asarray(run(alone, experts[str(category)]))[0, step]
            found = batch["states_BSE"][row, slot]
            np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-5)
            assert not found[len(expected) :].any()
            found = batch["problem_BSD"][row, slot]
            np.testing.assert_allclose(found, np.asarray(own(alone))[0, step], atol=1e-5)
            assert batch["category_BS"][row, slot] == category
            seen += 1
    assert seen == sum(len(row.steps) for row in rows)


def test_only_router_and_syntheses_are_learnt_each_from_its_own_loss():
    objective = check("bradley_terry", HeadConfig("scalar"))
    params = init_mixture(jax.random.key(0), 4, (2, 1))
    rng = np.random.default_rng(0)
    batch = {
        "states_BSE": rng.normal(size=(1, 4, 8)).astype(np.float32),
        "problem_BSD": rng.normal(size=(1, 4, 4)).astype(np.float32),
        "category_BS": np.array([[0, 0, 1, 1]]),
        "step_labels": np.array([[1.0, 0.0, 1.0, 0.0]], np.float32),
        "label_mask": np.ones((1, 4), bool),
        "step_mask": np.ones((1, 4), bool),
        "step_index": np.zeros((1, 4), np.int32),
        "step_unit": np.array([[1, 1, 2, 2]]),
    }

    @jax.jit
    def run(params, batch):
        return jax.grad(mixture.mixture_loss, has_aux=True)(params, batch, objective)

    gradient, metrics = run(params, batch)
    assert set(gradient) == {"router", "synthesis"}
    logits = batch["problem_BSD"][0] @ np.asarray(params["router"]["kernel"])
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -logits[np.arange(4), batch["category_BS"][0]].mean()
    assert float(metrics["router_loss"]) == pytest.approx(expected, rel=1e-5)
    turned = {**batch, "step_labels": 1 - batch["step_labels"]}
    other, _ = run(params, turned)
    for one, same in zip(*(jax.tree.leaves(x["router"]) for x in (gradient, other))):
        np.testing.assert_array_equal(one, same)
    assert any(
        np.any(np.asarray(one) != np.asarray(same))
        for one, same in zip(*(jax.tree.leaves(x["synthesis"]) for x in (gradient, other)))
    )


def test_a_mixture_learns_and_keeps_the_experts_as_they_were(config, runs, tmp_path):
    config.epochs, config.category = 20, "kind"
    config.data.validation = str(tmp_path / "validation.jsonl")
    write_jsonl(config.data.validation, solutions(5, 6))
    history = mixture.train(config, tmp_path / "run", progress=False)
    assert history[-1]["loss"] < history[0]["loss"] / 2
    assert history[-1]["validation_auroc"] > 0.9
    assert history[-1]["router_accuracy"] == 1
    assert history[-1]["validation_router_accuracy"] > 0.75
    found = load_mixture(tmp_path / "run")
    assert found.categories == ("sums", "letters")
    assert found.record["model_fingerprint"] == frozen_fingerprint(load_model(config.model)[1])
    for number, (_, workdirs) in enumerate(runs[1]):
        for place, workdir in enumerate(workdirs):
            stacked = found.params["experts"][str(number)]
            kept = jax.tree.map(lambda x, place=place: x[place], stacked)
            trained, _, _ = load_adapters(workdir)
            for one, other in zip(*map(jax.tree.leaves, (kept, trained)), strict=True):
                np.testing.assert_array_equal(one, other)


def test_a_stopped_run_goes_on_to_the_same_mixture(config, tmp_path, monkeypatch):
    config.objective = "bce"
    whole = mixture.train(config, tmp_path / "whole", progress=False)
    save = added_layers.save

    def save_and_stop(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(added_layers, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        mixture.train(config, tmp_path / "stopped", progress=False)
    monkeypatch.setattr(added_layers, "save", save)
    assert not (tmp_path / "stopped" / "mixture.json").exists()
    assert mixture.train(config, tmp_path / "stopped", progress=False) == whole
    kept = [load_mixture(tmp_path / name).params for name in ("whole", "stopped")]
    for one, other in zip(*map(jax.tree.leaves, kept), strict=True):
        np.testing.assert_array_equal(one, other)
    config.experts = config.experts[::-1]
    with pytest.raises(InputError, match="began otherwise"):
        mixture.train(config, tmp_path / "whole", progress=False)


def test_held_out_trajectories_without_a_pair_judge_nothing(config, tmp_path):
    config.epochs = 1
    config.data.validation = str(tmp_path / "validation.jsonl")
    write_jsonl(config.data.validation, solutions(5, 2)[::2])
    (entry,) = mixture.train(config, tmp_path / "run", progress=False)
    assert entry["validation_auroc"] is entry["validation_router_accuracy"] is None
    config.data.train = config.data.validation
    with pytest.raises(InputError, match="nothing to learn from in category 'sums'"):
        mixture.train(config, tmp_path / "other", progress=False)


def test_wrong_values_name_what_is_wrong(config, runs, tmp_path):
    (sums, (first, second)), (letters, (third,)) = runs[1]
    plain = make_expert(tmp_path / "plain", runs[0], 4, rank=0)
    other_rank = make_expert(tmp_path / "rank-3", runs[0], 5, rank=3)
    elsewhere = make_expert(tmp_path / "elsewhere", make_other(tmp_path / "other"), 6)
    for experts, words in (
        ((), "0 different categories in 0 entries"),
        (((sums, (first,)), (sums, (second,))), "1 different categories in 2 entries"),
        (((sums, ()), (letters, (third,))), "'sums' has no tuple of experts"),
        (((sums, (first,)), (letters, (str(tmp_path / "gone"),))), "gone.*no config.json"),
        (((sums, (plain,)),), "plain.*without adapters"),
        (((sums, (first, other_rank)),), "rank-3.*another rank"),
        (((sums, (elsewhere,)),), "elsewhere.*another model"),
        (((sums, (first,)),), "category 'letters', which has no experts.*known are sums"),
        (((sums, (first,)), (letters, (third,)), ("c", (third,))), "nothing to learn from.*'c'"),
    ):
        config.experts = experts
        with pytest.raises(InputError, match=words):
            mixture.train(config, tmp_path / "run", progress=False)
    config.experts = runs[1]
    for key, value, words in (
        ("category", "nowhere", "category None"),
        ("objective", "orm_every_token", "more than one score a step"),
        ("objective", "two_class", "two_class"),
        ("epochs", 0, "0 is below 1"),
        ("data.convention", "rlhflow", "turn a step"),
        ("data.convention", "math_shepherd", "marked otherwise, by 'trl'"),
    ):
        wrong = config.copy_and_resolve_references()
        wrong.update_from_flattened_dict({key: value})
        with pytest.raises(InputError, match=words):
            mixture.train(wrong, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def make_other(directory):
    """Another model than `make_base` gives."""
    import safetensors.numpy

    make_base(directory)
    file = directory / "model.safetensors"
    tensors = safetensors.numpy.load_file(file)
    name = next(name for name in tensors if name.endswith("layers.0.mlp.down_proj.weight"))
    tensors[name] = tensors[name] + 0.1
    safetensors.numpy.save_file(tensors, file, {"format": "pt"})
    return directory
