"""pollerd.service under a systemd that was booted for it, installed by systemd/install: start, reload, watchdog, stop, sockets."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.systemd.machine import Machine
from tests.faults.until import until
from tests.servers import Unavailable

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]

UNITS = ("pollerd.service", "pollerd@other.service", "pollerd.socket", "pollerd-urls.socket", "pollerd.slice")
MOST_EXPOSURE = 30  # tenths, as systemd-analyze counts them
MESSAGES = 120
CONFIG = "/etc/pollerd/pollerd.yaml"
CODE = """
import os, time
def handler(event, context):
    told = [name for name in os.environ if name.startswith(("NOTIFY", "LISTEN", "WATCHDOG", "CREDENTIALS"))]
    for record in event.get("Records", ()):
        time.sleep(0.05)
        with open("/mnt/seen/records", "a") as seen:
            seen.write(record["body"] + "\\n")
    hidden = [path for path in ("/var/lib/pollerd", "/run/credentials") if os.path.exists(path)]
    return {"told": told, "hidden": hidden, "password": os.environ["PASSWORD"]}
"""
QUIET = {
    "code": "/srv/echo",
    "runtime": "python3.13",
    "handler": "app.handler",
    "timeout_seconds": 20,
    "environment": {"PASSWORD": {"secret": "credential:password"}},
    "file_system_configs": [{"path": "/var/lib/pollerd/seen", "local_mount_path": "/mnt/seen"}],
}
LIST: dict[str, Any] = {
    "source": {"type": "redis-list", "list": "work", "url": "redis://127.0.0.1:6379"},
    "function": "echo",
    "batch_size": 5,
}
ASK = """
import http.client, sys, time
refused = answered = 0
slowest = 0.0
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    began = time.monotonic()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", 9870, timeout=30)
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        answered += connection.getresponse().status == 200
    except ConnectionRefusedError:
        refused += 1
    except (ConnectionResetError, http.client.RemoteDisconnected):
        pass  # it was accepted as the old one closed
    slowest = max(slowest, time.monotonic() - began)
    time.sleep(0.01)
print(refused, answered, slowest)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder: Path = tmp_path_factory.mktemp("machine")
    try:
        machine = Machine(folder)
        machine.start()
    except Unavailable as error:
        pytest.skip(str(error))
    try:
        machine.write("/srv/echo/app.py", CODE)
        machine.run("install", "-d", "-o", "pollerd", "-g", "pollerd", "-m", "700", "/var/lib/pollerd/seen")
        _set_password(machine, "first")
        lines = ["[Service]", "WatchdogSec=3", "TimeoutAbortSec=1", "LoadCredential=password:/root/password"]
        machine.write("/etc/systemd/system/pollerd.service.d/test.conf", "\n".join(lines))
        _configure(machine)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "pollerd")
        yield machine
    finally:
        machine.stop()


def _configure(
    machine: Machine, functions: tuple[str, ...] = ("echo",), mappings: dict[str, Any] | None = None
) -> None:
    told = {
        "state": "/var/lib/pollerd",
        "sandbox": "bubblewrap",
        "functions": dict.fromkeys(functions, QUIET),
        "event_source_mappings": mappings or {},
    }
    machine.write(CONFIG, json.dumps(told))  # JSON is YAML


def _set_password(machine: Machine, password: str) -> None:
    machine.write("/root/password", f"{password}\n")
    machine.run("chmod", "600", "/root/password")


def _invoke(machine: Machine, function: str) -> Any:  # whatever the function says
    script = (
        "import sys, urllib.request as r; "
        "print(r.urlopen(f'http://127.0.0.1:9870/2015-03-31/functions/{sys.argv[1]}/invocations', b'{}').read().decode())"
    )
    return json.loads(machine.run("python3", "-c", script, function).stdout)


def _seen(machine: Machine) -> list[str]:
    return machine.run("cat", "/var/lib/pollerd/seen/records", check=False).stdout.split()


def test_the_units_are_clean_and_shut_in(machine: Machine) -> None:
    verified = machine.run("systemd-analyze", "verify", *UNITS)

    assert verified.stdout + verified.stderr == ""
    for unit in ("pollerd.service", "pollerd@other.service"):
        machine.run("systemd-analyze", "security", f"--threshold={MOST_EXPOSURE}", "--no-pager", unit)


def test_it_is_started_when_it_is_ready_and_functions_see_nothing_of_it(machine: Machine) -> None:
    assert machine.shown("pollerd", "ActiveState") == "active"
    assert machine.shown("pollerd", "StatusText") == "0 of 0 mappings are ready"
    answer = _invoke(machine, "echo")
    assert (answer["told"], answer["hidden"]) == ([], [])


