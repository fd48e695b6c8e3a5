"""One cell in a process of its own, for :mod:`.processes`: ``python -m`` this module.

The cell comes as a line of JSON on standard input. When that closes, because the process that
started this one wants it to stop or is no more, this one stops as after Ctrl-C: the training is
saved.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading

from pointillist.benchmark.cells import CellTaken, Work
from pointillist.errors import PointillistError

#: Exit codes beside those of errors: another process is at the cell; stopped, and saved.
TAKEN, STOPPED = 75, 130


def main() -> int:
    """Runs the cell; what it has to say is for a log."""
    import cv2

    # A shell starts what runs in the background with Ctrl-C ignored, which would be passed on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cv2.setNumThreads(int(os.environ["OMP_NUM_THREADS"]))
    work = Work.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_stop_when_left, daemon=True).start()
    try:
        work.run()
    except CellTaken as error:
        print(error.what)
        return TAKEN
    except PointillistError as error:
        print(error)
        return error.exit_code
    except KeyboardInterrupt:
        return STOPPED
    return 0


def _stop_when_left() -> None:
    while os.read(0, 1):
        pass
    _thread.interrupt_main()


if __name__ == "__main__":
    sys.exit(main())
