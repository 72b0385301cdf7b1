"""Downloads that go on where they were cut off.

What has arrived lies in PATH.part, and what the server said of the file in PATH.part.json. A later
call asks for the rest (HTTP Range), and starts again where the server sends the whole or has
another file by now.
"""

import contextlib
import fcntl
import http.client
import json
import os
import urllib.error
import urllib.request
from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.files import write_json
from prm_jax.progress import Progress

BLOCK_BYTES = 1 << 16
TIMEOUT_SECONDS = 30.0


@contextlib.contextmanager
def download(url, path, size):
    """Brings a file of known size; a connection that breaks is opened again while bytes come.

    Args:
        url: of the file, http or https.
        path: the name that the file is to have, in a directory that exists; nothing is written
            there.
        size: in bytes.

    Yields:
        Path of the complete PATH.part, for the caller to verify and rename. It is removed if the
        block raises `InputError`.

    Raises:
        InputError: the server cannot be reached, breaks off without a new byte, or has a file of
            another size; or another process is at it.
    """
    part = Path(f"{path}.part")
    with open(part, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError("another process is downloading it", file=path) from error
        _complete(url, file, size)
        try:
            yield part
        except InputError:
            part.unlink(missing_ok=True)
            raise
        finally:
            _record(part).unlink(missing_ok=True)


def _complete(url, file, size):
    part = Path(file.name)
    if _length(file) > size:
        file.truncate(0)
    with Progress(f"fetching {part.stem}", total=size) as bar:
        bar.begin(f"fetching {part.stem}", size, first=_length(file))
        while (most := _length(file)) < size:
            try:
                _receive(url, file, size, bar)
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", None) or error
                code = f"{error.code} " if isinstance(error, urllib.error.HTTPError) else ""
                problem = f"{url} gave no more bytes: {code}{reason}"
            else:
                problem = f"{url} broke off after {_length(file)} of {size} bytes"
            if _length(file) <= most:
                raise InputError(problem, remedy="run it again to go on from there")


def _receive(url, file, size, bar):
    """One connection: appends what comes, from the beginning where the server cannot continue."""
    part = Path(file.name)
    offset = _length(file)
    with _open(url, offset, _tag(part)) as response:
        if response.status != http.client.PARTIAL_CONTENT:
            offset = 0
        length = response.headers.get("Content-Length", str(size - offset))
        announced = offset + int(length) if length.isdecimal() else repr(length)
        if announced != size:
            raise InputError(
                f"{url} has {announced} bytes, not the recorded {size}: nothing was kept of it",
                remedy="the file was changed, or a page of the network stands in for it",
            )
        if not offset:
            file.truncate(0)
            write_json(_record(part), {"tag": _server_tag(response)})
        while block := response.read(BLOCK_BYTES):
            if offset + len(block) > size:
                file.truncate(0)
                raise InputError(f"{url} has more than the recorded {size} bytes")
            file.write(block)
            file.flush()
            offset += len(block)
            bar.update(offset, numbers=f"{offset / 1e6:.1f} of {size / 1e6:.1f} MB")


def _open(url, offset, tag):
    """The response that holds the bytes from `offset` on, or all of them."""
    if offset:
        request = urllib.request.Request(url, headers={"Range": f"bytes={offset}-"})
        try:
            response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
        else:
            begins = response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
            continued = begins and _server_tag(response) == tag
            if response.status != http.client.PARTIAL_CONTENT or continued:
                return response
            response.close()
    return urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS)


def _server_tag(response):
    """What changes when the file does, as far as the server says."""
    return response.headers.get("ETag") or response.headers.get("Last-Modified")


def _record(part):
    return Path(f"{part}.json")


def _tag(part):
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return json.loads(_record(part).read_text("utf-8")).get("tag")
    return None


def _length(file):
    return os.fstat(file.fileno()).st_size
