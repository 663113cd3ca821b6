"""Databases for tests: an SQLite file, and a real PostgreSQL server in a folder of its own.

The server is Debian's or Fedora's (``apt-get install postgresql``), found on PATH or under /usr/lib/postgresql. It
listens on a socket in its folder and nowhere else. PostgreSQL does not run as root, so root starts it as ``nobody``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MISSING = "no PostgreSQL server here (initdb and pg_ctl; on Debian: apt-get install postgresql)"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl; None where there is no server."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name))


@contextmanager
def postgresql() -> Iterator[str]:
    """A server with nothing in it; yields the address of its folder, ``postgresql://wenze@/{}?host=…``."""
    found = programs()
    assert found is not None, MISSING
    folder = Path(tempfile.mkdtemp(prefix="wenze-pg-"))
    own = {"user": "nobody", "cwd": "/"} if hasattr(os, "geteuid") and os.geteuid() == 0 else {}
    if own:
        shutil.chown(folder, "nobody")

    def run(program: str, *arguments: str) -> None:
        subprocess.run([found / program, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=60, **own)

    data = str(folder / "data")
    quick = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c shared_buffers=16MB"
    try:
        run("initdb", "-D", data, "-U", "wenze", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", quick, "start")
        yield f"postgresql://wenze@/{{}}?host={folder}"
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
