"""How long, how many queries and how much memory a piece of work took.

Runs inside `odoo shell`.
"""

import os
import threading
import time
from pathlib import Path

PAGE = os.sysconf("SC_PAGESIZE")


def _read_memory():
    """Return the memory this process holds, in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


class Clock:
    """Measures what is done inside of it; a context manager.

    Memory is looked at twenty times a second, against what the process held before.
    """

    def __init__(self, env):
        self.env = env
        self.seconds = self.queries = self.peak = 0

    def __enter__(self):
        self.start = self.peak = _read_memory()
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        self.queries = self.env.cr.sql_log_count
        self.seconds = time.perf_counter()
        return self

    def __exit__(self, *_error):
        self.seconds = time.perf_counter() - self.seconds
        self.queries = self.env.cr.sql_log_count - self.queries
        self._done.set()
        self._watch.join()

    def _look(self):
        while not self._done.wait(0.05):
            self.peak = max(self.peak, _read_memory())

    def report(self, lines, **more):
        """Return the figures of so many lines."""
        return {
            "lines": lines,
            **more,
            "seconds": round(self.seconds, 3),
            "lines_a_second": round(lines / self.seconds),
            "microseconds_a_line": round(1e6 * self.seconds / max(lines, 1), 1),
            "queries": self.queries,
            "megabytes_before": round(self.start),
            "megabytes_more": round(max(self.peak, _read_memory()) - self.start),
        }
