"""A server that stands where an API server would: whatever a test has it say, over real HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = {"major": "1", "minor": "34", "gitVersion": "v1.34.4"}


class Server:
    """A server over HTTP that answers each path with what it was told, and keeps what it was asked."""

    def __init__(self):
        self.answers = {"/version": (200, json.dumps(VERSION))}
        self.asked = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append((self.path, self.headers))
                answer = server.answers.get(self.path.split("?")[0], (404, "{}"))
                code, body = answer.pop(0) if isinstance(answer, list) else answer
                self.send_response(code)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            do_PATCH = do_GET  # noqa: N815 (http.server's name)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def headers(self, name):
        return [headers.get_all(name) for _, headers in self.asked]

    def close(self):
        self.http.shutdown()
        self.http.server_close()
