"""Commands that are killed end where those that are never disturbed end."""

import os

import pytest

from prm_jax.errors import InputError
from prm_jax.progress import Progress
from prm_jax.soak.commands import Converting
from prm_jax.soak.plan import PHASES, plan
from prm_jax.soak.run import soak
from prm_jax.soak.work import SMOKE, Scoring, Training, appeared, grown


def test_a_plan_has_all_kills_and_the_last_phases_last():
    kills = plan(600, seed=3)
    assert [kill.number for kill in kills] == list(range(600)) and kills == plan(600, seed=3)
    assert kills != plan(600, seed=4)
    phases = {work: [kill.phase for kill in kills if kill.work == work] for work in PHASES}
    assert [len(of) for of in phases.values()] == [180, 120, 90, 60, 60, 90]
    for work, of in phases.items():
        *_, last = PHASES[work]
        n_last = of.count(last)
        assert set(of) == set(PHASES[work]) and abs(n_last - PHASES[work][last] * len(of)) < 1
        assert of[-n_last:] == [last] * n_last
    works = [kill.work for kill in kills]
    assert works == sorted(works, key=list(PHASES).index)


def test_only_what_a_new_process_writes_is_a_sign_of_it(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("one\ntwo\n")
    (tmp_path / ".export.old").mkdir()
    lines, export = grown(path), appeared(tmp_path, ".export.*", but=(".export.not",))
    with path.open("a") as file:
        file.write("three\n")  # by a process that is not quite dead
    (tmp_path / ".export.not-this").mkdir()
    assert not lines() and not export()
    (tmp_path / "new").write_text("one\n")
    os.replace(tmp_path / "new", path)
    assert not lines()
    with path.open("a") as file:
        file.write("two\n")
    (tmp_path / ".export.new").mkdir()
    assert lines() and export()


@pytest.mark.slow
def test_killed_at_random_moments_they_end_bit_for_bit_like_those_never_disturbed(
    tmp_path, monkeypatch
):
    seed = int.from_bytes(os.urandom(3), "big")
    kills = 7  # of every work
    # One device: less to compile.
    monkeypatch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"].replace("count=8", "count=1"))
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    with Progress("kills", show=False) as show:
        found = soak(tmp_path, kills, seed=seed, smoke=True, show=show)["figures"]
    assert found["kills"] == kills, seed
    assert [sum(counts.values()) for counts in found["kills_by_phase"].values()] == [
        2,
        1,
        1,
        1,
        1,
        1,
    ]
    for name in ("parameters", "metrics", "scores", "calibrate", "evaluate", "convert", "study"):
        assert found[name] == "equal bit by bit", (name, seed)
    with Progress("kills", show=False) as show:  # nothing is left to do
        assert soak(tmp_path, kills, seed=seed, smoke=True, show=show)["figures"] == found

    damaged = max((tmp_path / "train-0/checkpoints").iterdir()) / "params/manifest.ocdbt"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(InputError, match="is damaged: params/manifest.ocdbt has"):
        Training(tmp_path, "train-0", SMOKE).look()
    output = tmp_path / "score-0.jsonl"
    rows = output.read_text().splitlines(keepends=True)
    output.write_text("".join([*rows[:5], rows[4], *rows[6:]]))
    with pytest.raises(InputError, match="lost, doubled or moved"):
        Scoring(tmp_path, "score-0", SMOKE).compare()
    output = tmp_path / "convert-0.jsonl"
    output.write_bytes(output.read_bytes()[:-1])
    with pytest.raises(InputError, match="differs from the undisturbed one"):
        Converting(tmp_path, "convert-0", SMOKE).look()
