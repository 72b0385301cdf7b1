"""Where programs are kept: by kind of processor, and wherever jax was told."""

from pathlib import Path

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


def test_programs_are_not_taken_from_where_others_may_write(
    settings, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("PRM_JAX_CACHE", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", None)
    compilation.keep_programs()
    place = Path(jax.config.jax_compilation_cache_dir)
    assert place.stat().st_mode & 0o777 == 0o700
    for others in (0o720, 0o702):
        place.chmod(others)
        jax.config.update("jax_compilation_cache_dir", None)
        compilation.keep_programs()
        assert jax.config.jax_compilation_cache_dir is None
    assert "others may write here" in caplog.text
