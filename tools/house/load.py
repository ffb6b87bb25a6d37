"""Many visitors at once, each request on a connection of its own.

One thread, one selector, raw sockets: a client has to cost far less than the server
it asks, and may send what no HTTP library would. As a browser or a proxy does, it hangs
up as soon as it has the whole answer: Odoo's workers wait up to 10 ms for that.
"""

import errno
import re
import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass, field

LARGEST_READ = 65536
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
UNDER_WAY = (0, errno.EINPROGRESS, errno.EAGAIN)


@dataclass
class Answers:
    """What came back: `statuses` counted, `latencies` in seconds, `errors` in words.

    `seconds` is how long all of it took, `kept` the answers' bytes in the order of the
    requests where they were asked for (None for a connection that broke).
    """

    statuses: Counter = field(default_factory=Counter)
    latencies: list = field(default_factory=list)
    errors: Counter = field(default_factory=Counter)
    kept: list = field(default_factory=list)
    seconds: float = 0.0

    def percentile(self, part):
        """Return the latency in ms that `part` of 100 requests stay within.

        >>> Answers(latencies=[0.004, 0.001, 0.002, 0.003]).percentile(50)
        2.0
        """
        ordered = sorted(self.latencies)
        rank = max(0, -(-len(ordered) * part // 100) - 1)
        return round(1000 * ordered[rank], 2)


class Crowd:
    """`clients` visitors who ask again as soon as they are answered.

    `source(number)` returns the loopback address a request comes from: each of
    127.0.0.0/8 is somebody else to the server.
    """

    def __init__(self, port, clients, patience=60, keep=False, source=None):
        self.address = ("127.0.0.1", port)
        self.clients, self.patience, self.keep = clients, patience, keep
        self.source, self.begun = source, 0
        self.answers = Answers()

    def ask(self, requests, seconds=None):
        """Send the requests, an iterable of bytes, all or for some seconds.

        What has begun is waited for, so that every answer is one the server gave.
        """
        began = time.perf_counter()
        self._until = began + seconds if seconds else None
        self._requests = iter(requests)
        self._selector = selectors.EpollSelector()
        self._open = 0
        for _client in range(self.clients):
            self._begin()
        while self._open:
            ready = self._selector.select(self.patience)
            for key, _events in ready:
                self._continue(key)
            if not ready:
                self._give_up()
        self._selector.close()
        self.answers.seconds = time.perf_counter() - began
        return self.answers

    def _begin(self):
        """Open a connection for the next request, if there is one."""
        now = time.perf_counter()
        if self._until and now >= self._until:
            return
        request = next(self._requests, None)
        if request is None:
            return
        number, self.begun = self.begun, self.begun + 1
        if self.keep:
            self.answers.kept.append(None)
        client = socket.socket()
        client.setblocking(False)
        if self.source:
            client.bind((self.source(number), 0))
        code = client.connect_ex(self.address)
        self._open += 1
        visit = _Visit(client, request, now, number)
        if code not in UNDER_WAY:
            self._selector.register(client, selectors.EVENT_WRITE, visit)
            self._end(visit, OSError(code, errno.errorcode.get(code)))
            return
        wanted = selectors.EVENT_READ if visit.send() else selectors.EVENT_WRITE
        self._selector.register(client, wanted, visit)

    def _continue(self, key):
        visit = key.data
        try:
            if visit.rest:
                if visit.send():
                    self._selector.modify(visit.client, selectors.EVENT_READ, visit)
                return
            chunk = visit.client.recv(LARGEST_READ)
        except OSError as error:
            # who refuses a request may hang up before reading it to its end
            self._end(visit, None if visit.answer else error)
            return
        visit.answer += chunk
        if not chunk or _is_complete(visit.answer):
            self._end(visit)

    def _end(self, visit, error=None):
        self._selector.unregister(visit.client)
        visit.client.close()
        self._open -= 1
        if error or not visit.answer:
            self.answers.errors[str(error or "no answer")] += 1
        else:
            self.answers.latencies.append(time.perf_counter() - visit.began)
            self.answers.statuses[_read_status(visit.answer)] += 1
            if self.keep:
                self.answers.kept[visit.number] = visit.answer
        self._begin()

    def _give_up(self):
        self._until = 1  # nobody begins again
        for key in list(self._selector.get_map().values()):
            self._end(key.data, TimeoutError(f"no answer in {self.patience} s"))


class _Visit:
    """One request and what has come back of its answer."""

    __slots__ = ("answer", "began", "client", "number", "rest")

    def __init__(self, client, request, began, number):
        self.client, self.rest, self.began = client, request, began
        self.number, self.answer = number, b""

    def send(self):
        """Send what can be sent now; return whether all of it is on its way.

        A server that answered and hung up before the end has heard enough.
        """
        try:
            sent = self.client.send(self.rest)
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            sent = len(self.rest)
        self.rest = self.rest[sent:]
        return not self.rest


def _is_complete(answer):
    """Tell whether an answer has come to its end, as far as it says how long it is.

    >>> head = b"HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n"
    >>> [_is_complete(head + body) for body in (b"", b"o", b"ok")]
    [False, False, True]
    >>> _is_complete(b"HTTP/1.0 200 OK\\r\\n\\r\\nwho knows")
    False
    """
    head, end, body = answer.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    return bool(end and length) and len(body) >= int(length[1])


def _read_status(answer):
    """Return the status of an answer; 0 for what is no HTTP.

    >>> _read_status(b"HTTP/1.0 302 FOUND\\r\\n"), _read_status(b"<html>")
    (302, 0)
    """
    protocol, _, rest = answer[:13].partition(b" ")
    status = rest[:3]
    return int(status) if protocol[:5] == b"HTTP/" and status.isdigit() else 0
