"""The experts of a mixture: adapters out of the runs that trained them, on one model."""

import jax
import jax.numpy as jnp

from prm_jax.errors import InputError
from prm_jax.models.tree import paths
from prm_jax.train.checkpoint import load_adapters
from prm_jax.weights.fingerprint import frozen_fingerprint


def read_experts(workdirs_by_category, model_fingerprint: str, convention, dtype: str):
    """Reads the adapters of all experts.

    Args:
        workdirs_by_category: `((category, (workdir, ...)), ...)`.
        model_fingerprint: `frozen_fingerprint` of the model that all experts have to adapt.
        convention: how its steps are marked.
        dtype: of the model.

    Returns:
        Adapters by the category's number, as str, the experts of a category stacked in the order
        given.

    Raises:
        InputError: there are none, a category has two entries, a workdir is none or trained no
            adapters, or an expert does not fit the model, its convention or the others.
    """
    names = [category for category, _ in workdirs_by_category]
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"{len(set(names))} different categories in {len(names)} entries",
            field="experts",
            remedy="name the experts of each, (('arithmetic', ('runs/a', 'runs/b')), ...)",
        )
    experts = {}
    for number, (category, workdirs) in enumerate(workdirs_by_category):
        if not workdirs or isinstance(workdirs, str):
            raise InputError(f"{category!r} has no tuple of experts", field="experts")
        read = [_read_one(path, model_fingerprint, convention, dtype) for path in workdirs]
        shapes = [{name: x.shape for name, x in paths(adapters).items()} for adapters in read]
        for workdir, own in zip(workdirs, shapes):
            if own != shapes[0]:
                raise InputError(
                    f"has adapters of another rank or on other parameters than {workdirs[0]}",
                    file=workdir,
                    field="experts",
                )
        experts[str(number)] = jax.tree.map(lambda *x: jnp.stack(x), *read)
    return experts


def _read_one(workdir, model_fingerprint, convention, dtype):
    adapters, params, tokenizer = load_adapters(workdir)
    params = jax.tree.map(lambda x: x.astype(dtype), params)
    if frozen_fingerprint(params) != model_fingerprint:
        raise InputError(
            "adapts another model than the mixture's",
            file=workdir,
            field="experts",
            remedy="train all experts on the model that config.model names",
        )
    if tokenizer.convention != convention:
        raise InputError(
            f"was trained on steps marked otherwise, by {tokenizer.convention.name!r}",
            file=workdir,
            field="experts",
            remedy="set data.convention to the same in all runs",
        )
    return adapters
