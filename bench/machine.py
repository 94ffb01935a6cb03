"""Processes, ports and what /proc says of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path, seconds: float = 30) -> None:
    """Return when somebody listens on `port`. Raises RuntimeError with the log when `process` ends or time is up."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}. Its last words:\n{last_words(log)}")


def last_words(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-12:])


def spawn(
    command: Iterable[str | Path], log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """A process of ours whose words go to `log`."""
    with log.open("wb") as output:
        return subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd,
            env=None if env is None else {**os.environ, **env},
        )  # fmt: skip


def stop(process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """End a process of ours; killed when it does not listen."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tree(root: int) -> list[int]:
    """`root` and every living descendant."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time that these processes used so far, in user mode and in the kernel."""
    ticks = sum(int(fields[11]) + int(fields[12]) for pid in pids if (fields := _stat(pid)))
    return ticks / _TICKS


def pss_mib(pids: Iterable[int]) -> float:
    """Memory of these processes in MiB, what they share counted once (proportional set size)."""
    return sum(_kib(pid, "smaps_rollup", "Pss:") for pid in pids) / 1024


def rss_mib(pid: int) -> float:
    """Resident memory of one process in MiB."""
    return _kib(pid, "status", "VmRSS:") / 1024


def _kib(pid: int, file: str, name: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    except OSError:
        pass  # it ended meanwhile
    return 0


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on (the second may hold anything)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
