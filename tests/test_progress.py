import threading

import pytest

from prm_jax.progress import Progress, clock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00"), (59.6, "00:01:00"), (86_399, "23:59:59"), (86_400, "24:00:00")]
    + [(360_000 + 61, "100:01:01")],
)
def test_a_day_and_more_are_hours(seconds, text):
    assert clock(seconds) == text


def test_without_a_terminal_it_prints_the_first_and_the_last_line(capsys):
    with Progress("scoring") as bar:
        for done in range(5):
            bar.update(done, total=4, numbers="loss 0.1")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "scoring 0/4  loss 0.1"
    assert lines[1].startswith("scoring 4/4  loss 0.1  left 00:00:0")
    assert len(lines) == 2


def test_the_time_left_counts_only_what_this_run_has_done(capsys, monkeypatch):
    clock = iter((0.0, 100.0, 110.0))
    monkeypatch.setattr("prm_jax.progress.time.monotonic", lambda: next(clock))
    bar = Progress("loading")
    bar.begin("training", total=100, first=90)
    bar.update(95)
    assert "training 95/100  left 00:00:10" in capsys.readouterr().err


def test_it_can_be_silent(capsys):
    bar = Progress("scoring", total=1, show=False)
    bar.update(1)
    bar.say("text")
    assert capsys.readouterr().err == ""


def test_waiting_says_how_long_it_may_take_and_has_taken_until_the_next_part(capsys, monkeypatch):
    monkeypatch.setattr("prm_jax.progress.CLOCK_INTERVAL", 0.01)
    with Progress("loading") as bar:
        bar.wait("compiling", "took 00:03:20 the last time", total=4)
        (waiting,) = [t for t in threading.enumerate() if t.name == "compiling"]
        waiting.join(0.05)
        bar.begin("training", 4, 1)
        waiting.join(10)
    assert not waiting.is_alive()
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "compiling: took 00:03:20 the last time"
    assert others and set(others) == {"compiling 00:00:00"}


def test_waiting_in_silence_prints_nothing(capsys):
    bar = Progress("loading", show=False)
    bar.wait("compiling", "took 00:03:20 the last time")
    bar.close()
    assert capsys.readouterr().err == ""
