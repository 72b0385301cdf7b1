"""Process reward models in JAX: train, score and measure them."""

__all__ = ["load_model"]


def __getattr__(name):
    # Importing the package stays cheap: jax is imported when a model is loaded.
    if name == "load_model":
        from prm_jax.weights import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
