"""Files are written whole or not at all, also where there is no room for them."""

import contextlib
import os
import resource

import pytest

from prm_jax.errors import InputError
from prm_jax.files import LineFile, atomic_write, check_writable, no_room, room_for

FULL = "/dev/full"  # every write to it fails as on a full disk


@contextlib.contextmanager
def files_of_at_most(size):
    """No file can grow beyond `size` bytes in the block."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_lines_that_do_not_fit_leave_the_file_as_it_was(tmp_path):
    path = tmp_path / "lines.jsonl"
    file = LineFile(path)
    file.append(["one\n", "two\n"], sync=True)
    with files_of_at_most(12), pytest.raises(InputError) as caught:
        file.append(["three\n", "four\n"])  # part of which would fit
    assert path.read_text() == "one\ntwo\n"
    for words in (str(path), "cannot be written: file too large", "are free", "make room"):
        assert words in str(caught.value)
    file.append(["three\n"])
    file.close()
    assert path.read_text() == "one\ntwo\nthree\n"


@pytest.mark.skipif(not os.path.exists(FULL), reason="there is no /dev/full")
def test_a_full_disk_is_named_and_closing_afterwards_is_silent():
    file = LineFile(FULL)
    with pytest.raises(InputError, match=f"{FULL}: cannot be written: no space left on device"):
        file.append(["a line\n"])
    file.close()


def test_a_file_that_does_not_fit_leaves_the_earlier_one_and_nothing_beside_it(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("before")
    with files_of_at_most(100), pytest.raises(InputError, match="file too large"):
        with atomic_write(path) as file:
            file.write("x" * 101)
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["result.json"]


def test_missing_room_is_found_behind_other_errors_and_what_is_needed_is_said(tmp_path):
    with pytest.raises(InputError, match=r"it takes 2\.5 MB, .* are free"):
        with room_for(tmp_path / "x" / "y", needed=2_500_000):
            try:
                raise OSError(28, "No space left on device")
            except OSError as error:
                raise RuntimeError("the writer failed") from error
    assert no_room(ValueError("tensor store: No space left on device [28]"))
    assert not no_room(PermissionError(13, "Permission denied"))
    with pytest.raises(KeyError), room_for(tmp_path):
        raise KeyError("another error stays what it is")


def test_whether_a_file_can_be_written_is_found_without_making_anything(tmp_path):
    check_writable(tmp_path / "a" / "b" / "c.json", make=False)
    assert not os.listdir(tmp_path)
    (tmp_path / "file").write_text("")
    for make in (False, True):
        with pytest.raises(InputError, match="cannot be written"):
            check_writable(tmp_path / "file" / "c.json", make=make)
    with pytest.raises(InputError, match="cannot be written"):
        check_writable("/proc/prm_jax/c.json", make=False)
