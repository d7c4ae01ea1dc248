"""Files that one process at a time holds; the system lets go of them when the process dies, however it dies."""

from __future__ import annotations

import errno
import os
import time
from typing import IO


def take(file: IO[bytes]) -> bool:
    """Hold an open file until it is closed; False where another process does. Does not wait."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True


def wait_for(file: IO[bytes], seconds: float) -> bool:
    """Hold an open file as soon as nobody else does; False where that takes longer."""
    until = time.monotonic() + seconds
    while not take(file):
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)
    return True


def let_go(file: IO[bytes]) -> None:
    """Give up what `take` took, also where a child process has the file open still."""
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)
