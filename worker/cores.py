"""Turns core files off for a process that holds keys: one would contain the keys and every answer being looked up.

It takes two settings, because neither is enough alone. A limit of zero is ignored where the kernel pipes cores to a
program, as with systemd-coredump; `PR_SET_DUMPABLE` exists only on Linux (setrlimit(2), prctl(2), core(5)). The second
one also keeps other processes of the same user from reading the memory: py-spy, gdb and strace then need root.
"""

from __future__ import annotations

import ctypes
import resource
import sys

_SET_DUMPABLE = 4


def leave_none() -> None:
    """From now on no crash of this process leaves its memory in a file. Processes that it starts inherit the limit.

    Only for a program of its own: inside another program (`worker.embedded`), that program decides.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
