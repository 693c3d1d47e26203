"""The command line as users run it: real processes, a real hub, real sockets."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from integration.answer_dropper import AnswerDropper
from longwave.cli.publish import DATA_ATTEMPTS
from longwave.testing import Answer, ScriptedServer, Send, Stall
from unit.client.hub_answers import ids

pytestmark = pytest.mark.slow  # each starts processes

ROOT = Path(__file__).resolve().parents[2]
WAIT = 20  # seconds, for a process that should have ended long ago

INHERITED = {name: value for name, value in os.environ.items() if not name.startswith("LONGWAVE_")}
ENVIRONMENT = {**INHERITED, "PYTHONPATH": str(ROOT / "src"), "NO_PROXY": "*", "TERM": "xterm"}


def command(*arguments):
    return [sys.executable, "-m", "longwave", *map(str, arguments)]


def run(*arguments, text="", cwd=None, **environment):
    """Run a command to its end: exit status, standard output, standard error."""
    done = subprocess.run(
        command(*arguments),
        input=text,
        env=ENVIRONMENT | environment,
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@contextmanager
def started(*arguments, cwd=None, **streams):
    """A command that is running; it is killed at the end if it still is."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    process = subprocess.Popen(command(*arguments), env=ENVIRONMENT, cwd=cwd, encoding="utf-8", **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait(WAIT)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


@contextmanager
def serving(*arguments, cwd=None):
    """A hub that accepts connections: its process, with `address` and `announcement`."""
    with started("serve", *arguments, cwd=cwd) as process:
        process.announcement = [process.stdout.readline().rstrip("\n") for _ in range(3)]
        assert process.announcement[2], process.stderr.read()
        process.address = process.announcement[0].rpartition(" ")[2]
        yield process


def stop(process, number=signal.SIGTERM):
    """Signal a process and return its exit status and standard error."""
    process.send_signal(number)
    status = process.wait(WAIT)
    return status, process.stderr.read()


@pytest.fixture(scope="module")
def hub():
    with serving("--port", 0, "--log", "memory:") as process:
        yield process.address


@pytest.fixture
def topic(request):
    """A topic of this test's own, as tests share a hub."""
    return f"test/{request.node.name}"


def is_one_line(text):
    return text.startswith("longwave: ") and text.endswith("\n") and text.count("\n") == 1


# serve


def test_announcement_says_where_what_is_kept_and_what_to_try():
    with serving("--port", 0, "--log", "memory:", "--retain-age", "1h", "--retain-events", "5") as process:
        where, log, attempt = process.announcement

    assert re.fullmatch(r"Longwave is listening on http://127\.0\.0\.1:\d+/", where)
    assert log == "Log: memory: (keeps at most 5 updates, 1h, 1GiB)"
    assert attempt.startswith("Try: curl -d topic=hello -d data='Hello, world' http://127.0.0.1:")


def test_announced_command_publishes(tmp_path):
    with serving("--port", 0, "--log", "memory:") as process:
        words = shlex.split(process.announcement[2].removeprefix("Try: "))
        done = subprocess.run([words[0], "-s", *words[1:]], capture_output=True, timeout=WAIT, check=True)
        status, out, _ = run(
            "listen", process.address, "--topic", "hello", "--last-event-id", "earliest", "--count", 1, "--json"
        )

    assert status == 0
    assert json.loads(out) == {"id": done.stdout.decode(), "type": "message", "data": "Hello, world"}


def test_hub_runs_where_uvloop_is_not_installed():
    program = "import sys; sys.modules['uvloop'] = None; from longwave.cli.app import run; run()"
    words = [sys.executable, "-c", program, "serve", "--port", "0", "--log", "memory:", "--log-level", "error"]
    with subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"Longwave is listening on http://127.0.0.1:")
        assert stop(process) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_hub_well(number):
    with serving("--port", 0, "--log", "memory:", "--log-level", "error") as process:
        assert stop(process, number) == (0, "")


def test_history_outlives_the_process(tmp_path):
    log = ("--port", 0, "--log", "sqlite:hub.db")
    with serving(*log, cwd=tmp_path) as process:
        assert run("publish", process.address, "kept", "--topic", "a")[0] == 0
        process.kill()
    with serving(*log, cwd=tmp_path) as process:
        _, out, _ = run(
            "listen", process.address, "--topic", "a", "--last-event-id", "earliest", "--count", 1, "--json"
        )

    assert json.loads(out)["data"] == "kept"


