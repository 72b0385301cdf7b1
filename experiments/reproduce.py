"""Tests the claims of papers on small models and writes what came of it.

python -m experiments.reproduce                      # lists the studies
python -m experiments.reproduce NAME                 # runs one, writes results/NAME.json
python -m experiments.reproduce NAME --smoke         # only shows that it runs
python -m experiments.reproduce NAME --config.training.updates=300 --output=other.json
python -m experiments.reproduce --document           # docs/reproductions.md from results/
python -m experiments.reproduce NAME --remark="..."  # what a reader of its result should know
"""

import os
import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from prm_jax import cli, config_files
from prm_jax.errors import InputError

ROOT = Path(__file__).resolve().parents[1]


def own_config():
    """The configuration of the study that NAME, the first of the flags, says."""
    file = ROOT / "configs" / "reproduce" / f"{STUDY.value}.py"
    return config_files.read(str(file)) if file.exists() else ConfigDict()


STUDY = flags.DEFINE_string("study", "", "Set by NAME.")
CONFIG = config_files.define(own_config, open=("",))
SMOKE = flags.DEFINE_bool("smoke", False, "Small sizes and two seeds; no result.")
SEEDS = flags.DEFINE_integer("seeds", None, "Number of seeds; 5, or 2 of a smoke run.", 1, 10**4)
PROCESSES = flags.DEFINE_integer(
    "processes",
    None,
    "That share the seeds; default: one a core, or one on an accelerator.",
    lower_bound=1,
    upper_bound=1000,
)
OUTPUT = flags.DEFINE_string("output", "", "Result file; results/NAME.json, none of a smoke run.")
REMARK = flags.DEFINE_string("remark", "", "Put this into results/NAME.json and run nothing.")
DOCUMENT = flags.DEFINE_bool("document", False, "Write docs/reproductions.md.")


def main(_):
    """Lists, runs or documents."""
    from prm_jax.files import check_writable, write_json
    from prm_jax.reproduce import document, studies, study

    if DOCUMENT.value:
        document.write(ROOT / "results", ROOT / "docs" / "reproductions.md")
    elif not STUDY.value:
        for name, claim in studies.STUDIES.items():
            print(f"{name:24} {claim}")
    elif REMARK.value:
        document.add_remark(ROOT / "results" / f"{STUDY.value}.json", REMARK.value)
    else:
        chosen, smoke = studies.load(STUDY.value), SMOKE.value
        if CONFIG.value is None:
            raise InputError(
                "no configuration", field="study", remedy="give its name without a flag"
            )
        output = OUTPUT.value or (None if smoke else ROOT / "results" / f"{STUDY.value}.json")
        if output:
            check_writable(output)
        seeds = range(SEEDS.value or (2 if smoke else study.FEWEST_SEEDS))
        left_out = ("--study=", "--config=", "--output=")  # say nothing of what is done
        given = [flag for flag in sys.argv[1:] if not flag.startswith(left_out)]
        command = " ".join(["python -m experiments.reproduce", STUDY.value, *given])
        result = study.run_study(
            STUDY.value,
            chosen,
            CONFIG.value,
            seeds,
            smoke=smoke,
            command=command,
            processes=PROCESSES.value or processes(),
        )
        if output:
            write_json(output, result)
        print(document.summary(result))


def processes():
    """How many there are by default."""
    import jax

    return len(os.sched_getaffinity(0)) if jax.default_backend() == "cpu" else 1


def command_line(arguments):
    """The flags that `NAME --smoke` stands for: the study and its configuration file."""
    if not arguments or arguments[0].startswith("-"):
        return arguments
    name, *rest = arguments
    file = ROOT / "configs" / "reproduce" / f"{name}.py"
    size = ":smoke" if "--smoke" in rest else ""
    config = [f"--config={file}{size}"] if file.exists() else []
    return [f"--study={name}", *config, *rest]


if __name__ == "__main__":
    command, *given = sys.argv
    sys.argv = [command, *command_line(given)]
    cli.run(main)
