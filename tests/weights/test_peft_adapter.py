"""Adapters of peft: merged like peft's own model, and ours written so that peft agrees."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_checkpoints as tiny
import tiny_models
from safetensors.numpy import load_file, save_file

from prm_jax import load_model
from prm_jax.errors import InputError
from prm_jax.models import HeadConfig, apply_head, init_lora, merge_lora
from prm_jax.models.tree import from_paths, paths
from prm_jax.text import CONVENTIONS
from prm_jax.train.adapter_export import export_adapters
from prm_jax.weights import artifacts, export
from prm_jax.weights.peft_export import export_adapter

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")


def write(directory, name="qwen2", suffix="ForTokenClassification", model=None, **options):
    """A base, an adapter whose every number is random, and peft's model of both."""
    base = tiny.write(directory / "base", name, suffix, vocab_size=256, **(model or {}))
    tiny_models.tokenizer().save(directory / "base")
    base.name_or_path = "base"
    config = peft.LoraConfig(**{"r": 2, "lora_alpha": 6, **options})
    adapted = peft.get_peft_model(base, config)
    torch.manual_seed(1)
    with torch.no_grad():
        for key, parameter in adapted.named_parameters():
            if "lora_" in key or "modules_to_save" in key:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
    adapted.save_pretrained(directory / "adapter")
    edit(directory, lambda values: values.update(base_model_name_or_path="../base"))
    return adapted.eval()


def edit(directory, change):
    path = directory / "adapter" / "adapter_config.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def logits(model, params, tokens=None):
    tokens = jnp.asarray(tiny.tokens() if tokens is None else tokens)
    vocabulary = model.head is None
    out = model.apply({"params": params}, tokens, logits=vocabulary)
    return np.asarray(
        out.logits_BTV if vocabulary else apply_head(model.head, params, out.hidden_BTD)
    )


