"""Every peer of the comparison that is installed here: it starts, delivers, comes back, ends, leaves nothing behind.

A peer that is not installed is skipped, with the reason that it gives itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import pickle
import socket
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from benchmarks.comparison.bare.launcher import BarePeer
from benchmarks.comparison.http_target import AppTarget
from benchmarks.comparison.launched_peer import Launch, LaunchedPeer
from benchmarks.comparison.mercure.launcher import make_token
from benchmarks.comparison.peer import Ability
from benchmarks.comparison.ports import EPHEMERAL, free_ports
from benchmarks.comparison.roster import ROSTER
from benchmarks.comparison.server_processes import Command

from longwave.load.framing import NO_HEAD, Complete
from longwave.load.place import find_id

pytestmark = pytest.mark.slow  # each starts processes

COMPARISON = Path(__file__).resolve().parents[2] / "benchmarks" / "comparison"
PATIENCE = 20.0  # seconds for any answer
READ_SIZE = 65_536
SUBSCRIBERS = 10
TOPIC = "updates"
EVENTS = [f"event{number}of{'x' * 20}" for number in range(3)]


class Subscriber:
    """One stream, read as far as a test asks."""

    def __init__(self, target, last_event_id=""):
        self._framing = NO_HEAD
        self._content = b""
        self._sock = socket.create_connection(target.address, PATIENCE)
        self._sock.sendall(target.subscription([TOPIC], last_event_id))
        # Each peer opens with a comment or an event of its own once it has subscribed; a replay is as good.
        self._read_until(lambda: self._content)

    def _read_until(self, enough):
        while not enough():
            received = self._sock.recv(READ_SIZE)
            assert received, f"the stream ended after {self._content!r}"
            content, self._framing = self._framing.feed(received)
            self._content += content

    def read(self, last):
        """Return what came, up to the event with this data."""
        self._read_until(lambda: last.encode() in self._content and self._content.endswith(b"\n"))
        return self._content.replace(b"\r\n", b"\n")

    def close(self):
        self._sock.close()


def publish(target, data):
    """Publish one event over a connection of its own; return the status."""
    with socket.create_connection(target.publish_address, PATIENCE) as sock:
        sock.sendall(target.publication(TOPIC, data))
        framing = NO_HEAD
        while not isinstance(framing, Complete):
            received = sock.recv(READ_SIZE)
            assert received, "no answer"
            _, framing = framing.feed(received)
    return framing.status


def publish_all(target, events):
    for data in events:
        assert publish(target, data) in target.publish_statuses


@contextmanager
def subscribed(target, count=1, last_event_id=""):
    with ExitStack() as stack:
        subscribers = []
        for _ in range(count):
            subscribers.append(Subscriber(target, last_event_id))
            stack.callback(subscribers[-1].close)
        yield subscribers


def delivered(content):
    """Return the events of ours, as they came."""
    found = [(content.find(data.encode()), data) for data in EVENTS]
    assert all(content.count(data.encode()) <= 1 for data in EVENTS)
    return [data for place, data in sorted(found) if place >= 0]


def id_of(content, data):
    return next(find_id(block, b"") for block in content.split(b"\n\n") if data.encode() in block).decode()


def is_alive(pid):
    return Path(f"/proc/{pid}").exists()


def require(peer):
    missing = peer.missing()
    if missing is not None:
        pytest.skip(f"{peer.name}: {missing.reason}. {missing.install}")


@contextmanager
def started(peer, folder, **options):
    require(peer)
    try:
        yield peer.start(folder, cpu=None, **options)
    finally:
        peer.stop()


PEERS = [*ROSTER, "bare in Python"]


@pytest.fixture(params=PEERS)
def peer(request):
    return BarePeer(in_c=False) if request.param == "bare in Python" else ROSTER[request.param]


@pytest.fixture(params=[name for name in ROSTER if Ability.RESUME in ROSTER[name].abilities])
def resuming_peer(request):
    return ROSTER[request.param]


@pytest.fixture(params=[name for name in ROSTER if Ability.RESTART in ROSTER[name].abilities])
def restarting_peer(request):
    return ROSTER[request.param]


def test_peer_delivers_to_all_in_order_and_leaves_no_process(peer, tmp_path):
    with started(peer, tmp_path) as running, subscribed(running.target, SUBSCRIBERS) as subscribers:
        assert running.pids
        assert all(map(is_alive, running.pids))
        publish_all(running.target, EVENTS)

        assert [delivered(one.read(EVENTS[-1])) for one in subscribers] == [EVENTS] * SUBSCRIBERS

    assert [pid for pid in running.pids if is_alive(pid)] == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(running.target.address, PATIENCE)


def test_peer_comes_back_at_the_same_address_after_a_kill(peer, tmp_path):
    with started(peer, tmp_path) as before:
        peer.kill()
        assert [pid for pid in before.pids if is_alive(pid)] == []

        after = peer.start(tmp_path, cpu=None)

        assert after.target == before.target
        with subscribed(after.target) as [subscriber]:
            publish_all(after.target, EVENTS)
            assert delivered(subscriber.read(EVENTS[-1])) == EVENTS


def test_peer_that_resumes_replays_what_was_missed(resuming_peer, tmp_path):
    with started(resuming_peer, tmp_path) as running:
        with subscribed(running.target) as [subscriber]:
            publish_all(running.target, EVENTS[:1])
            first = id_of(subscriber.read(EVENTS[0]), EVENTS[0])
        publish_all(running.target, EVENTS[1:])

        with subscribed(running.target, last_event_id=first) as [subscriber]:
            assert delivered(subscriber.read(EVENTS[-1])) == EVENTS[1:]


def test_peer_that_restarts_replays_from_disk_after_a_kill(restarting_peer, tmp_path):
    with started(restarting_peer, tmp_path, durable=True) as running:
        with subscribed(running.target) as [subscriber]:
            publish_all(running.target, EVENTS)
            first = id_of(subscriber.read(EVENTS[-1]), EVENTS[0])
        restarting_peer.kill()
        running = restarting_peer.start(tmp_path, cpu=None, durable=True)

        with subscribed(running.target, last_event_id=first) as [subscriber]:
            assert delivered(subscriber.read(EVENTS[-1])) == EVENTS[1:]


def test_peer_is_pinned_with_all_its_processes(peer, tmp_path):
    require(peer)
    cpu = min(os.sched_getaffinity(0))
    try:
        running = peer.start(tmp_path, cpu=cpu)
        assert {pid: os.sched_getaffinity(pid) for pid in running.pids} == {pid: {cpu} for pid in running.pids}
    finally:
        peer.stop()


def test_peer_without_a_disk_refuses_to_be_durable(tmp_path):
    for peer in ROSTER.values():
        if Ability.DURABLE not in peer.abilities:
            with pytest.raises(ValueError, match=f"expected durable=False of {peer.name}"):
                peer.start(tmp_path, cpu=None, durable=True)


def test_missing_peer_says_why_and_cannot_be_started(peer, tmp_path):
    missing = peer.missing()
    if missing is None:
        assert peer.versions()
        return

    assert missing.reason.startswith("expected ")
    assert peer.versions() == {}
    with pytest.raises(RuntimeError, match="to be installed"):
        peer.start(tmp_path, cpu=None)


def test_peer_says_how_it_is_tuned_and_has_a_page(peer):
    assert peer.tuning()
    assert (COMPARISON / peer.name / "README.md").read_text().startswith("# ")


def test_stop_is_safe_when_nothing_runs(peer):
    peer.stop()
    peer.stop()


def test_target_of_peer_can_be_pickled(peer, tmp_path):
    launch = peer.launch(tmp_path, (1, 2, 3), durable=False) if peer.missing() is None else None
    peer.stop()

    assert launch is None or pickle.loads(pickle.dumps(launch.target)) == launch.target


def test_roster_names_folders_with_a_launcher():
    assert set(ROSTER) <= {path.parent.name for path in COMPARISON.glob("*/launcher.py")}
    assert [peer.name for peer in ROSTER.values()] == list(ROSTER)


def test_roster_does_not_know_other_names():
    with pytest.raises(KeyError):
        ROSTER["peer"]


class Broken(LaunchedPeer):
    """A peer whose server never comes up. program: what runs in its place."""

    name = "broken"
    abilities = frozenset()

    def __init__(self, program):
        super().__init__()
        self._program = program

    def missing(self):
        return None

    def versions(self):
        return {}

    def tuning(self):
        return ""

    def launch(self, folder, ports, *, durable):
        beside = Command((sys.executable, "-c", "import time; time.sleep(60)"))
        return Launch((beside, Command((sys.executable, "-c", self._program))), AppTarget(port=ports[0]))


def test_start_tells_the_last_words_of_a_program_that_ends_and_leaves_nothing_behind(tmp_path):
    peer = Broken("import os; print('parent', os.getpid(), flush=True); raise SystemExit('no such option')")

    with pytest.raises(RuntimeError, match=r"(?s)got its exit status 1: .*no such option") as caught:
        peer.start(tmp_path)

    assert not is_alive(int(str(caught.value).split("parent ")[1].split()[0]))
    with pytest.raises(RuntimeError, match="no such option"):  # nothing is left that would refuse a second start
        peer.start(tmp_path)


def test_peer_that_runs_cannot_be_started_again(tmp_path):
    peer = BarePeer()
    with started(peer, tmp_path), pytest.raises(RuntimeError, match="expected bare to be stopped"):
        peer.start(tmp_path)


def test_ports_lie_below_those_of_clients():
    ports = free_ports(5)

    assert len(set(ports)) == 5
    assert all(1024 < port < int(EPHEMERAL.read_text().split()[0]) for port in ports)


def test_token_for_mercure_is_signed_and_grants_everything():
    head, claims, signature = make_token("key").split(".")

    assert json.loads(decode(head)) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(decode(claims)) == {"mercure": {"publish": ["*"], "subscribe": ["*"]}}
    assert decode(signature) == hmac.digest(b"key", f"{head}.{claims}".encode(), hashlib.sha256)


def test_configuration_of_mercure_has_its_port_and_where_history_is_kept(tmp_path):
    peer = ROSTER["mercure"]

    peer.launch(tmp_path, (12_345,), durable=False)
    in_memory = (tmp_path / "Caddyfile").read_text()
    peer.launch(tmp_path, (12_345,), durable=True)
    on_disk = (tmp_path / "Caddyfile").read_text()

    assert "http://127.0.0.1:12345 {" in in_memory
    assert "transport local\n" in in_memory
    assert f"path {tmp_path / 'mercure.db'}" in on_disk
    assert in_memory.count("{") == in_memory.count("}")
    assert on_disk.count("{") == on_disk.count("}")


def test_configuration_of_centrifugo_takes_what_its_target_sends(tmp_path):
    target = ROSTER["centrifugo"].launch(tmp_path, (12_345,), durable=False).target
    settings = json.loads((tmp_path / "config.json").read_text())
    query = urlsplit(target.subscription(["a", "b"]).split()[1].decode()).query

    assert settings["http_server"]["port"] == 12_345
    assert f"X-API-Key: {settings['http_api']['key']}".encode() in target.publication("a", "data")
    assert json.loads(parse_qs(query)["cf_connect"][0]) == {"subs": {"a": {}, "b": {}}}


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
