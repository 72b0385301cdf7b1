"""The model card of a study's model, written from the study's result."""

from collections.abc import Mapping

from prm_jax.report.tables import markdown
from prm_jax.study.data import share_of
from prm_jax.study.report import first_run, tables

CARD = """---
license: apache-2.0
base_model: {base}
pipeline_tag: token-classification
library_name: prm_jax
---

# A process reward model from {model}

Scores every step of a solution: the probability that the step is right, given the problem and the
steps before it. One scalar head reads the hidden state at the end of each step; steps are marked by
the convention `{convention}` ({length} tokens at most).

## Training

{labels:,} step labels of {trajectories:,} solutions, {tokens:,.0f} tokens ({run}).
Layers kept: {kept}; layers trained: {trained}; learning rate {rate:g}. Steps after the first error
carry no label.

| source | training | validation | test |
| --- | ---: | ---: | ---: |
{data}
Test problems are in no training set ({shared} shared by normalised text).

## Results

{results}
## Limits

- The worlds are made by program: their errors are of the kinds listed above, and a real solver
  makes others.
- Scores are not calibrated outside the sources above; thresholds were tuned on validation problems
  of the same sources.
- What it finds depends on the kind of error: see the last table.

Made by `{command}`, code {code};
the whole result, with configuration, versions and machine, is in the repository's `results/`.
"""


def model_card(result: Mapping) -> str:
    """The card in Markdown, with the metadata block that model hubs read.

    Args:
        result: as `study.run.run` returns it.

    Returns:
        The text; every figure in it is in `result`.
    """
    config = result["config"]
    training, model = result["training"][first_run(result)], config["train"]["model"]
    share = result["fractions"][first_run(result)]
    rows = [
        f"| {name.replace('_', ' ')} | {share_of(of['train'], share):,} | {of['validation']:,} "
        f"| {of['test']:,} |\n"
        for name, of in result["data"].items()
    ]
    return CARD.format(
        base=config["base_model"],
        model=model["name"],
        convention=config["train"]["data"]["convention"] or "trl",
        length=config["train"]["data"]["max_length"],
        run=first_run(result),
        kept="all" if model["keep_layers"] == -1 else f"the lower {model['keep_layers']}",
        trained="all" if model["train_layers"] == -1 else f"the upper {model['train_layers']}",
        rate=config["train"]["optimizer"]["learning_rate"],
        data="".join(rows),
        shared=result["shared_problems"],
        results="\n".join(f"### {t.title}\n\n{markdown(t)}\n{t.note}\n" for t in tables(result)),
        command=result["run"]["command"],
        code=result["run"]["code"],
        **{name: training[name] for name in ("labels", "trajectories", "tokens")},
    )