VARIANTS = {
    "head saved whole": dict(task_type="TOKEN_CLS", target_modules=["q_proj", "v_proj"]),
    "rank-stabilised, all linear layers": dict(
        suffix="ForCausalLM", task_type="CAUSAL_LM", target_modules="all-linear", use_rslora=True
    ),
    "ranks and alphas by pattern": dict(
        task_type="TOKEN_CLS",
        target_modules=r".*layers\.[01]\.(self_attn\.[ko]_proj|mlp\.(up|down)_proj)",
        rank_pattern={"k_proj": 3, r"^model.layers.1.mlp.down_proj": 1},
        alpha_pattern={"down_proj": 5, r"layers\.0\.mlp\.up_proj": 1},
        use_rslora=True,
    ),
    "biases": dict(task_type="TOKEN_CLS", target_modules=["q_proj", "o_proj"], bias="all"),
    "the embedding of tied ones": dict(
        suffix="ForCausalLM", task_type="CAUSAL_LM", target_modules=["embed_tokens", "q_proj"]
    ),
    "the unembedding": dict(
        name="qwen3", suffix="ForCausalLM", task_type="CAUSAL_LM", target_modules=["lm_head"]
    ),
    "the embedding saved whole": dict(
        name="llama",
        suffix="ForCausalLM",
        task_type="CAUSAL_LM",
        target_modules=["up_proj"],
        modules_to_save=["embed_tokens", "lm_head"],
    ),
    "tensors that are several parameters": dict(
        name="phi3",
        suffix="ForCausalLM",
        task_type="CAUSAL_LM",
        target_modules=["qkv_proj", "gate_up_proj", "o_proj"],
        rank_pattern={"gate_up_proj": 3},
    ),
    "a bare backbone": dict(
        suffix="Model", task_type="FEATURE_EXTRACTION", target_modules=["q_proj"]
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_adapter_gives_the_numbers_of_peft(variant, tmp_path):
    options = dict(VARIANTS[variant])
    adapted = write(tmp_path, **options)
    if variant == "a bare backbone":
        path = tmp_path / "base" / "config.json"
        values = json.loads(path.read_text()) | {"architectures": ["Qwen2ForCausalLM"]}
        path.write_text(json.dumps(values))
    model, params, _ = load_model(tmp_path / "adapter")
    tokens = torch.from_numpy(tiny.tokens()).long()
    with torch.no_grad():
        theirs = adapted(tokens)
    if variant == "a bare backbone":
        theirs = theirs.last_hidden_state.numpy()
        ours = model.apply({"params": params}, jnp.asarray(tiny.tokens())).hidden_BTD
    else:
        theirs, ours = theirs.logits.numpy(), logits(model, params)
    plain = logits(*load_model(tmp_path / "base")[:2])
    assert np.abs(ours - theirs).max() <= 3e-4
    assert plain.shape != theirs.shape or np.abs(plain - theirs).max() > 0.01


def test_a_head_of_an_adapter_on_a_language_model_says_what_is_scored(tmp_path):
    adapted = write(
        tmp_path,
        "llama",
        "ForSequenceClassification",
        dict(num_labels=1, pad_token_id=0),
        task_type="SEQ_CLS",
        target_modules=["q_proj"],
    )
    values = json.loads((tmp_path / "base" / "config.json").read_text())
    values["architectures"] = ["LlamaForCausalLM"]
    (tmp_path / "base" / "config.json").write_text(json.dumps(values))
    tensors = load_file(tmp_path / "base" / "model.safetensors")
    tensors["lm_head.weight"] = tensors.pop("score.weight").repeat(256, 0)
    save_file(tensors, tmp_path / "base" / "model.safetensors", {"format": "pt"})
    model, params, tokenizer = load_model(tmp_path / "adapter")
    assert model.head == HeadConfig("scalar", bias=False)
    assert tokenizer.convention.name == "outcome"
    with torch.no_grad():
        theirs = adapted(torch.from_numpy(tiny.tokens()).long()).logits.numpy()
    assert np.abs(logits(model, params)[:, -1] - theirs).max() <= 3e-4


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (dict(use_dora=True), "'use_dora'.*merge_and_unload"),
        (dict(rank_pattern=["q_proj"]), "'rank_pattern': is not an object; take"),
        (dict(rank_pattern={"(": 2}), r"'rank_pattern': '\(' is no regular expression"),
        (dict(alpha_pattern={"q_proj": "x"}), "'alpha_pattern': is no number above 0; take"),
        (dict(peft_type="IA3"), "'IA3' are not supported.*merge_and_unload"),
        (dict(init_lora_weights="pissa"), "'pissa' changes the base"),
        (dict(base_model_name_or_path="gone"), "its base model 'gone' is not found.*--base"),
        (dict(base_model_name_or_path=None), "peft adapter.*is not found.*--base"),
        (dict(r=3), "has rank 2, not 3"),
        (dict(lora_alpha=None), "'lora_alpha': is no number"),
    ],
)
def test_what_cannot_be_merged_is_one_line(change, problem, adapter):
    edit(adapter, lambda values: values.update(change))
    with pytest.raises(InputError, match=problem) as error:
        load_model(adapter / "adapter")
    assert len(str(error.value)) < 600


def test_a_base_on_the_hub_needs_its_commit(adapter, monkeypatch):
    asked, commit = [], "0" * 40
    monkeypatch.setattr(artifacts, "hub_directory", lambda *name: asked.append(name))
    edit(adapter, lambda values: values.update(base_model_name_or_path="who/what"))
    for revision in (None, "main", commit):
        edit(adapter, functools.partial(dict.update, revision=revision))
        with pytest.raises(InputError, match="base model 'who/what.*OWNER/NAME@COMMIT"):
            load_model(adapter / "adapter")
    with pytest.raises(InputError, match="base model 'a/b@1"):
        load_model(adapter / "adapter", base=f"a/b@{'1' * 40}")
    assert asked == [("who/what", commit), ("a/b", "1" * 40)]


@pytest.fixture
def adapter(tmp_path):
    write(tmp_path, task_type="TOKEN_CLS", target_modules=["q_proj"])
    return tmp_path


def test_the_base_can_be_given(adapter):
    right = logits(*load_model(adapter / "adapter")[:2])
    (adapter / "base").rename(adapter / "moved")
    again = load_model(adapter / "adapter", base=adapter / "moved")
    np.testing.assert_array_equal(logits(*again[:2]), right)


