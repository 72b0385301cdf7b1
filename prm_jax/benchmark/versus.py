"""One of our ways against the padded recipe, on the same token ids and in turn."""

import importlib.util
import statistics
from contextlib import ExitStack

from prm_jax.benchmark import flops
from prm_jax.benchmark.padded_recipe import BATCH, PaddedRecipe
from prm_jax.benchmark.pairs import in_turn, median_ratio
from prm_jax.progress import Progress
from prm_jax.workers import working

NEEDED = ("torch", "transformers")


def compared(way, method: str, *, n_runs: int, apart: bool, progress: Progress) -> dict:
    """Runs both ways in turn, or ours alone where PyTorch and transformers are not installed.

    Args:
        way: one of `ours`, as `workers.working` gives it.
        method: 'score' or 'train'.
        n_runs: times each runs after the first.
        apart: whether the other way gets a process of its own.
        progress: shows the runs.

    Returns:
        The solutions; of each way medians and peak memory, of ours the first run; the seconds of
        each pair, the median of their ratios, and the share of the recipe's memory that ours takes.
    """
    what = way.call("describe")
    encoded, config = what["encoded"], what["config"]
    sizes = [len(item.tokens) for item in encoded]
    n_steps = sum(len(item.step_positions) for item in encoded)
    work = flops.forward(config, sizes, n_steps=n_steps)
    work = work * flops.TRAINING if method == "train" else work
    with ExitStack() as closing:
        progress.say("first run of ours")
        first, compile_seconds, programs = way.call(f"{method}_first")
        ways = {"ours": lambda: way.call(method)}
        other = None
        if all(importlib.util.find_spec(name) for name in NEEDED):
            made_of = (PaddedRecipe, config, what["dtype"], encoded)
            other = closing.enter_context(working(*made_of, apart=apart))
            ways["padded_recipe"] = lambda: other.call(method)
            progress.say("first batch of the padded recipe")
            other.call("warm_up", method)
        progress.begin("pairs")
        seconds = in_turn(ways, n_runs, progress)
        memory = way.call("peak_memory_gib")
        figures: dict = {
            "model": what["model"],
            "dtype": what["dtype"],
            "solutions": _lengths(sizes) | {"steps": n_steps},
            "ours": {
                **_speed(seconds["ours"], sum(sizes), memory),
                "first_seconds": round(first, 2),
                "compile_seconds": round(compile_seconds, 2),
                "programs_compiled": programs,
                "flops": work.flops,
                **way.call("reached", work, statistics.median(seconds["ours"])),
                "device_memory_gib": way.call("device_memory_gib"),
            },
        }
        if other is None:
            return figures
        theirs, its_memory = seconds["padded_recipe"], other.call("peak_memory_gib")
        return figures | {
            "padded_recipe": {
                **_speed(theirs, sum(sizes), its_memory),
                "batch": BATCH,
                "padded_tokens": other.call("padded_tokens"),
            },
            "speedup": median_ratio(theirs, seconds["ours"]),
            "share_of_its_memory": round(memory / its_memory, 3),
        }


def add_share(of_ours: dict, measured: dict) -> None:
    """Adds the share of the matmul limit that our way reaches on the solutions, padding a loss.

    Args:
        of_ours: 'ours' of what `compared` gives.
        measured: as `roofline.measure` gives it, of the same process.
    """
    limit = of_ours["flops"] * measured["seconds_of_a_flop"]
    of_ours["share_of_matmul_limit"] = round(limit / of_ours["seconds"], 3)


def _lengths(sizes):
    return {
        "number": len(sizes),
        "tokens": sum(sizes),
        "mean_tokens": round(statistics.mean(sizes), 1),
        "shortest": min(sizes),
        "longest": max(sizes),
    }


def _speed(seconds, n_tokens, memory):
    median = statistics.median(seconds)
    return {
        "seconds": round(median, 4),
        "tokens_per_second": round(n_tokens / median, 1),
        "all_seconds": [round(value, 4) for value in seconds],
        "peak_memory_gib": round(memory, 3),
    }
