"""Devices that are not there: fake CPU devices, and TPU slices that can only be compiled for."""

import os

from prm_jax.errors import InputError

TPU_SLICES = {
    "v5e": {8: "2x4", 64: "8x8", 256: "16x16"},
    "v6e": {8: "2x4", 64: "8x8", 256: "16x16"},
    "v5p": {8: "2x2x2", 64: "4x4x4", 256: "4x8x8"},
}
"""Chips of a slice by their number, for the TPU generations that a program can be compiled for."""
KINDS = ("cpu", *TPU_SLICES)


def prepare(kind: str, count: int) -> None:
    """Prepares this process for `make_devices`, before it has asked jax for a device.

    Args:
        kind: one of `KINDS`.
        count: number of devices.
    """
    import jax

    jax.config.update("jax_platforms", "cpu")
    if kind == "cpu":
        jax.config.update("jax_num_cpu_devices", count)
        return
    # Without these libtpu asks the cloud what machine it is on, and waits for the answer.
    os.environ["TPU_SKIP_MDS_QUERY"] = "1"
    os.environ["TPU_WORKER_HOSTNAMES"] = "localhost"
    os.environ["TPU_WORKER_ID"] = "0"


def make_devices(kind: str, count: int) -> list:
    """The devices.

    Args:
        kind: 'cpu', or a TPU generation; that needs the package libtpu, and no TPU.
        count: how many; of TPUs 8, 64 or 256.

    Raises:
        InputError: unknown kind, no slice of that size, or no libtpu.
    """
    import jax
    from jax.experimental import topologies

    if kind == "cpu":
        found = jax.devices("cpu")
        if len(found) < count:
            raise InputError(
                f"{count} fake devices are not there, {len(found)} are",
                field="devices",
                remedy="call prepare before anything else asks for a device",
            )
        return found[:count]
    if kind not in TPU_SLICES:
        raise InputError(
            f"unknown kind of device {kind!r}",
            field="kind",
            remedy=f"known are {', '.join(KINDS)}",
        )
    if count not in TPU_SLICES[kind]:
        raise InputError(
            f"no {kind} slice of {count} chips is known",
            field="devices",
            remedy=f"known are {', '.join(map(str, TPU_SLICES[kind]))}",
        )
    name = f"{kind}:{TPU_SLICES[kind][count]}"
    try:
        return list(topologies.get_topology_desc(name, "tpu").devices)
    except (RuntimeError, NotImplementedError, ImportError) as error:
        raise InputError(
            f"cannot compile for a TPU: {str(error).splitlines()[0]}",
            field="kind",
            remedy="install jax[tpu], or compile for fake CPU devices",
        ) from error
