"""Answers a request of its own, says what it was given, and ends when its input does."""

import http.server
import sys
import threading
import urllib.request

try:
    from own_option import TEXT
except ImportError:
    TEXT = "none"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
with urllib.request.urlopen("http://127.0.0.1:%d/" % server.server_port) as response:
    print("answer: %d" % response.status)
print("own option: %s" % TEXT, flush=True)

sys.stdin.read()
server.shutdown()
