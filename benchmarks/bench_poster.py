"""Posters: drawn for the first time, and from the cache; as a function and over HTTP.

An article with a photo of 1600 x 1000 pixels and a title in Chinese is shared by many
members, so every poster is another one. Half of each round's posters are new. The
road itself is measured with a code that does not exist, and Odoo's floor with its
``/web/health``. Prints a table and writes ``benchmarks/results/poster.json``.
"""

import http.client
import json
import os
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tools"))

from house import odoo
from house.cli import House
from house.serve import LiveServer
from house.venv import Venv

DATABASE = "referral_bench_poster"
LINKS, ROUNDS, AGAIN = 41, 4, 200
SCRIPT = """
import json, sys
sys.path.insert(0, {folder!r})
import poster_questions
print("ANSWER", json.dumps(poster_questions.{call}))
"""
TARGETS = {"function, cold": 150, "function, cached": 5}


def main():
    """Measure; return the results as written to the file."""
    house = House(Venv(odoo.find()))
    house.databases.create(DATABASE, replace=True)
    load = os.getloadavg()[0]
    codes = _run(house, f"make_world(env, {LINKS})")
    times = _run(house, f"ask(env, {codes!r}, {ROUNDS})")
    samples = {}
    for kind, spent in times.items():
        samples[f"function, {kind}"] = [wall for wall, _cpu in spent]
        samples[f"function, {kind}, CPU alone"] = [cpu for _wall, cpu in spent]
    server = LiveServer(house.runner, DATABASE, log="bench-server.log")
    try:
        server.start()
        samples |= _ask_all(server.pages, codes)
    finally:
        server.stop()
    house.databases.drop(DATABASE)
    return {
        "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
        "milliseconds": {
            name: _summarise(name, found) for name, found in samples.items()
        },
    }


def _run(house, call):
    """Call a function of poster_questions in Odoo; return its answer."""
    script = SCRIPT.format(folder=str(Path(__file__).parent), call=call)
    printed = house.runner.script(DATABASE, script)
    [line] = [line for line in printed.splitlines() if "ANSWER" in line]
    return json.loads(line.partition("ANSWER")[2])


def _ask_all(port, codes):
    """Return the times over HTTP; each worker is asked once before."""
    for _time in range(8):
        _ask(port, f"/referral/poster/{codes[0]}.png?design=1")
    drawn = [f"/referral/poster/{code}.png?design=4" for code in codes]
    cold = [_ask(port, path)[0] for path in drawn]
    _spent, etag = _ask(port, drawn[0])
    known = {"If-None-Match": etag}
    qr = f"/referral/qr/{codes[0]}.png"
    return {
        "HTTP, cold": cold,
        "HTTP, cached": [_ask(port, drawn[n % LINKS])[0] for n in range(AGAIN)],
        "HTTP, not modified": [_ask(port, drawn[0], known)[0] for _n in range(AGAIN)],
        "HTTP, QR code": [_ask(port, qr)[0] for _n in range(AGAIN)],
        "HTTP, the road: no such link": [
            _ask(port, "/referral/poster/none.png")[0] for _n in range(AGAIN)
        ],
        "HTTP, Odoo's /web/health": [
            _ask(port, "/web/health")[0] for _n in range(AGAIN)
        ],
    }


def _ask(port, path, headers=None):
    """Return milliseconds and ETag of one answer, on a connection of its own."""
    begin = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status >= 500:
        raise SystemExit(f"{path} answered {answer.status}")
    return 1000 * (time.perf_counter() - begin), answer.getheader("ETag")


def _summarise(name, found):
    found = sorted(found)
    return {
        "p50": round(found[len(found) // 2], 1),
        "p95": round(found[len(found) * 95 // 100], 1),
        "samples": len(found),
        "target": TARGETS.get(name),
    }


def print_table(results):
    """Print what a reader compares."""
    print(f"\n{'milliseconds':<34}{'p50':>8}{'p95':>8}{'target':>8}")
    for name, row in results["milliseconds"].items():
        print(f"{name:<34}{row['p50']:>8}{row['p95']:>8}{row['target'] or '':>8}")


if __name__ == "__main__":
    measured = main()
    target = REPO / "benchmarks" / "results" / "poster.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(measured, indent=2) + "\n")
    print_table(measured)
