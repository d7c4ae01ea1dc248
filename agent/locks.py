"""Files that one process at a time holds; the system lets go of them when the process dies, however it dies."""

from __future__ import annotations

import errno
import os
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