def test_a_base_of_what_is_no_adapter_is_refused(adapter):
    with pytest.raises(InputError, match="'base': is given, and the model is no peft adapter"):
        load_model(adapter / "base", base=adapter / "adapter")


def test_only_a_run_has_adapters_to_export(adapter):
    with pytest.raises(InputError, match="base: is no training workdir; give one of a run"):
        export_adapters(adapter / "base", adapter / "out")
    assert not (adapter / "out").exists()


def test_an_adapter_of_another_base_is_refused(adapter):
    tiny.write(adapter / "other", "qwen2", "ForTokenClassification", vocab_size=256, hidden_size=64)
    tiny_models.tokenizer().save(adapter / "other")
    with pytest.raises(InputError, match="the factors of .* give the base"):
        load_model(adapter / "adapter", base=adapter / "other")


@pytest.mark.parametrize("convention", ["trl", "outcome_plain"])
def test_peft_loads_our_adapter_and_gives_our_logits(convention, tmp_path):
    head = HeadConfig("scalar", bias=False)
    model, params = tiny_models.model("qwen2", head)
    tokenizer = tiny_models.tokenizer()
    export(
        tmp_path / "base",
        model.clone(head=None),
        {k: params[k] for k in params if k != "head"},
        tokenizer,
    )
    tokenizer.convention = CONVENTIONS[convention]
    lora = init_lora(jax.random.key(0), params, 2, 3.0)
    lora = jax.tree.map(lambda x: x + 0.1 * (x == 0), lora)
    export_adapter(tmp_path / "adapter", model, params, lora, tokenizer, base=tmp_path / "base")
    merged = merge_lora(params, lora)
    tokens = tiny.tokens() % model.config.vocab_size
    ours = logits(model, merged, tokens)

    kind = "Token" if convention == "trl" else "Sequence"
    loader = getattr(transformers, f"AutoModelFor{kind}Classification")
    base = loader.from_pretrained(tmp_path / "base", num_labels=1, pad_token_id=0)
    theirs = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    with torch.no_grad():
        theirs = theirs(torch.from_numpy(tokens).long()).logits.numpy()
    assert np.abs((ours if convention == "trl" else ours[:, -1]) - theirs).max() <= 3e-4

    again, back, read = load_model(tmp_path / "adapter")
    assert read.convention == tokenizer.convention and again.head == head
    assert np.abs(logits(again, back, tokens) - ours).max() <= 1e-5
    for path, leaf in paths(merged).items():
        assert np.abs(np.asarray(paths(back)[path]) - leaf).max() <= 1e-6, path


@pytest.mark.parametrize("targets", [None, ("attn/[qv]/kernel", "mlp/up/kernel", "attn/o/kernel")])
def test_adapters_of_parameters_stored_as_one_tensor_are_one_adapter_of_it(targets, tmp_path):
    model, params = tiny_models.model("phi3")
    tokenizer = tiny_models.tokenizer()
    export(tmp_path / "base", model, params, tokenizer)
    lora = init_lora(jax.random.key(0), params, 2, 3.0, targets)
    leaves = paths(lora)
    for i, path in enumerate(sorted(leaves)):
        if path.endswith("/b"):
            leaves[path] = 0.3 * jax.random.normal(jax.random.key(i), leaves[path].shape)
    lora = from_paths(leaves)
    export_adapter(tmp_path / "adapter", model, params, lora, tokenizer, base=tmp_path / "base")
    tokens = tiny.tokens() % model.config.vocab_size
    ours = logits(model, merge_lora(params, lora), tokens)
    base = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "base", attn_implementation="eager"
    )
    adapted = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    with torch.no_grad():
        theirs = adapted(torch.from_numpy(tokens).long()).logits.numpy()
    assert np.abs(ours - theirs).max() <= 3e-4
    assert np.abs(ours - logits(model, params, tokens)).max() > 0.1
    again, back, _ = load_model(tmp_path / "adapter")
    assert np.abs(logits(again, back, tokens) - ours).max() <= 1e-5
