"""What is launched is the command that was given, everywhere, and what cannot work is refused."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from fake_programs import FakePrograms

from prm_jax.errors import InputError
from prm_jax.launch import TARGETS, make_target

COMMAND = ["python", "-m", "experiments.train", "--workdir=/shared/mine", "--distributed"]
HOSTILE = [*COMMAND, 'it\'s "$HOME" $(id) $$ `id` \\ *', "", "two\nlines", "--x={'a': [1]}"]
OPTIONS = {
    "tpu": {
        "project": "p",
        "zone": "europe-west4-b",
        "accelerator": "v5litepod-32",
        "image": "europe-docker.pkg.dev/p/r/prm_jax:1",
        "nfs": "10.0.0.2:/share",
    },
    "gke": {
        "accelerator": "tpu-v6e-slice",
        "topology": "4x8",
        "image": "registry/prm_jax:1",
        "claim": "shared",
    },
    "slurm": {"nodes": 2, "gpus_per_node": 8, "time": "24:00:00"},
    "gpu": {"gpus": "0,1"},
}
# What `gcloud compute tpus queued-resources create --help` lists.
GCLOUD_FLAGS = set(
    "zone project runtime-version accelerator-type topology type node-id node-count node-prefix "
    "async boot-disk data-disk description guaranteed internal-ips labels metadata "
    "metadata-from-file network range reserved scopes service-account shielded-secure-boot spot "
    "subnetwork tags valid-after-duration valid-after-time valid-until-duration "
    "valid-until-time".split()
)


def plan(name, command=COMMAND, **changes):
    if name == "gpu":
        command = [word for word in command if word != "--distributed"]
    target = make_target(name, {**OPTIONS[name], **changes})
    return target.plan(command, Path("runs/launch") / target.name)


@pytest.fixture
def programs(tmp_path):
    return FakePrograms(tmp_path)


def test_every_target_is_tested():
    assert OPTIONS.keys() == TARGETS.keys()


@pytest.mark.parametrize("name", ["tpu", "slurm", "gpu"])
def test_bash_reads_the_script(name):
    script = plan(name, HOSTILE).text
    assert script.startswith("#!/bin/bash\n")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("name", TARGETS)
def test_the_command_reads_the_file_that_is_written(name):
    made = plan(name)
    assert any(word.endswith(str(made.path)) for word in made.command)
    assert made.text in made.shown()


# TPU pods


def tpu_hosts(programs, *docker_codes, mounted=0):
    for name in ("mkdir", "mount", "mount.nfs", "gcloud", "sleep"):
        programs.add(name)
    programs.add("mountpoint", mounted).add("docker", *docker_codes)
    return programs


def runs_of(programs):
    return [call for call in programs.calls("docker") if call[0] == "run"]


def test_a_tpu_host_runs_the_command_word_for_word(programs):
    done = tpu_hosts(programs).run(plan("tpu", HOSTILE).text)
    assert done.returncode == 0, done.stderr
    (run,) = runs_of(programs)
    image = OPTIONS["tpu"]["image"]
    assert run[run.index(image) + 1 :] == HOSTILE
    assert "--privileged" in run and "--net=host" in run and "--volume=/shared:/shared" in run
    assert programs.calls("gcloud") == [
        ["auth", "configure-docker", "europe-docker.pkg.dev", "--quiet"]
    ]
    assert not programs.calls("mount")


def test_a_tpu_host_mounts_the_shared_file_system_once_per_boot(programs):
    assert tpu_hosts(programs, mounted=1).run(plan("tpu").text).returncode == 0
    assert programs.calls("mount") == [["-t", "nfs", "10.0.0.2:/share", "/shared"]]


@pytest.mark.parametrize(
    "codes, attempts, last",
    [([1, 143, 2, 0], 4, 0), ([1] * 9, 4, 1), ([0], 1, 0)],
    ids=["goes on after failures", "gives up", "ends"],
)
def test_a_tpu_host_tries_again_until_it_is_done(programs, codes, attempts, last):
    # Each run is preceded by the removal of the container before it.
    tpu_hosts(programs, *[exit_code for code in codes for exit_code in (0, code)])
    done = programs.run(plan("tpu", restarts=3).text)
    assert (len(runs_of(programs)), done.returncode) == (attempts, last)


def test_one_gcloud_command_asks_for_the_slice():
    one = plan("tpu").command
    assert one[:6] == ["gcloud", "compute", "tpus", "queued-resources", "create", "prm-jax"]
    assert "--node-id=prm-jax" in one and "--runtime-version=v2-alpha-tpuv5-lite" in one
    spot = plan("tpu", spot=True, service_account="me@p.iam").command
    assert "--spot" in spot and "--service-account=me@p.iam" in spot
    for word in spot[6:]:
        assert word[2:].split("=")[0] in GCLOUD_FLAGS, word


# GKE


def jobset(command=COMMAND, **changes):
    return json.loads(plan("gke", command, **changes).text)


def test_a_jobset_has_one_job_with_a_pod_a_host():
    made = jobset()
    assert (made["apiVersion"], made["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    (jobs,) = made["spec"]["replicatedJobs"]
    job = jobs["template"]["spec"]
    assert jobs["replicas"] == 1
    assert job["parallelism"] == job["completions"] == 4 * 8 // 4
    assert job["completionMode"] == "Indexed" and job["backoffLimit"] == 0
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["nodeSelector"] == {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v6e-slice",
        "cloud.google.com/gke-tpu-topology": "4x8",
    }
    (container,) = pod["containers"]
    resources = container["resources"]
    assert resources["limits"] == resources["requests"] == {"google.com/tpu": "4"}
    (mount,) = container["volumeMounts"]
    (volume,) = pod["volumes"]
    assert mount == {"name": volume["name"], "mountPath": "/shared"}
    assert volume["persistentVolumeClaim"] == {"claimName": "shared"}


def test_a_pod_runs_the_command_word_for_word():
    variables = {"HOME": "/wrong"}

    def expanded(word):  # as Kubernetes does: $$ is $, $(NAME) a variable that is there
        def value(found):
            name = found[1]
            return "$" if name is None else variables.get(name, found[0])

        return re.sub(r"\$(?:\$|\((\w+)\))", value, word)

    command = [*HOSTILE, "$(HOME)", "$$(HOME)"]
    pod = jobset(command)["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert [expanded(word) for word in pod["containers"][0]["command"]] == command


def test_a_jobset_starts_again_when_nothing_of_the_last_attempt_is_left():
    spec = jobset(restarts=7)["spec"]
    assert spec["failurePolicy"] == {"maxRestarts": 7, "restartStrategy": "BlockingRecreate"}


def test_spot_pods_ask_for_spot_nodes():
    pod = jobset(spot=True)["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert pod["nodeSelector"]["cloud.google.com/gke-spot"] == "true"
    assert pod["tolerations"][0]["key"] == "cloud.google.com/gke-spot"


# Slurm


def test_a_slurm_step_runs_the_command_word_for_word_with_a_process_a_gpu(programs):
    script = plan("slurm", HOSTILE, cpus_per_task=6, partition="gpu", account="lab").text
    done = programs.add("srun").add("scontrol").run(script, SLURM_JOB_ID="17")
    assert done.returncode == 0, done.stderr
    assert programs.calls("srun") == [["--kill-on-bad-exit=1", "--cpus-per-task=6", *HOSTILE]]
    options = re.findall(r"^#SBATCH (\S+)$", script, re.MULTILINE)
    for option in ("--nodes=2", "--ntasks-per-node=8", "--gpus-per-node=8", "--time=24:00:00"):
        assert option in options
    assert "--partition=gpu" in options and "--account=lab" in options
    assert not programs.calls("scontrol")


@pytest.mark.parametrize("code, requeued", [(143, True), (1, False), (2, False)])
def test_a_slurm_job_that_was_stopped_queues_again(programs, code, requeued):
    done = programs.add("srun", code).add("scontrol").run(plan("slurm").text, SLURM_JOB_ID="17")
    assert done.returncode == code
    assert programs.calls("scontrol") == ([["requeue", "17"]] if requeued else [])


def test_slurm_is_told_early_enough_to_save():
    assert "#SBATCH --signal=TERM@600\n" in plan("slurm", save_seconds=600).text


def test_the_setup_of_a_slurm_job_is_run_first(programs):
    programs.add("srun").add("module")
    assert programs.run(plan("slurm", setup="module load cuda").text).returncode == 0
    assert programs.calls("module") == [["load", "cuda"]]


# One machine


def test_a_gpu_box_becomes_the_command_with_the_gpus_it_is_given(programs):
    programs.add("nvidia-smi").add("python", 143)
    show = 'test "$CUDA_VISIBLE_DEVICES" = 0,1 && '
    script = plan("gpu", HOSTILE).text
    assert "\nexec python " in script  # so that signals reach it
    assert programs.run(script.replace("exec ", show + "exec ")).returncode == 143
    words = [word for word in HOSTILE if word != "--distributed"]
    assert programs.calls("python") == [words[1:]]


def test_a_gpu_box_without_a_driver_does_not_train_on_its_cpu(programs):
    programs.add("nvidia-smi", 9).add("python")
    assert programs.run(plan("gpu").text).returncode == 9
    assert not programs.calls("python")


# What is refused

ALONE = [word for word in COMMAND if word != "--distributed"]


@pytest.mark.parametrize(
    "name, command, changes, message",
    [
        ("tpu", COMMAND, {"name": "Mine"}, "no name for a job"),
        ("gke", COMMAND, {"name": "a" * 41}, "no name for a job"),
        ("tpu", [], {}, "no command to run"),
        ("tpu", ALONE, {}, "train by itself; add it"),
        ("gke", ALONE, {}, "train by itself"),
        ("slurm", ALONE, {}, "train by itself"),
        ("slurm", COMMAND, {"nodes": 1, "gpus_per_node": 1}, "leave it out"),
        ("tpu", ["x", "--distributed", "--workdir=runs/mine"], {}, "lost when it ends"),
        ("gke", ["x", "--distributed", "--workdir", "/shared/../tmp"], {}, "lost when it ends"),
        ("tpu", COMMAND, {"image": ""}, "field 'image': is empty"),
        ("tpu", COMMAND, {"image": "i; rm"}, "cannot have"),
        ("tpu", COMMAND, {"nfs": "share"}, "HOST:/EXPORT"),
        ("tpu", COMMAND, {"accelerator": "v9-8"}, "name a runtime_version"),
        ("tpu", COMMAND, {"restarts": -1}, "below 0"),
        ("gke", COMMAND, {"accelerator": "v5litepod-32"}, "known are tpu-v4-podslice"),
        ("gke", COMMAND, {"topology": "4x4x4"}, "write 2 numbers"),
        ("gke", COMMAND, {"topology": "4x0"}, "no topology"),
        ("gke", COMMAND, {"topology": "1x1"}, "not hosts of 4"),
        ("gke", COMMAND, {"topology": "2x2"}, "leave it out"),
        ("gke", COMMAND, {"restarts": -1}, "below 0"),
        ("slurm", COMMAND, {"partition": "a\n#SBATCH --x"}, "cannot have"),
        ("slurm", COMMAND, {"gpus_per_node": 0}, "below 1"),
        ("gpu", COMMAND, {"gpus": "0;1"}, "names no GPUs"),
        ("gpu", COMMAND, {"topology": "4x4"}, "does nothing with target gpu"),
    ],
)
def test_what_cannot_work_is_refused(name, command, changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        make_target(name, {**OPTIONS[name], **changes}).plan(command, Path("runs"))


def test_an_option_that_is_lacking_is_named():
    with pytest.raises(InputError, match="field 'zone': is needed with target tpu"):
        make_target("tpu", {k: v for k, v in OPTIONS["tpu"].items() if k != "zone"})


def test_a_process_alone_looks_for_no_others():
    with pytest.raises(InputError, match="leave it out"):
        make_target("gpu", {}).plan(COMMAND, Path("runs"))
