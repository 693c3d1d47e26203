"""The main program of a generating process: takes one job over a pipe, and does it.

Not here: starting and ending it (processes.py), the jobs (receiver.py, publisher.py, churn.py).
Rule that always holds: what goes wrong is told over the pipe, in one sentence.
Run: python -m longwave.load.process DESCRIPTOR
"""

from __future__ import annotations

import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from longwave.load.messages import Broken


def main(descriptor: int) -> None:
    """Do the job that comes over the socket with this descriptor."""
    pipe = Connection(descriptor)
    try:
        pipe.recv().execute(pipe)
    except (EOFError, BrokenPipeError):
        return  # the conducting process has ended
    except Exception as error:
        with suppress(OSError):
            pipe.send(Broken(f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
