"""Live servers with doors to a page, and strangers who open them in turn."""

import multiprocessing
import re
import socket
import statistics
import time
import urllib.request
from collections import Counter
from typing import NamedTuple

from house.load import Crowd
from house.report import Problem
from house.serve import LiveServer
from house.visitors import visit_as_strangers

COLLISION = re.compile(r"SERIALIZATION_FAILURE|could not serialize|deadlock detected")
ON_THE_WAY = (301, 302)  # 303 would be to another language, before any count
NO_CODE = "/s/!"  # what the door in front refuses without looking anything up
NOTHING = b"HTTP/1.0 302 FOUND\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"


class Site(LiveServer):
    """Odoo with two workers behind a proxy; a context manager."""

    def __init__(self, house, database, name, *options):
        quiet = ("--proxy-mode", "--max-cron-threads=0")
        log = f"bench-{name}.log"
        super().__init__(house.runner, database, log=log, options=(*quiet, *options))
        self.house = house

    def __enter__(self):
        try:
            self.start()
            self._settle()
        except BaseException:
            self.stop()
            raise
        return self

    def _settle(self, patience=60):
        """Wait for the websocket process too: it loads Odoo while pages are there."""
        health = f"http://127.0.0.1:{self.websockets}/websocket/health"
        for _second in range(patience):
            try:
                with urllib.request.urlopen(health, timeout=patience):
                    return
            except OSError:
                time.sleep(1)
        raise Problem(f"{health} does not answer.", f"read {self.log_path}.")

    def __exit__(self, *_error):
        self.stop()

    def count(self, query):
        return self.house.server.query(query, database=self.database)[0][0]

    def get_logs(self):
        yield self.log_path
        if self.house.server.is_private:
            yield self.house.server.data / "server.log"


class Door(NamedTuple):
    """An address of a site, and the query for how many visits it has counted."""

    name: str
    site: Site
    path: str
    query: str


class Turn(NamedTuple):
    """What some seconds at one door have shown."""

    answered: int
    counted: int
    wrong: Counter  # other statuses than redirects, and connections that broke
    collisions: int  # lines in the logs of Odoo and PostgreSQL
    rate: float  # answers a second
    latencies: tuple  # 50, 95, 99 and 100 % of the requests took this many ms
    own_cpu: float  # microseconds the clients themselves needed for a request


class Strangers:
    """Visitors who never come twice, however many doors they open."""

    def __init__(self):
        self.seen = 0

    def compare(self, doors, clients, rounds, seconds):
        """Open the doors in turn; return ``{door's name: figures}``."""
        turns = {door.name: [] for door in doors}
        for door in doors:
            self.open(door, clients, min(1, seconds))
        for _round in range(rounds):
            for door in doors:
                turns[door.name].append(self.open(door, clients, seconds))
        return {name: summarise(found) for name, found in turns.items()}

    def open(self, door, clients, seconds):
        """Open one door for some seconds, by as many at once; return a `Turn`."""
        logs = [(path, path.stat().st_size) for path in door.site.get_logs()]
        before, cpu = door.site.count(door.query), time.process_time()
        visits = visit_as_strangers(door.path, door.site.pages, self.seen)
        answers = Crowd(door.site.pages, clients).ask(visits, seconds)
        cpu = time.process_time() - cpu
        asked = answers.statuses.total() + answers.errors.total()
        self.seen += asked
        redirects = sum(answers.statuses.pop(code, 0) for code in ON_THE_WAY)
        return Turn(
            redirects,
            door.site.count(door.query) - before,
            answers.errors + answers.statuses,
            sum(_count_collisions(*log) for log in logs),
            redirects / answers.seconds,
            tuple(answers.percentile(part) for part in (50, 95, 99, 100)),
            1e6 * cpu / asked,
        )

    def measure_floor(self, site, clients, rounds, seconds):
        """Return the refusals a second: what a worker can do that does nothing."""
        rates = []
        for _round in range(rounds):
            visits = visit_as_strangers(NO_CODE, site.pages, self.seen)
            answers = Crowd(site.pages, clients).ask(visits, seconds)
            rates.append(answers.statuses[404] / answers.seconds)
        return round(statistics.median(rates), 1)


def summarise(turns):
    """Return the figures of a door: medians of its turns, sums of what it counted."""
    p50, p95, p99, worst = zip(*(turn.latencies for turn in turns), strict=True)
    return {
        "requests_per_second": round(statistics.median(turn.rate for turn in turns), 1),
        "p50_ms": round(statistics.median(p50), 2),
        "p95_ms": round(statistics.median(p95), 2),
        "p99_ms": round(statistics.median(p99), 2),
        "worst_ms": max(worst),
        "answered": sum(turn.answered for turn in turns),
        "counted": sum(turn.counted for turn in turns),
        "wrong": dict(sum((turn.wrong for turn in turns), Counter())),
        "collisions": sum(turn.collisions for turn in turns),
        "client_cpu_us": round(statistics.median(turn.own_cpu for turn in turns)),
    }


def _count_collisions(path, start):
    with path.open(errors="replace") as log:
        log.seek(start)
        return sum(1 for line in log if COLLISION.search(line))


def measure_ceiling(clients, seconds=2):
    """Return the requests a second of such clients at a server that does nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        arguments = (listener,)
        process = multiprocessing.Process(
            target=_answer_nothing, args=arguments, daemon=True
        )
        process.start()
        try:
            visits = visit_as_strangers("/s/x", port)
            answers = Crowd(port, clients).ask(visits, seconds)
        finally:
            process.kill()
            process.join()
    return round(len(answers.latencies) / answers.seconds)


def _answer_nothing(listener):
    while True:
        client, _address = listener.accept()
        client.recv(65536)
        client.sendall(NOTHING)
        client.close()
