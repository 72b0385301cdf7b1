"""Starts a training on a TPU pod, a Kubernetes or Slurm cluster, or the GPUs of this machine.

    python -m experiments.launch --target=slurm --nodes=2 --gpus_per_node=8 --time=24:00:00 -- \
        .venv/bin/python -m experiments.train --config=configs/smollm2_135m_prm.py \
        --workdir=runs/mine --config.data.train=solutions.jsonl --distributed

What follows -- is the command to run. Nothing is started: the file that would be written and the
commands are printed. --nodry_run writes the file and starts it. docs/launch.md has an example of
each target.
"""

import sys

from absl import flags

from prm_jax import cli

PLACES = ["tpu", "gke", "slurm", "gpu"]
TARGET = flags.DEFINE_enum("target", None, PLACES, "Where to run.", required=True)
DRY_RUN = flags.DEFINE_bool("dry_run", True, "Print what would be done, and do nothing.")
FILES = flags.DEFINE_string("files", "runs/launch", "Gets a directory NAME with what is written.")
OPTIONS = [
    flags.DEFINE_string("name", None, "Of the job: small letters, digits and -."),
    flags.DEFINE_string("image", None, "tpu, gke: container image, see Dockerfile."),
    flags.DEFINE_string("accelerator", None, "tpu: v5litepod-32, ...; gke: tpu-v5-lite-podslice."),
    flags.DEFINE_bool("spot", None, "tpu, gke: cheaper hosts that may be taken away."),
    flags.DEFINE_integer("restarts", None, "tpu, gke: attempts after failures."),
    flags.DEFINE_string("service_account", None, "tpu, gke: account of the hosts or pods."),
    flags.DEFINE_string("project", None, "tpu: Google Cloud project."),
    flags.DEFINE_string("zone", None, "tpu: zone that has the TPUs."),
    flags.DEFINE_string("nfs", None, "tpu: HOST:/EXPORT to mount at /shared."),
    flags.DEFINE_string("runtime_version", None, "tpu: software of the hosts."),
    flags.DEFINE_string("topology", None, "gke: chips of a slice, such as 4x4."),
    flags.DEFINE_integer("chips_per_node", None, "gke: TPU chips of a host."),
    flags.DEFINE_string("claim", None, "gke: PersistentVolumeClaim to mount at /shared."),
    flags.DEFINE_string("namespace", None, "gke: namespace of the cluster."),
    flags.DEFINE_integer("nodes", None, "slurm: number of nodes."),
    flags.DEFINE_integer("gpus_per_node", None, "slurm: GPUs of a node, one process each."),
    flags.DEFINE_integer("cpus_per_task", None, "slurm: cores of a process."),
    flags.DEFINE_string("time", None, "slurm: time limit, such as 24:00:00."),
    flags.DEFINE_string("partition", None, "slurm: partition."),
    flags.DEFINE_string("account", None, "slurm: account that pays."),
    flags.DEFINE_integer("save_seconds", None, "slurm: time to save in before the limit."),
    flags.DEFINE_string("setup", None, "slurm: shell line that is run first."),
    flags.DEFINE_string("gpus", None, "gpu: numbers of the GPUs, such as 0,1."),
]


def main(command):
    """Prints a plan, or writes its file and becomes its command."""
    import os
    import shutil
    from pathlib import Path

    from prm_jax.errors import InputError
    from prm_jax.files import atomic_write
    from prm_jax.launch import make_target

    given = {option.name: option.value for option in OPTIONS if option.value is not None}
    target = make_target(TARGET.value, given)
    plan = target.plan(command, Path(FILES.value) / target.name)
    if DRY_RUN.value:
        print(plan.shown())
        print("# a dry run: nothing was written or started; --nodry_run does it")
        return
    program = plan.command[0]
    if shutil.which(program) is None:
        raise InputError(
            f"there is no program {program} here", remedy="install it, or look at a dry run"
        )
    with atomic_write(plan.path) as file:
        file.write(plan.text)
    print(f"# {plan.path} is written\n{plan.commands()}", flush=True)
    os.execvp(program, plan.command)


def split(argv):
    """Parts `argv` at its first --: flags of this command, and the command to run."""
    end = argv.index("--") if "--" in argv else len(argv)
    return argv[:end], argv[end + 1 :]


if __name__ == "__main__":
    sys.argv, to_run = split(sys.argv)
    cli.run(lambda _: main(to_run))
