"""Eight fake devices, quick compilation and one cache of it, set before jax is imported."""

import gc
import os
import tempfile
from pathlib import Path

import pytest

# Imports make many objects that stay, and the collector looks at them again and again.
gc.set_threshold(100_000, 50, 100)
# Most of the suite's time is compilation, so kernels are compiled quickly rather than well: no
# optimisation in LLVM, and loops written out directly instead of through MLIR. What XLA does before
# it writes kernels (sharding, fusion, layouts) is what users get.
QUICK_COMPILATION = (
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)
os.environ.setdefault(
    "XLA_FLAGS", " ".join(("--xla_force_host_platform_device_count=8", *QUICK_COMPILATION))
)
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / "prm_jax_test_cache")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
# Tests run beside each other: threads of small matrix products would only wait for a core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """Slow files come first, so that no process waits at the end for one that began last."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_sessionfinish():
    """What is left goes with the process: pytest would look through all of it five times."""
    gc.freeze()


@pytest.fixture(scope="session")
def smollm2_gguf():
    """SmolLM2's GGUF file, wherever it is on this machine."""
    from prm_jax.errors import InputError
    from prm_jax.weights import artifacts

    try:
        found = artifacts.locate("smollm2-135m")
    except InputError:
        pytest.skip("the weights of smollm2-135m are not here")
    if found.suffix != ".gguf":
        pytest.skip("another file stands in for the GGUF one")
    return found
