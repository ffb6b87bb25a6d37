"""Progress that a person can follow, and problems that say what to do."""

import os
import re
import select
import subprocess
import sys
import time
from contextlib import contextmanager

HEARTBEAT = 10  # seconds without a line after which a long step shows a sign of life
LOG_HEAD = re.compile(r"^\d{4}-\d\d-\d\d \S+ \d+ [A-Z]+ \S+ \S+: ")
STARTED = float(os.environ.setdefault("REFERRAL_STARTED", str(time.time())))


class Problem(Exception):
    """Something foreseeable is wrong: one sentence what, one what to do."""

    def __init__(self, what, remedy):
        super().__init__(f"{what}\n  What to do: {remedy}")
        self.what = what
        self.remedy = remedy


def say(text):
    """Print one line, led by the seconds since the command was started."""
    print(f"{time.time() - STARTED:5.0f}s  {text}", file=sys.stderr, flush=True)


@contextmanager
def step(title):
    """Announce a step, then say how long it took."""
    say(f"{title} ...")
    begin = time.time()
    yield
    say(f"{title}: done in {time.time() - begin:.0f} s")


class Failed(Exception):
    """A program ended with an error; `tail` holds its last lines."""

    def __init__(self, argv, code, lines):
        self.code = code
        self.tail = "\n".join(f"    {line}" for line in lines[-15:])
        super().__init__(f"{argv[0]} ended with code {code}\n{self.tail}")


def run(argv, *, log=None, watch=None, **kwargs):
    """Run a program quietly and return its output lines; raise `Failed` on an error.

    Its output goes to the file `log` as well when one is given. `watch(line)` may
    return a short text to show as progress; without one, the last line is shown
    every `HEARTBEAT` seconds.
    """
    process = subprocess.Popen(
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **kwargs,
    )
    try:
        with process.stdout:
            lines = _follow(process.stdout, log, watch)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    code = process.wait()
    if code:
        raise Failed([str(argv[0])], code, lines)
    return lines


def _follow(stream, log, watch):
    lines, spoken = [], time.time()
    sink = open(log, "a", encoding="utf-8") if log else None  # noqa: SIM115
    try:
        for line in _read_lines(stream):
            if line is not None:
                lines.append(line)
                if sink:
                    print(line, file=sink, flush=True)
            news = watch(line) if watch and line is not None else None
            if not news and time.time() - spoken > HEARTBEAT:
                news = brief(lines[-1]) if lines else "still working"
            if news:
                say(f"  {news}")
                spoken = time.time()
    finally:
        if sink:
            sink.close()
    return lines


def brief(line):
    """Return a log line without its head, short enough for a progress note.

    >>> brief("2026-01-31 12:00:00,000 12 INFO db odoo.models: computing a field ")
    'computing a field'
    """
    return LOG_HEAD.sub("", line).strip()[:90]


def _read_lines(stream):
    """Yield the lines of a pipe as they come, and None for each second of silence."""
    rest = b""
    while True:
        if not select.select([stream], [], [], 1)[0]:
            yield None
            continue
        chunk = os.read(stream.fileno(), 65536)
        if not chunk:
            break
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace").rstrip() for line in whole)
    if rest:
        yield rest.decode(errors="replace").rstrip()