def test_unix_socket_serves_all_commands(tmp_path):
    with serving("--uds", "hub.sock", "--log", "memory:", cwd=tmp_path) as process:
        assert process.address == "unix:hub.sock"
        status, event_id, _ = run("publish", "unix:hub.sock", "x", "--topic", "a", cwd=tmp_path)
        _, out, _ = run(
            *("listen", "unix:hub.sock", "--topic", "a", "--last-event-id", "earliest", "--count", 1, "--json"),
            cwd=tmp_path,
        )

    assert status == 0
    assert json.loads(out)["id"] == event_id.strip()


def test_settings_come_from_file_and_environment(tmp_path):
    file = tmp_path / "hub.toml"
    file.write_text("port = 1\nlog = 'memory:'\nretain-age = '2d'\n", encoding="utf-8")
    environment = {"LONGWAVE_PORT": "70000", "LONGWAVE_CONFIG": str(file)}

    assert run("serve", **environment) == (2, "", "longwave: LONGWAVE_PORT: expected 0 to 65535, got 70000\n")
    with serving("--config", file, "--port", 0) as process:
        assert process.announcement[1] == "Log: memory: (keeps at most 1,000,000 updates, 2d, 1GiB)"


def test_taken_port_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, err = run("serve", "--port", port, "--log", "memory:")

    assert (status, out) == (1, "")
    assert err == f"longwave: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_host_that_is_not_of_this_machine_is_one_line():
    status, out, err = run("serve", "--host", "192.0.2.1", "--insecure", "--port", 0, "--log", "memory:")

    assert (status, out) == (1, "")
    assert err == "longwave: cannot listen on 192.0.2.1:0: Cannot assign requested address\n"


def test_unix_socket_that_cannot_be_made_is_one_line(tmp_path):
    path = tmp_path / "none" / "hub.sock"

    assert run("serve", "--uds", path, "--log", "memory:") == (
        1,
        "",
        f"longwave: cannot listen on unix:{path}: No such file or directory\n",
    )


def test_log_that_cannot_be_written_is_one_line(tmp_path):
    status, out, err = run("serve", "--port", 0, "--log", f"sqlite:{tmp_path}/none/hub.db")

    assert (status, out) == (1, "")
    assert is_one_line(err)
    assert "none/hub.db" in err


def test_every_address_needs_insecure():
    status, out, err = run("serve", "--host", "0.0.0.0", "--port", 0, "--log", "memory:")

    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert err.startswith("longwave: --host: expected a loopback address, got '0.0.0.0'")
    with serving("--host", "0.0.0.0", "--insecure", "--port", 0, "--log", "memory:") as process:
        port = re.search(r":(\d+)/$", process.address)[1]
        assert run("publish", f"http://127.0.0.1:{port}", "x", "--topic", "a")[0] == 0


