"""A socket that listens, and a thread for each connection: what servers of these tests are made of."""

from __future__ import annotations

import socket
import threading


class Listener:
    """Calls `serve`, which a subclass has, with each connection; `close` ends them all."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=family)
        host = f"[{address}]" if ":" in address else address
        self.address = f"{host}:{self.listener.getsockname()[1]}"
        self.held: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return
            self.held.append(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock: socket.socket) -> None:
        raise AssertionError("a subclass serves")

    def close(self) -> None:
        self.listener.close()
        for sock in self.held:
            sock.close()
