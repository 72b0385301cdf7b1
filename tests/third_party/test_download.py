"""Downloads from a server on this machine: what is asked for, what is kept, what is said."""

import fcntl
import hashlib
import http.server
import re
import threading

import pytest

from prm_jax.errors import InputError
from prm_jax.weights import artifacts
from third_party import fetch

NAME = "tiny-data"
CONTENT = bytes(range(256)) * 1200  # several blocks


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` under every path.

    Fields:
        cut: bytes after which the next connections break, one entry each; None sends all.
        ranges: whether the rest of a file can be asked for.
        tag: the ETag; None sends none.
        status: what to answer instead of the content, such as 404.
        length: what to say instead of the content's length.
        asked, sent: path and Range header of each request; number of bytes of each answer.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cut, self.ranges = CONTENT, [], True
        self.tag, self.status, self.length = '"first"', None, None
        self.asked, self.sent = [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/train.jsonl"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        if server.status:
            self.send_error(server.status)
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        first = int(asked[1]) if asked and server.ranges else 0
        body, size = server.content[first:], len(server.content)
        if first >= size:
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        self.send_header("Content-Length", server.length or str(len(body)))
        if server.tag:
            self.send_header("ETag", server.tag)
        self.end_headers()
        cut = server.cut.pop(0) if server.cut else None
        server.sent.append(len(body[:cut]))
        self.wfile.write(body[:cut])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def artifact(server, tmp_path, monkeypatch):
    """A table with one file behind the server's URL, and an empty cache."""
    entry = {
        "kind": "url",
        "url": server.url,
        "file": "train.jsonl",
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    monkeypatch.setattr(artifacts, "table", lambda: {NAME: entry})
    monkeypatch.setenv("PRM_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv(fetch.MIRROR, raising=False)
    return entry


def kept():
    """The names beside the target."""
    return sorted(path.name for path in artifacts.cached_path(NAME).parent.iterdir())


def interrupted(server, n):
    """A first call that has brought n bytes when the network goes away."""
    server.cut = [n, 0, 0]
    with pytest.raises(InputError):
        fetch.fetch(NAME)
    server.cut, server.asked, server.sent = [], [], []
    assert artifacts.cached_path(NAME).with_name("train.jsonl.part").stat().st_size == n


def test_a_whole_file_comes_in_one_request_and_only_once(artifact, server, capsys):
    target = fetch.fetch(NAME)
    assert target.read_bytes() == CONTENT and kept() == ["train.jsonl"]
    assert server.asked == [("/train.jsonl", None)]
    assert fetch.fetch(NAME) == target and len(server.asked) == 1
    assert f"fetching train.jsonl {len(CONTENT)}/{len(CONTENT)}" in capsys.readouterr().err


def test_a_connection_cut_halfway_is_continued_and_no_byte_comes_twice(artifact, server):
    server.cut = [100_000]
    assert fetch.fetch(NAME).read_bytes() == CONTENT
    assert server.asked == [("/train.jsonl", None), ("/train.jsonl", "bytes=100000-")]
    assert sum(server.sent) == len(CONTENT)


def test_a_later_call_goes_on_where_the_first_was_interrupted(artifact, server):
    interrupted(server, 200_000)
    assert kept() == ["train.jsonl.part", "train.jsonl.part.json"]
    assert fetch.fetch(NAME).read_bytes() == CONTENT
    assert server.asked == [("/train.jsonl", "bytes=200000-")]
    assert server.sent == [len(CONTENT) - 200_000] and kept() == ["train.jsonl"]


def test_a_server_that_cannot_continue_sends_all_again(artifact, server):
    interrupted(server, 200_000)
    server.ranges = False
    assert fetch.fetch(NAME).read_bytes() == CONTENT
    assert server.asked == [("/train.jsonl", "bytes=200000-")] and server.sent == [len(CONTENT)]


def test_a_part_of_another_version_of_the_file_is_not_continued(artifact, server):
    server.content = b"x" * len(CONTENT)
    interrupted(server, 200_000)
    server.content, server.tag = CONTENT, '"second"'
    assert fetch.fetch(NAME).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=200000-", None]


def test_a_part_without_a_tag_is_continued_and_checked_at_the_end(artifact, server):
    server.tag = None
    server.content = b"x" * len(CONTENT)
    interrupted(server, 200_000)
    server.content = CONTENT
    with pytest.raises(InputError, match="sha256.*nothing was kept"):
        fetch.fetch(NAME)
    assert kept() == []


def test_a_part_that_is_too_long_is_dropped(artifact, server):
    interrupted(server, 200_000)
    with open(artifacts.cached_path(NAME).with_name("train.jsonl.part"), "ab") as file:
        file.write(CONTENT)
    assert fetch.fetch(NAME).read_bytes() == CONTENT
    assert server.asked == [("/train.jsonl", None)]


def test_a_wrong_checksum_keeps_nothing_and_leaves_an_older_file_alone(artifact, server):
    server.content = CONTENT[::-1]
    target = artifacts.cached_path(NAME)
    target.parent.mkdir(parents=True)
    target.write_bytes(b"an older file")
    with pytest.raises(InputError, match="sha256.*nothing was kept"):
        fetch.fetch(NAME)
    assert kept() == ["train.jsonl"] and target.read_bytes() == b"an older file"


@pytest.mark.parametrize("content", [b"<html>please log in</html>", CONTENT + b"more"])
def test_a_file_of_another_size_is_refused_before_it_comes(artifact, server, content):
    server.content = content
    with pytest.raises(InputError, match=f"{len(content)} bytes, not the recorded {len(CONTENT)}"):
        fetch.fetch(NAME)
    assert not artifacts.cached_path(NAME).exists()


def test_a_length_that_is_no_number_is_refused(artifact, server):
    server.length = "many"
    with pytest.raises(InputError, match=f"'many' bytes, not the recorded {len(CONTENT)}"):
        fetch.fetch(NAME)


def test_a_mirror_has_the_layout_of_the_cache(artifact, server, monkeypatch):
    artifact["url"] = "http://127.0.0.1:1/not/asked"
    monkeypatch.setenv(fetch.MIRROR, server.url.replace("train.jsonl", "mirror/"))
    assert fetch.fetch(NAME).read_bytes() == CONTENT
    assert server.asked == [(f"/mirror/{NAME}/train.jsonl", None)]


def test_a_mirror_without_a_scheme_is_refused_by_the_name_of_its_variable(artifact, monkeypatch):
    monkeypatch.setenv(fetch.MIRROR, "mirror.example")
    with pytest.raises(InputError, match="PRM_JAX_MIRROR.*'mirror.example' is no http"):
        fetch.fetch(NAME)


def test_offline_it_says_in_one_line_where_to_put_the_file_by_hand(artifact, capsys):
    artifact["url"] = "http://127.0.0.1:1/train.jsonl"
    target = artifacts.cached_path(NAME)
    with pytest.raises(SystemExit) as stop:
        fetch.main([NAME])
    error = capsys.readouterr().err.splitlines()[-1]
    assert stop.value.code == 2 and error.startswith("error: http://127.0.0.1:1/train.jsonl")
    assert "refused" in error and f"as {target}" in error and fetch.MIRROR in error
    target.write_bytes(CONTENT)
    fetch.main([NAME])
    assert capsys.readouterr().out.strip() == str(target)


def test_an_answer_that_is_an_error_is_named_and_what_came_before_is_kept(artifact, server):
    interrupted(server, 200_000)
    server.status = 503
    with pytest.raises(InputError, match="503 Service Unavailable"):
        fetch.fetch(NAME)
    server.status = None
    assert fetch.fetch(NAME).read_bytes() == CONTENT
    assert server.sent == [len(CONTENT) - 200_000]


def test_two_processes_do_not_write_one_file(artifact, server):
    interrupted(server, 200_000)
    with open(artifacts.cached_path(NAME).with_name("train.jsonl.part"), "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another process"):
            fetch.fetch(NAME)
    assert server.asked == []
    assert fetch.fetch(NAME).read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written_is_said_before_anything_is_asked(
    artifact, server, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("no directory")
    monkeypatch.setenv("PRM_JAX_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="cannot be written"):
        fetch.fetch(NAME)
    assert server.asked == []
