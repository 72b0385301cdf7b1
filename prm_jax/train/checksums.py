"""Whether a checkpoint is what was written: the size and CRC-32 of its files, kept beside them.

They are written into the checkpoint's temporary directory, last, before it gets its name, so that
no checkpoint of ours is without. Of several processes only the first is asked to write them. It
reads back its own share of the arrays, and of what the others wrote, which may be far larger and is
not in its memory, it notes the sizes: those files are found missing or cut, not with a bit changed.
"""

import json
import os
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from prm_jax import crc32
from prm_jax.errors import InputError
from prm_jax.files import write_json
from prm_jax.json_files import read_json

CHECKSUMS = "checksums.json"
METADATA = "_CHECKPOINT_METADATA"
# Written again when the directory gets its name.
NOT_SUMMED = frozenset({CHECKSUMS, METADATA, "commit_success.txt"})
OF_ANOTHER = re.compile(r"ocdbt\.process_(?!0/)\d+/")
THREADS = 4


def write(directory) -> None:
    """Writes the sizes and checksums of the files below a directory to its `checksums.json`."""
    directory = Path(directory)
    names = sorted(
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in NOT_SUMMED
    )
    with ThreadPoolExecutor(THREADS) as pool:
        facts = pool.map(lambda name: _facts(directory, name), names)
        files = dict(zip(names, facts, strict=True))
    write_json(directory / CHECKSUMS, {"files": files, "crc32": _crc32_of_facts(files)})


def damage(directory, items=None) -> str:
    """What is wrong with a checkpoint, '' if nothing is found.

    One without `checksums.json`, of an earlier version of this library, is only looked into for
    what every checkpoint has.

    Args:
        directory: of the checkpoint.
        items: directories in it that count; None is all.
    """
    directory = Path(directory)
    try:
        read_json(directory / METADATA)
    except InputError:
        lost = not os.path.lexists(directory / METADATA)
        return f"{METADATA} is {'missing' if lost else 'not what was written'}"
    if not os.path.lexists(directory / CHECKSUMS):
        missing = [name for name in ("params", "run") if not (directory / name).is_dir()]
        return f"{missing[0]} is missing" if missing else ""
    try:
        written = read_json(directory / CHECKSUMS, {"files": dict, "crc32": str})
        files = written["files"]
        whole = written["crc32"] == _crc32_of_facts(files)
    except InputError:
        whole = False
    if not whole:
        return f"{CHECKSUMS} is not what was written"
    wanted = {n: f for n, f in files.items() if items is None or n.split("/")[0] in items}
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(
            lambda name: crc32.difference(directory / name, wanted[name], name), wanted
        )
        return next(filter(None, found), "")


def _facts(directory, name):
    if OF_ANOTHER.search(name):
        return {"bytes": (directory / name).stat().st_size}
    return crc32.facts(directory / name)


def _crc32_of_facts(files):
    return f"{zlib.crc32(json.dumps(files, sort_keys=True).encode()):08x}"
