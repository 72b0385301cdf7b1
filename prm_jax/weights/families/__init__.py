"""Model families: one record each, in the file of its lineage. A new one is a line here."""

from prm_jax.weights.families import gemma, llama, olmo, phi, qwen, qwen3_5

FAMILIES = {
    family.name: family
    for family in (
        llama.LLAMA,
        llama.MISTRAL,
        qwen.QWEN2,
        qwen.QWEN3,
        qwen.QWEN3_MOE,
        qwen3_5.QWEN3_5,
        gemma.GEMMA2,
        gemma.GEMMA3,
        phi.PHI3,
        olmo.OLMO2,
        olmo.OLMO3,
    )
}
BY_MODEL_TYPE = {kind: family for family in FAMILIES.values() for kind in family.model_types}
BY_GGUF = {
    family.gguf.architecture: (family, family.gguf) for family in FAMILIES.values() if family.gguf
}

__all__ = ["BY_GGUF", "BY_MODEL_TYPE", "FAMILIES"]
