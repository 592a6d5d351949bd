"""Neuroglancer in headless Chromium: states in, pictures out.

A program of its own (``python photograph.py < request``), since the viewer's server and the browser belong in
no test process.  The request is JSON: ``chromium``, ``size`` and ``shots``, each with a viewer ``state`` and
the ``file`` that its picture is written to once all chunks are there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 90  # seconds a picture


def photograph(request: dict[str, Any]) -> None:
    """Take the pictures of a request.

    Raises:
        TimeoutError: the viewer has not shown all of a state after a while.
    """
    import neuroglancer
    import neuroglancer.server

    neuroglancer.server.set_server_bind_address("127.0.0.1")
    viewer = neuroglancer.Viewer()
    size = request["size"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [
                request["chromium"],
                *FLAGS,
                f"--user-data-dir={profile}",
                f"--window-size={size[0]},{size[1]}",
                viewer.get_viewer_url(),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with viewer.config_state.txn() as config:
                config.show_ui_controls = False
                config.show_panel_borders = False
                config.viewer_size = size
            for shot in request["shots"]:
                viewer.set_state(neuroglancer.ViewerState(shot["state"]))
                Path(shot["file"]).write_bytes(_picture(viewer))
        finally:
            browser.terminate()
            browser.wait(30)
            neuroglancer.server.stop()


def _picture(viewer: Any) -> bytes:
    """Return the PNG of what the viewer shows, once it shows all of it."""
    done = threading.Event()
    found: list[Any] = []

    def taken(reply: Any) -> None:
        found.append(reply)
        done.set()

    viewer.async_screenshot(taken)
    if not done.wait(PATIENCE):
        raise TimeoutError("the viewer has not shown everything")
    image: bytes = found[0].screenshot.image
    return image


if __name__ == "__main__":
    photograph(json.load(sys.stdin))
