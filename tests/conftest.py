"""Eight fake devices and one compilation cache for all tests, set before jax is imported."""

import os
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / "prm_jax_test_cache")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")


@pytest.fixture
def quick_compilation():
    """XLA without its costly optimisations: for tests whose time is mostly compilation.

    What was compiled so is forgotten afterwards: it can differ in the last bit.
    """
    import jax  # after the variables above are set

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()


@pytest.fixture(scope="session")
def smollm2_gguf():
    """SmolLM2's GGUF file, wherever it is on this machine."""
    from prm_jax.errors import InputError
    from prm_jax.weights import artifacts

    patch = pytest.MonkeyPatch()
    patch.setattr(artifacts, "hub_directory", lambda repository: None)
    try:
        found = artifacts.locate("smollm2-135m")
    except InputError:
        pytest.skip("the weights of smollm2-135m are not here")
    finally:
        patch.undo()
    if found.suffix != ".gguf":
        pytest.skip("another file stands in for the GGUF one")
    return found
