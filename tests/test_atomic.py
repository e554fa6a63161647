"""Files are replaced whole or not at all, whoever writes them."""

import os
import resource
import signal
import stat

import pytest

import atomic


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("private", [False, True])
def test_the_new_file_stands_where_the_old_one_stood(tmp_path, private):
    path = tmp_path / "deeper" / "file"
    for text in ("old", "new"):
        with atomic.replacing(path, private=private) as temporary:
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "old"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == (0o600 if private else 0o644)
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, ValueError])
def test_what_stops_the_writing_leaves_the_old_file(tmp_path, stop):
    path = tmp_path / "file"
    path.write_text("old")

    def write():
        with atomic.replacing(path) as temporary:
            temporary.write_text("half of the ne")
            raise stop

    with pytest.raises(stop):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_private_file_is_private_from_its_first_byte(tmp_path):
    with atomic.replacing(tmp_path / "file", private=True) as temporary:
        temporary.write_text("secret")
        assert stat.S_IMODE(temporary.stat().st_mode) & 0o077 == 0


def test_a_name_as_long_as_names_may_be(tmp_path):
    path = tmp_path / ("x" * 250)
    with atomic.replacing(path) as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == [path.name]


def test_a_full_disk_leaves_the_old_file_alone(tmp_path):
    """A limit on the size of files stands for a full disk. It ends the process if its signal is not ignored."""
    path = tmp_path / "file"
    path.write_text("old")
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            with atomic.replacing(path) as temporary:
                temporary.write_bytes(b"x" * 100_000)
        except OSError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_file_without_a_name_appears_whole_where_none_is(tmp_path):
    path = tmp_path / "deeper" / "file"
    with atomic.appearing(path) as unnamed:
        unnamed.write_text("new")
        assert unnamed.read_text() == "new"
        assert names(path.parent) == [] or not path.exists()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644

    def again():
        with atomic.appearing(path) as unnamed:
            unnamed.write_text("another")

    with pytest.raises(FileExistsError):
        again()
    assert path.read_text() == "new"
    assert names(path.parent) == ["file"]


def test_what_stops_a_file_without_a_name_leaves_nothing(tmp_path):
    def write():
        with atomic.appearing(tmp_path / "file") as unnamed:
            unnamed.write_text("half of the ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert names(tmp_path) == []
