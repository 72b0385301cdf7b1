"""Where programs are kept, and how long the first results of them took."""

import types
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


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where programs are kept, and with them seconds; time passes by hand: `place.now`."""
    kept = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    clock = types.SimpleNamespace(now=0.0, directory=tmp_path)
    time = types.SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr(compilation, "time", time)
    yield clock
    jax.config.update("jax_compilation_cache_dir", kept)


def first_result(clock, seconds, **about):
    """What is said before a first result that takes so long."""
    said = []
    show = types.SimpleNamespace(wait=lambda what, usual, *_: said.append(usual))
    waiting = compilation.FirstResult(show, about)
    waiting.wait()
    clock.now += seconds
    waiting.came()
    return said


def test_the_seconds_of_a_first_result_are_said_before_the_next_of_the_same_program(place):
    assert first_result(place, 200, rows=8) == [compilation.NOT_KNOWN]
    assert first_result(place, 20, rows=8) == ["took 00:03:20 the last time"]
    assert first_result(place, 20, rows=8) == ["took 00:00:20 the last time"]
    assert first_result(place, 20, rows=9) == [compilation.NOT_KNOWN]


@pytest.mark.parametrize("text", ["", "[]", '{"a": null}', "\0", "7"])
def test_damaged_seconds_are_no_failure(place, text):
    first_result(place, 200, rows=8)
    (place.directory / compilation.SECONDS).write_text(text)
    assert first_result(place, 30, rows=8) == [compilation.NOT_KNOWN]
    assert first_result(place, 30, rows=8) == ["took 00:00:30 the last time"]


def test_where_no_programs_are_kept_no_seconds_are(place):
    jax.config.update("jax_compilation_cache_dir", None)
    for _ in range(2):
        assert first_result(place, 200, rows=8) == [compilation.NOT_KNOWN]


def test_the_clock_gives_way_to_a_count_after_the_first_pieces(place):
    calls = []
    show = types.SimpleNamespace(
        wait=lambda what, usual, *of: calls.append(("wait", *of)),
        begin=lambda *of: calls.append(("begin", *of)),
        update=lambda *of: calls.append(("update", *of)),
    )
    update = compilation.counted_from_first(show, "scoring", {})
    for done in (4, 6, 8):
        update(done, 8)
    assert calls == [("wait", 8, 4), ("begin", "scoring", 8, 4), ("update", 6, 8), ("update", 8, 8)]
