"""Listening on a Unix socket: serving there, and what becomes of its file."""

from __future__ import annotations

import socket
import stat

import pytest

from integration.conftest import until
from longwave.server.config import Limits, Listen


@pytest.fixture
def path(tmp_path):
    return tmp_path / "hub.sock"


async def test_hub_is_served_and_the_file_is_gone_afterwards(start, sink, path):
    running = await start(sink=sink, listen=Listen(uds=str(path)))
    assert running.server.url == f"unix:{path}"
    assert stat.S_ISSOCK(path.stat().st_mode)
    subscriber = await running.subscribe()
    publisher = await running.connect()

    assert (await publisher.post("topic=t&data=x")).status == 200
    assert await subscriber.data() == "x"
    await running.stop()
    assert not path.exists()


async def test_slow_reader_gets_everything(start, sink, path):
    running = await start(sink=sink, listen=Listen(uds=str(path)))
    client = await running.subscribe()
    texts = [f"{number} " + "x" * 20_000 for number in range(40)]

    await running.publish(*texts)
    await until(lambda: running.site.streams()[0].size_held)

    assert [await client.data() for _ in texts] == texts


async def test_file_that_nobody_listens_on_is_replaced(start, path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    running = await start(listen=Listen(uds=str(path)))

    assert (await (await running.connect()).get("/healthz")).status == 200


async def test_file_that_somebody_listens_on_is_left_alone(start, path):
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen()

        with pytest.raises(OSError, match=f"cannot listen on unix:{path}: Address already in use"):
            await start(listen=Listen(uds=str(path)))
        assert path.exists()


async def test_file_that_somebody_busy_listens_on_is_left_alone_without_a_wait(start, path):
    """Its backlog is full, so that connecting to it would not return."""
    with socket.socket(socket.AF_UNIX) as live, socket.socket(socket.AF_UNIX) as waiting:
        live.bind(str(path))
        live.listen(0)
        waiting.connect(str(path))

        with pytest.raises(OSError, match="Address already in use"):
            await start(listen=Listen(uds=str(path)))
        assert path.exists()


async def test_file_that_is_no_socket_is_left_alone(start, path):
    path.write_text("precious")

    with pytest.raises(OSError, match="Address already in use"):
        await start(listen=Listen(uds=str(path)))
    assert path.read_text() == "precious"


async def test_folder_that_does_not_exist_is_named(start, tmp_path):
    with pytest.raises(OSError, match=r"cannot listen on .*/no/hub.sock: No such file"):
        await start(listen=Listen(uds=str(tmp_path / "no" / "hub.sock")))


async def test_file_that_was_removed_meanwhile_is_no_trouble_at_the_end(start, path):
    running = await start(listen=Listen(uds=str(path)))
    client = await running.subscribe()
    path.unlink()

    await running.stop()

    assert "retry: " in (await client.farewell()).decode()


async def test_limit_by_address_does_not_concern_clients_that_have_none(start, path):
    """They would all count as one: a proxy in front."""
    running = await start(listen=Listen(uds=str(path)), limits=Limits(connections_per_address=1))

    for _ in range(3):
        await running.subscribe()
