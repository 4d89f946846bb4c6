"""One run a folder: a lock that the kernel lets go of when the run is gone, however it ended.

The run and each of its jobs hold the lock file shared, so that jobs that outlive a killed run still count. A
new run must have had it alone for a moment.
"""

import fcntl
import json
import os
import socket
from datetime import datetime
from pathlib import Path
from typing import IO

from sartext.core.errors import UserError

LOCK_FILE = Path(".snakemake") / "sartext.lock"
_JOB_FD = 9


def job_prefix(lock: Path = LOCK_FILE) -> str:
    """Return shell words that make a job hold the lock for as long as any process of it lives."""
    # a job on a node that does not see the folder has nothing to hold
    return f"if [ -r {lock} ]; then exec {_JOB_FD}< {lock}; flock -s {_JOB_FD} || true; fi; "


def hold_folder(title: str, lock: Path = LOCK_FILE) -> IO[str]:
    """Take the lock of this folder for a run.

    Args:
        title: what runs, told to whoever comes second.
        lock: the file, below the folder.

    Returns:
        The open lock file: the lock is held until it is closed, or the process ends. A job of a run has
        the run's.

    Raises:
        UserError: another run, or a job that a killed run left behind, is at work there.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    stream = lock.open("a+", encoding="utf-8")
    if inside_run(lock):
        return stream
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # between the two another run may have come first; it then holds the lock, and this one does not
        fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with stream:
            stream.seek(0)
            raise UserError(_said(stream.read(), lock)) from None
    stream.truncate(0)
    json.dump(
        {
            "title": title,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        },
        stream,
    )
    stream.flush()
    return stream


def inside_run(lock: Path = LOCK_FILE) -> bool:
    """Return whether this process came out of a job, which holds the lock for it."""
    try:
        return os.path.samestat(os.fstat(_JOB_FD), lock.stat())
    except OSError:
        return False


def _said(content: str, lock: Path) -> str:
    """Who holds the lock, and what to do."""
    folder, here = lock.absolute().parent.parent, socket.gethostname()
    try:
        run = json.loads(content)
        title, pid, host, since = run["title"], int(run["pid"]), run["host"], run["since"]
    except (ValueError, KeyError, TypeError):  # it has only just begun
        return f"{folder}: another run is at work in this folder; wait for it, or stop it"
    run = f"{title}, pid {pid}{'' if host == here else f' on {host}'}, since {since}"
    holders = _holders(lock) if host == here else []
    if holders and pid not in holders:
        return (
            f"{folder}: jobs of a killed run ({run}) are still at work in this folder; "
            f"wait for them, or stop them (kill {' '.join(map(str, holders))})"
        )
    return f"{folder}: another run ({run}) is at work in this folder; wait for it, or stop it (kill {pid})"


def _holders(lock: Path) -> list[int]:
    """Processes that have the lock file open, as far as this user may see."""
    inode, found = lock.stat(), set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        pid = int(link.parts[2])
        try:
            if pid != os.getpid() and os.path.samestat(link.stat(), inode):
                found.add(pid)
        except OSError:
            continue
    return sorted(found)
