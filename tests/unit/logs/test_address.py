"""The address of a log."""

from __future__ import annotations

import pytest

from longwave.errors import InvalidValue
from longwave.logs.address import open_address
from longwave.logs.memory import MemoryLog
from longwave.logs.retention import Retention
from longwave.logs.sqlite import SqliteLog
from longwave.testing.log_under_test import make_updates


async def test_memory_is_a_log_in_memory_with_the_retention_given():
    log = open_address("memory:", retention=Retention(events=2))
    await log.open()
    await log.append(make_updates(3))

    assert isinstance(log, MemoryLog)
    assert (await log.read(0, 10)).first == 2
    await log.close()


async def test_a_relative_path_is_of_the_working_directory_when_the_address_is_opened(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    log = open_address("sqlite:there/log.db", retention=Retention(events=2))
    monkeypatch.chdir("/")
    await log.open()
    await log.append(make_updates(3))

    assert isinstance(log, SqliteLog)
    assert (await log.read(0, 10)).first == 2
    await log.close()
    assert (tmp_path / "there" / "log.db").exists()


@pytest.mark.parametrize("name", ["log.db", "a b?c#d%20;e.db", "é😀", "C:x"])
async def test_an_absolute_path_may_hold_any_character(tmp_path, name):
    log = open_address(f"sqlite:{tmp_path}/{name}", durability="relaxed")
    await log.open()
    await log.append(make_updates(1))

    assert (await log.read(0, 10)).last == 1
    await log.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "memory",
        "memory:x",
        "sqlite",
        "sqlite:",
        "sqlite:///tmp/x",
        "sqlite::memory:",
        "SQLITE:x",
        "redis:x",
        "/x.db",
    ],
)
def test_anything_else_is_refused_with_a_sentence(address):
    with pytest.raises(InvalidValue, match=r"^log address: expected .*, got '") as raised:
        open_address(address)
    assert str(raised.value).endswith(f"got {address!r}")


def test_a_path_with_nul_is_refused():
    with pytest.raises(InvalidValue, match="expected the path of a file"):
        open_address("sqlite:a\0b")


@pytest.mark.parametrize("address", ["memory:", "sqlite:x.db"])
def test_an_unknown_durability_is_refused(address):
    with pytest.raises(InvalidValue, match="durability: expected full or relaxed, got 'FULL'"):
        open_address(address, durability="FULL")