def test_hub_goes_on_where_nobody_reads_its_output(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with started("serve", "--port", port, "--log", "memory:", stdout=writer) as process:
        os.close(writer)
        listen = ("listen", f"http://127.0.0.1:{port}", "--topic", "a", "--last-event-id", "earliest", "--count", 1)
        with started(*listen, "--json") as listener:  # it keeps trying until the hub is there
            while run("publish", f"http://127.0.0.1:{port}", "x", "--topic", "a")[0]:
                assert process.poll() is None, process.stderr.read()
            assert json.loads(listener.stdout.readline())["data"] == "x"
        assert process.poll() is None


# publish and listen


def test_published_update_comes_to_listeners(hub, topic):
    publish = ("publish", hub, "Grüße\n☃", "--topic", "other", "--topic", topic, "--type", "kind", "--retry", 5)
    status, out, err = run(*publish, "--id", "mine")
    assert (status, out, err) == (0, "mine\n", "")

    listen = ("listen", hub, "--topic", topic, "--last-event-id", "earliest", "--count", 1)
    status, out, err = run(*listen, "--json")

    assert (status, err) == (0, "")
    assert json.loads(out) == {"id": "mine", "type": "kind", "data": "Grüße\n☃", "retry": 5}
    assert re.fullmatch(r"\d\d:\d\d:\d\d  kind  mine  Grüße\\n☃\n", run(*listen)[1])


def test_each_line_of_standard_input_is_an_update(hub, topic):
    status, out, err = run("publish", hub, "--topic", topic, text="one\ntwo\n\nfour")

    assert (status, err) == (0, "")
    _, shown, _ = run("listen", hub, "--topic", topic, "--last-event-id", "earliest", "--count", 4, "--json")
    events = [json.loads(line) for line in shown.splitlines()]
    assert [event["data"] for event in events] == ["one", "two", "", "four"]
    assert [event["id"] for event in events] == out.split()


def test_many_lines_arrive_in_order(hub, topic):
    lines = [f"line {number}" for number in range(20_000)]
    status, out, _ = run("publish", hub, "--topic", topic, text="\n".join(lines))

    assert (status, len(set(out.split()))) == (0, len(lines))
    listen = ("listen", hub, "--topic", topic, "--last-event-id", "earliest", "--count", len(lines), "--json")
    assert [json.loads(line)["data"] for line in run(*listen)[1].splitlines()] == lines


def test_line_is_published_before_the_next_one_comes(hub, topic):
    with started("publish", hub, "--topic", topic) as publisher:
        ids = []
        for number in range(3):
            publisher.stdin.write(f"{number}\n")
            publisher.stdin.flush()
            ids.append(publisher.stdout.readline().strip())
        publisher.stdin.close()
        assert publisher.wait(WAIT) == 0

    assert all(ids)
    assert len(set(ids)) == 3


def test_listener_resumes_where_it_was_when_the_hub_comes_back(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = ("--port", port, "--log", "sqlite:hub.db", "--drain", "1s")
    url = f"http://127.0.0.1:{port}"
    with started("listen", url, "--topic", "a", "--last-event-id", "earliest", "--json") as listener:
        with serving(*serve, cwd=tmp_path) as process:
            run("publish", url, "--topic", "a", text="one\ntwo")
            seen = [json.loads(listener.stdout.readline())["data"] for _ in range(2)]
            assert stop(process)[0] == 0
        with serving(*serve, cwd=tmp_path):
            run("publish", url, "--topic", "a", text="three\nfour")
            seen += [json.loads(listener.stdout.readline())["data"] for _ in range(2)]

    assert seen == ["one", "two", "three", "four"]


def test_refusal_of_the_hub_is_one_line_on_standard_error(hub, topic):
    assert run("publish", hub, "x", "--topic", topic, "--id", "twice")[0] == 0
    status, out, err = run("publish", hub, "x", "--topic", topic, "--id", "twice")

    assert (status, out) == (1, "")
    assert is_one_line(err)
    assert err.startswith("longwave: the hub answered 409: ")
    assert "'twice'" in err


def test_listening_at_a_wrong_path_ends_at_once(hub, topic):
    status, out, err = run("listen", f"{hub}nowhere", "--topic", topic)

    assert (status, out) == (1, "")
    assert is_one_line(err)
    assert err.startswith("longwave: the hub answered 404: ")


def test_publishing_to_nobody_is_told_and_ends_with_one_line(topic):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    status, out, err = run("publish", url, "x", "--topic", topic)

    *waits, error = err.splitlines()
    assert (status, out) == (1, "")
    assert re.fullmatch(rf"longwave: {url}/events: .* \(gave up after {DATA_ATTEMPTS} attempts\)", error)
    assert [line.partition("; trying again in ")[0] for line in waits] == [error.partition(" (gave up")[0]] * len(waits)


def test_lines_whose_answer_is_lost_are_stored_once(hub, topic):
    """Where a hub, or its proxy, goes away under a pipe."""
    lines = [f"line {number}" for number in range(2500)]
    with AnswerDropper(urlsplit(hub).port, lambda number: number % 2 == 0) as dropper:
        status, out, err = run("publish", dropper.url, "--topic", topic, text="\n".join(lines))

    assert status == 0
    assert err.count("trying again in") == dropper.lost > 0
    listen = ("listen", hub, "--topic", topic, "--last-event-id", "earliest", "--count", len(lines), "--json")
    events = [json.loads(line) for line in run(*listen)[1].splitlines()]
    assert [event["data"] for event in events] == lines
    assert [event["id"] for event in events] == out.split()


def test_pipe_outlives_a_restart_of_the_hub(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = ("--port", port, "--log", "sqlite:hub.db", "--drain", "0s")
    url = f"http://127.0.0.1:{port}"
    with started("publish", url, "--topic", "a") as publisher:
        for line in ("one", "two"):
            with serving(*serve, cwd=tmp_path) as process:
                publisher.stdin.write(f"{line}\n")
                publisher.stdin.flush()
                assert publisher.stdout.readline()
                process.kill()
                process.wait(WAIT)
    with serving(*serve, cwd=tmp_path):
        listen = ("listen", url, "--topic", "a", "--last-event-id", "earliest", "--count", 2, "--json")
        assert [json.loads(line)["data"] for line in run(*listen)[1].splitlines()] == ["one", "two"]


def test_listen_with_a_cursor_goes_on_where_the_last_run_stopped(hub, topic, tmp_path):
    run("publish", hub, "--topic", topic, text="one\ntwo\nthree\nfour")
    listen = ("listen", hub, "--topic", topic, "--last-event-id", "earliest", "--cursor", "seen.id", "--json")
    seen = [run(*listen, "--count", count, cwd=tmp_path)[1].splitlines() for count in (1, 2, 1)]

    assert [[json.loads(line)["data"] for line in lines] for lines in seen] == [["one"], ["two", "three"], ["four"]]


def test_closed_standard_input_is_one_line():
    words = command("publish", "http://127.0.0.1:1", "--topic", "a")
    closing = ["sh", "-c", 'exec "$@" <&-', "sh", *words]
    done = subprocess.run(closing, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=WAIT, check=False)

    assert done.returncode == 2
    assert done.stderr == "longwave: expected DATA, or lines on standard input, got neither: it is closed\n"


def test_demonstration_publishes_real_measurements(hub):
    status, out, err = run("demo", "monitor", hub, "--topic-prefix", "here", "--interval", "10ms", "--count", 2)

    assert (status, out) == (0, "")
    assert is_one_line(err)
    _, shown, _ = run("listen", hub, "--topic", "here/{what}", "--last-event-id", "earliest", "--count", 6, "--json")
    events = [json.loads(line) for line in shown.splitlines()]
    assert [event["type"] for event in events] == ["cpu", "memory", "network"] * 2
    assert json.loads(events[1]["data"])["total"] > 2**20


# Signals, pipes and terminals. No hub: a scripted server never sends what the test does not want.


def test_interrupt_ends_listen_quietly():
    with (
        ScriptedServer([Answer(steps=[Send(b"data: x\n\n"), Stall()])]) as server,
        started("listen", server.origin, "--topic", "a") as listener,
    ):
        assert listener.stdout.readline()
        assert stop(listener, signal.SIGINT) == (130, "")


def test_interrupt_ends_publish_quietly():
    with (
        ScriptedServer([ids("1")]) as server,
        started("publish", server.origin, "--topic", "a") as publisher,
    ):
        publisher.stdin.write("x\n")
        publisher.stdin.flush()
        assert publisher.stdout.readline() == "1\n"
        assert stop(publisher, signal.SIGINT) == (130, "")


def test_closed_pipe_ends_listen_quietly():
    events = "".join(f"data: {number}\n\n" for number in range(100_000))
    with (
        ScriptedServer([Answer(steps=[Send(events.encode()), Stall()])]) as server,
        started("listen", server.origin, "--topic", "a") as listener,
    ):
        assert listener.stdout.readline()
        listener.stdout.close()
        assert (listener.wait(WAIT), listener.stderr.read()) == (141, "")


def test_closed_pipe_ends_help_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    with started("serve", "--help", stdout=writer) as process:
        os.close(writer)
        assert process.stderr.read() == ""
        assert process.wait(WAIT) != 0


@contextmanager
def terminal():
    """A pseudo-terminal: our end as a file, and the descriptor for the process."""
    ours, theirs = pty.openpty()
    with open(ours, "r+b", buffering=0) as file:
        try:
            yield file, theirs
        finally:
            os.close(theirs)


def test_listen_is_coloured_on_a_terminal():
    with (
        ScriptedServer([Answer(steps=[Send(b"event: kind\ndata: a\x1b]0;title\x07\n\n"), Stall()])]) as server,
        terminal() as (screen, descriptor),
        started("listen", server.origin, "--topic", "a", "--count", 1, stdout=descriptor) as listener,
    ):
        assert listener.wait(WAIT) == 0
        shown = screen.read(4096).decode()

    assert re.search("\x1b\\[[0-9;]+mkind\x1b\\[0m", shown)
    assert r"a\x1b]0;title\x07" in shown


def test_announcement_is_pretty_on_a_terminal():
    with (
        terminal() as (screen, descriptor),
        started("serve", "--port", 0, "--log", "memory:", stdout=descriptor) as process,
    ):
        shown = ""
        while "Ctrl-C" not in shown:
            shown += screen.read(4096).decode()
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT) == 0

    assert re.search("\x1b\\[[0-9;]+mhttp://127\\.0\\.0\\.1:[0-9]+/\x1b\\[0m", shown)


def test_terminal_is_published_line_by_line():
    with (
        ScriptedServer([ids("1"), ids("2")]) as server,
        terminal() as (keyboard, descriptor),
        started("publish", server.origin, "--topic", "a", stdin=descriptor) as publisher,
    ):
        assert publisher.stderr.readline() == "longwave: each line is published; end with Ctrl-D\n"
        keyboard.write(b"first\n")
        assert publisher.stdout.readline() == "1\n"
        keyboard.write(b"second\n\x04")
        assert publisher.wait(WAIT) == 0

    assert [json.loads(request.body)["data"] for request in server.requests] == ["first", "second"]