def test_a_credential_of_the_unit_is_a_secret_until_the_service_is_restarted(machine: Machine) -> None:
    machine.run("test", "-e", "/run/credentials/pollerd.service/password")
    assert _invoke(machine, "echo")["password"] == "first"

    _set_password(machine, "second")
    machine.run("systemctl", "reload", "pollerd")
    assert _invoke(machine, "echo")["password"] == "first"
    machine.run("systemctl", "restart", "pollerd")
    assert _invoke(machine, "echo")["password"] == "second"


def test_a_reload_has_happened_when_systemctl_returns(machine: Machine) -> None:
    _configure(machine, ("echo", "another"))
    machine.run("systemctl", "reload", "pollerd")

    assert _invoke(machine, "another")["told"] == []


def test_a_reload_that_is_refused_changes_nothing(machine: Machine) -> None:
    process = machine.shown("pollerd", "MainPID")
    machine.write(CONFIG, "functions: nonsense\n")
    machine.run("systemctl", "reload", "pollerd")

    assert machine.shown("pollerd", "ActiveState") == "active"
    assert machine.shown("pollerd", "MainPID") == process
    assert _invoke(machine, "echo")["told"] == []
    _configure(machine)
    machine.run("systemctl", "reload", "pollerd")


def test_a_daemon_that_hangs_is_killed_and_started_anew(machine: Machine) -> None:
    process = machine.shown("pollerd", "MainPID")
    machine.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", "pollerd")

    until(lambda: machine.shown("pollerd", "NRestarts") == "1", "systemd has killed and restarted it", 30)
    until(lambda: machine.shown("pollerd", "ActiveState") == "active", "the new one is ready", 30)
    assert machine.shown("pollerd", "MainPID") != process
    assert _invoke(machine, "echo")["told"] == []


def test_a_broker_that_is_away_is_no_reason_to_kill(machine: Machine) -> None:
    machine.run("systemctl", "stop", "redis-server")
    process = machine.shown("pollerd", "MainPID")
    _configure(machine, mappings={"work": LIST})
    machine.run("systemctl", "reload", "pollerd")

    until(
        lambda: machine.shown("pollerd", "StatusText").startswith("0 of 1 mappings are ready; work: "), "it says so", 20
    )
    machine.run("sleep", "4")  # more than the watchdog waits
    assert machine.shown("pollerd", "MainPID") == process
    machine.run("systemctl", "start", "redis-server")
    until(lambda: machine.shown("pollerd", "StatusText") == "1 of 1 mappings are ready", "it is back", 40)


def test_a_stop_under_load_finishes_what_runs_and_loses_nothing(machine: Machine) -> None:
    numbers = [str(number) for number in range(MESSAGES)]
    machine.run("redis-cli", "LPUSH", "work", *numbers)
    until(lambda: len(_seen(machine)) > 0, "work is under way", 30)
    machine.run("systemctl", "stop", "pollerd")

    stopped = _seen(machine)
    assert machine.shown("pollerd", "Result") == "success"
    assert len(stopped) == len(set(stopped)) < MESSAGES
    machine.run("systemctl", "start", "pollerd")
    until(lambda: len(_seen(machine)) >= MESSAGES, "the rest is done", 60)
    assert sorted(_seen(machine)) == sorted(numbers)


def test_connections_wait_while_the_daemon_is_restarted(machine: Machine) -> None:
    machine.run("systemctl", "stop", "pollerd")
    machine.run("systemctl", "start", "pollerd.socket")
    machine.run("systemctl", "start", "pollerd")
    command = "python3 - 8 & sleep 1; systemctl restart pollerd; wait"
    done = machine.run("sh", "-c", f"cat > /tmp/ask.py; {command.replace(' - ', ' /tmp/ask.py ')}", said=ASK)

    refused, answered, slowest = done.stdout.split()
    assert (refused, int(answered) > 0) == ("0", True)
    assert float(slowest) > 0.1, "no connection has waited"


def test_a_socket_that_listens_elsewhere_is_refused_in_words(machine: Machine) -> None:
    machine.run("systemctl", "stop", "pollerd", "pollerd.socket")
    machine.write(
        "/etc/systemd/system/pollerd.socket.d/test.conf", "[Socket]\nListenStream=\nListenStream=127.0.0.1:9999\n"
    )
    machine.write("/etc/systemd/system/pollerd.service.d/once.conf", "[Service]\nRestart=no\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "pollerd.socket")

    assert machine.run("systemctl", "start", "pollerd", check=False).returncode
    log = machine.run("journalctl", "--no-pager", "--lines", "5", "--unit", "pollerd").stdout
    assert "listens on 127.0.0.1 port 9999, and http.listen says 127.0.0.1 port 9870" in log


def test_it_goes_as_it_came(machine: Machine) -> None:
    machine.run("systemctl", "stop", "pollerd", "pollerd.socket", check=False)
    machine.run("/root/pollerd/systemd/install", "--uninstall")

    kept: subprocess.CompletedProcess[str] = machine.run("ls", "/etc/pollerd", "/etc/systemd/system", "/opt")
    assert "pollerd.yaml" in kept.stdout
    assert "pollerd.service\n" not in kept.stdout
