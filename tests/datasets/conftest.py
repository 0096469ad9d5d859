"""A server on this machine from which files are downloaded."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Site:
    """Files by path, the requests for them, and how often an answer breaks off after some bytes."""

    def __init__(self, address):
        self.address = address
        self.files = {}
        self.requests = []
        self.breaks = []
        self.resumes = True
        self.status = None


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        site, wanted = self.server.site, self.headers.get("Range")
        site.requests.append((self.path, wanted))
        content = site.files.get(self.path)
        if content is None or site.status:
            self.send_error(site.status or 404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if start >= len(content):
            self.send_error(416)
            return
        start *= site.resumes
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = start + site.breaks.pop(0) if site.breaks else None
        self.wfile.write(content[start:stop])

    def log_message(self, *args):
        """Print nothing."""


@pytest.fixture
def site(monkeypatch):
    """Serve files at 127.0.0.1 for the time of a test, past any proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.site = Site(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.site
        server.shutdown()
        thread.join()
