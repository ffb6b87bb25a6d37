"""One port before the two of a multi-worker Odoo.

With workers, Odoo answers pages on one port and websockets on another, and expects
a reverse proxy to tell them apart. This is the smallest one: it reads the first line
of a connection, chooses the port, and from then on copies bytes both ways. A
browser opens a websocket on a connection of its own, so the first line is enough.
"""

import asyncio
import socket
import threading

LARGEST_HEAD = 65536


def free_port():
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_free(port):
    """True when a server may listen on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Front:
    """Listens on `port` until `stop` is called, in a thread of its own."""

    def __init__(self, port, pages, websockets):
        self.port, self.pages, self.websockets = port, pages, websockets
        self._loop = asyncio.new_event_loop()
        self._listener = None
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="front", daemon=True
        )

    def start(self):
        self._thread.start()
        listen = asyncio.start_server(
            self._serve, "127.0.0.1", self.port, limit=LARGEST_HEAD
        )
        future = asyncio.run_coroutine_threadsafe(listen, self._loop)
        self._listener = future.result(timeout=10)

    def stop(self):
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _close(self):
        self._listener.close()
        open_connections = asyncio.all_tasks() - {asyncio.current_task()}
        for task in open_connections:
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)

    async def _serve(self, reader, writer):
        try:
            first = await reader.readuntil(b"\n")
            port = self.websockets if is_websocket(first) else self.pages
            inner_reader, inner_writer = await asyncio.open_connection(
                "127.0.0.1", port
            )
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.close()
            return
        inner_writer.write(first)
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))


def is_websocket(first_line):
    """True for the request line that opens Odoo's websocket.

    >>> is_websocket(b"GET /websocket?version=19.0-2 HTTP/1.1\\n")
    True
    >>> is_websocket(b"GET /websocketlike HTTP/1.1\\n")
    False
    """
    target = first_line.split(b" ")[1:2]
    return (
        target == [b"/websocket"] or target[:1] and target[0].startswith(b"/websocket?")
    )


async def _copy(reader, writer):
    try:
        while chunk := await reader.read(LARGEST_HEAD):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
