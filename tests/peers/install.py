#!/usr/bin/env python3
"""Installs the real inference server and the real Python SDK into two environments below PREFIX.

usage: install.py [PREFIX]

PREFIX defaults to $XDG_CACHE_HOME/streamsdk/peers-1.8.3 (~/.cache/… when that is not set). Its path is the
last line on stdout. Takes a few minutes and about 2.3 GB the first time; later runs find the stamp, which
is written last, and return at once. An install that was broken off, or that was made from other
requirements, is made anew. Two runs at a time wait for each other.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSION = "1.8.3"
# Raise it when this file comes to install something else, or in another place.
LAYOUT = b"1"
# The requirements were resolved for 3.11, and some of them need that or later.
INTERPRETERS = ("python3.11", "python3", "python3.12")
OLDEST, NEWEST = (3, 11), (3, 12)
ENVIRONMENTS = {
    "server": "import torch, cv2, aiortc, inference",
    "client": "import cv2, aiortc, inference_sdk.webrtc",
}


def main() -> None:
    prefix = Path(sys.argv[1]) if len(sys.argv) > 1 else default_prefix()
    prefix = prefix.expanduser().absolute()
    prefix.mkdir(parents=True, exist_ok=True)
    with locked(prefix / ".lock") as lock:
        if not is_complete(prefix):
            install(prefix, Commands(lock))
    print(prefix)


def default_prefix() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "streamsdk" / f"peers-{VERSION}"


@contextmanager
def locked(path: Path):
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another install is under way; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def is_complete(prefix: Path) -> bool:
    stamp = prefix / ".complete"
    return stamp.is_file() and stamp.read_text() == fingerprint()


def fingerprint() -> str:
    """Changes when anything that decides what is installed changes."""
    digest = hashlib.sha256(LAYOUT)
    for name in ("torch_placeholder.py", "server-requirements.txt", "client-requirements.txt"):
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


def install(prefix: Path, commands: "Commands") -> None:
    python = find_interpreter()
    (prefix / ".complete").unlink(missing_ok=True)
    for name, imports in ENVIRONMENTS.items():
        say(f"installing the {name} into {prefix / name}")
        shutil.rmtree(prefix / name, ignore_errors=True)
        commands.run([python, "-m", "venv", prefix / name])
        install_requirements(prefix / name, HERE / f"{name}-requirements.txt", commands)
        if name == "server":
            add_torch_placeholder(prefix / name)
        compile_bytecode(prefix / name, commands)
        commands.run([prefix / name / "bin/python", "-c", imports])
    stamp = prefix / ".complete"
    unfinished = stamp.with_suffix(".part")
    unfinished.write_text(fingerprint())
    unfinished.replace(stamp)


def find_interpreter() -> str:
    seen = []
    for name in INTERPRETERS:
        version = interpreter_version(name)
        if version and OLDEST <= version <= NEWEST:
            return name
        seen.append(f"{name} {'is missing' if version is None else 'is %d.%d' % version}")
    oldest, newest = ("%d.%d" % v for v in (OLDEST, NEWEST))
    sys.exit(f"no Python from {oldest} to {newest}: {', '.join(seen)}. Install Python 3.11 with its venv module.")


def interpreter_version(name: str):
    question = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([name, "-c", question], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    major, minor = answer.split()
    return int(major), int(minor)


def install_requirements(directory: Path, requirements: Path, commands: "Commands") -> None:
    commands.run(
        [directory / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        + ["--no-deps", "--no-compile", "--requirement", requirements]
    )


def add_torch_placeholder(directory: Path) -> None:
    packages = site_packages(directory)
    shutil.copy(HERE / "torch_placeholder.py", packages)
    (packages / "torch_placeholder.pth").write_text("import torch_placeholder; torch_placeholder.install()\n")


def compile_bytecode(directory: Path, commands: "Commands") -> None:
    """Every session of the server starts a new Python: without bytecode that takes three times as long."""
    # Some packages carry test files that are no valid Python: what cannot be compiled is left alone.
    command = [directory / "bin/python", "-m", "compileall", "-qq", "-j", "0", site_packages(directory)]
    commands.run(command, may_fail=True)


def site_packages(directory: Path) -> Path:
    return next(directory.glob("lib/python3.*/site-packages"))


class Commands:
    """Runs what the install consists of.

    Each command inherits the lock: if this script is killed, nobody begins anew before its last command ended.
    """

    def __init__(self, lock):
        self._lock = lock
        unwanted = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
        self._environment = {key: value for key, value in os.environ.items() if key not in unwanted}

    def run(self, command: list, may_fail: bool = False) -> None:
        lock = (self._lock.fileno(),)
        result = subprocess.run(command, stdout=sys.stderr, env=self._environment, pass_fds=lock)
        if result.returncode and not may_fail:
            sys.exit(f"{' '.join(str(part) for part in command)} failed with status {result.returncode}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
