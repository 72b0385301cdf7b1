"""Counting the programs that XLA is asked to compile."""

import contextlib
import dataclasses

import jax

COMPILED = "/jax/core/compile/backend_compile_duration"
"""What jax reports of each program, one that comes from the persistent cache included."""


@dataclasses.dataclass
class Compilations:
    """Programs that were compiled, and the seconds it took."""

    count: int = 0
    seconds: float = 0.0


@contextlib.contextmanager
def counted():
    """Counts what is compiled inside the block.

    Yields:
        `Compilations`, which grows while the block runs.
    """
    found = Compilations()

    def listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
        if event == COMPILED:
            found.count += 1
            found.seconds += duration_secs

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
