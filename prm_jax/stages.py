"""Which stages of a run are finished, so that the same command does none of them twice."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.files import check_writable, write_json
from prm_jax.json_files import read_json

RECORD = "stages.json"


class Stages:
    """The finished stages of a workdir, kept in its `stages.json`.

    A stage is finished as long as it would be made from the same and its files are as it left them.
    A damaged or missing record only means that everything is done again.

    Args:
        workdir: directory of the run.
    """

    def __init__(self, workdir):
        self._workdir = Path(workdir)
        self._record: dict = {}
        with contextlib.suppress(OSError, InputError):
            self._record = read_json(self._workdir / RECORD)
        if not self._record:  # shows whose workdir it is
            check_writable(self._workdir / RECORD)
            write_json(self._workdir / RECORD, {})

    def run(
        self,
        name: str,
        made_from: Mapping,
        files: Callable[[], Iterable[Path]],
        work: Callable[[], object],
    ) -> bool:
        """Does the work of a stage unless it is finished.

        Args:
            name: of the stage.
            made_from: all that its result depends on, as JSON has it.
            files: gives the files of its result, once they are there.
            work: makes them.

        Returns:
            Whether the work was done.
        """
        kept = self._record.get(name)
        if isinstance(kept, dict) and kept.get("made_from") == made_from:
            if kept.get("files") and all(_fact(path) == of for path, of in kept["files"].items()):
                return False
        work()
        facts = {str(path): _fact(path) for path in files()}
        self._record[name] = {"made_from": made_from, "files": facts}
        write_json(self._workdir / RECORD, self._record)
        return True


def _fact(path):
    """Size and time of change of a file, None if it is not there."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
