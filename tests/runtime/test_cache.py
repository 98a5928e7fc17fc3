from __future__ import annotations

import os
import threading

from firth.runtime import cache


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file())


def test_what_was_written_is_read(tmp_path):
    assert cache.read(tmp_path, "abcd") is None
    for content in (b"", b"x" * 10_000):
        cache.write(tmp_path, "abcd", content)
        assert cache.read(tmp_path, "abcd") == content
    assert cache.read(tmp_path, "abce") is None
    assert len(files(tmp_path)) == 1


def test_any_damage_is_seen(tmp_path):
    cache.write(tmp_path, "abcd", b"content" * 5)
    (path,) = files(tmp_path)
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
        assert cache.read(tmp_path, "abcd") is None
        path.write_bytes(data[:at])
        assert cache.read(tmp_path, "abcd") is None
    path.write_bytes(data + b"more")
    assert cache.read(tmp_path, "abcd") is None


def test_folders_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache.write(blocked, "abcd", b"x")
    assert cache.read(blocked, "abcd") is None


def test_prune_removes_the_oldest(tmp_path):
    for i in range(8):
        cache.write(tmp_path, f"{i:02}", bytes(1000))
        os.utime(tmp_path / f"{i:02}" / f"{i:02}", (i, i))
    cache.prune(tmp_path, 1_000_000)
    assert len(files(tmp_path)) == 8
    cache.prune(tmp_path, 6000)
    assert [p.name for p in files(tmp_path)] == ["06", "07"]


def test_writers_at_once(tmp_path):
    def loop(seed: int) -> None:
        for i in range(50):
            cache.write(tmp_path, "key", bytes([seed]) * 1000)
            found = cache.read(tmp_path, "key")
            if found is None or len(set(found)) != 1:
                wrong.append(i)

    wrong: list[int] = []
    threads = [threading.Thread(target=loop, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(files(tmp_path)) == 1
