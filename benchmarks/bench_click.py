"""Opening a link: our ``/s/<code>`` beside Odoo's own ``link_tracker``, in one run.

Both doors look a code up, count the click and redirect. The same clients ask them in
turn, on the same two-worker server and database, each request as a new visitor. Prints
one row per door and the ratio, and writes ``benchmarks/results/click.json``.
"""

import http.client
import json
import statistics
import sys
import threading
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tools"))

from house import odoo
from house.cli import House
from house.serve import LiveServer
from house.venv import Venv

DATABASE = "referral_bench"
CLIENTS = 8
SECONDS = 5
ROUNDS = 3
LINKS = """
member = env["res.partner"].create({"name": "Bench", "member_state": "active"})
channel = env["referral.channel"].search([("kind", "=", "own")], limit=1)
ours = env["referral.link"]._obtain(member, channel, "/contactus")
peer = env["link.tracker"].create({"url": "/contactus", "title": "Bench"})
env.cr.commit()
print("CODES", ours.code, peer.code)
"""
COUNTS = """
print("COUNTS", env["referral.click"].search_count([]),
      env["link.tracker.click"].search_count([]))
"""


def main():
    """Measure both doors; return the results as written to the file."""
    house = House(Venv(odoo.find()))
    house.databases.create(DATABASE, replace=True)
    house.runner.run(
        *("-d", DATABASE, "-i", "link_tracker", "--stop-after-init", "--no-http"),
        log="bench-install.log",
    )
    ours, peer = _read(house, LINKS, "CODES")
    doors = {"referral /s/": f"/s/{ours}", "link_tracker /r/": f"/r/{peer}"}
    server = LiveServer(house.runner, DATABASE, log="bench-server.log")
    try:
        server.start()
        samples = _measure(server.pages, doors)
    finally:
        server.stop()
    results = {name: _summarise(rounds) for name, rounds in samples.items()}
    first, second = (row["requests_per_second"] for row in results.values())
    results["ratio"] = round(first / second, 2)
    results["counted"] = [int(word) for word in _read(house, COUNTS, "COUNTS")]
    house.databases.drop(DATABASE)
    return results


def _read(house, script, word):
    """Run a script on the database; return the words of its marked line."""
    printed = house.runner.script(DATABASE, script)
    [line] = [line for line in printed.splitlines() if word in line]
    return line.partition(word)[2].split()


def _measure(port, doors):
    """Return ``{door: [latencies of each round]}``; the doors take turns."""
    samples = {name: [] for name in doors}
    for path in doors.values():
        _ask(port, path, 1, [])
    for _round in range(ROUNDS):
        for name, path in doors.items():
            latencies = []
            threads = [
                threading.Thread(target=_ask, args=(port, path, SECONDS, latencies))
                for _client in range(CLIENTS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            samples[name].append(latencies)
    return samples


def _ask(port, path, seconds, latencies):
    """Ask for ``path`` until the time is up, each time as another visitor."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        visitor = {"User-Agent": f"Mozilla/5.0 ({time.monotonic_ns()})"}
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path, headers=visitor)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status not in (301, 302):
            raise SystemExit(f"{path} answered {answer.status}")
        latencies.append(time.monotonic() - started)


def _summarise(rounds):
    everything = sorted(value for latencies in rounds for value in latencies)
    return {
        "requests_per_second": round(
            statistics.median(len(latencies) / SECONDS for latencies in rounds), 1
        ),
        "p50_ms": round(1000 * everything[len(everything) // 2], 1),
        "p99_ms": round(1000 * everything[len(everything) * 99 // 100], 1),
        "requests": len(everything),
    }


if __name__ == "__main__":
    found = main()
    target = REPO / "benchmarks" / "results" / "click.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
