"""A receiver of another make: Python's own HTTP server, which fails now and then and prints what it took."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

requests = 0


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global requests
        requests += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if requests % 5 == 2:
            return self.say(503, {"Retry-After": "0"})
        if requests % 5 != 3:
            for event in json.loads(body)["events"]:
                print(event["id"], flush=True)
            return self.say(200, {})
        self.close_connection = True  # reads, and hangs up without an answer

    def say(self, code, headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
