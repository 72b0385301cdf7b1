"""Where programs are kept: by kind of processor, and wherever jax was told."""

import jax
import pytest

from prm_jax import compilation


@pytest.fixture
def settings():
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_programs_are_kept_in_the_users_cache_unless_another_place_is_named(
    settings, tmp_path, monkeypatch
):
    monkeypatch.setenv("PRM_JAX_CACHE", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", "elsewhere")
    compilation.keep_programs()
    assert jax.config.jax_compilation_cache_dir == "elsewhere"
    jax.config.update("jax_compilation_cache_dir", None)
    compilation.keep_programs()
    place = jax.config.jax_compilation_cache_dir
    assert place.startswith(str(tmp_path / "xla"))
    monkeypatch.setattr(compilation, "_kind_of_machine", lambda: "other")
    jax.config.update("jax_compilation_cache_dir", None)
    compilation.keep_programs()
    assert jax.config.jax_compilation_cache_dir not in (place, None)
