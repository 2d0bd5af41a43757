#!/usr/bin/env python3
"""A webhook receiver that believes only what it can verify.

usage: receiver.py PORT_FILE LOG_FILE

Listens on a free port of 127.0.0.1, writes the port to PORT_FILE, and appends one line to
LOG_FILE for every delivery whose signature is right: the event, the task's content and its
result. Deliveries are answered 200, forgeries 401. The secret comes from BATON_WEBHOOK_SECRET.
"""

import hashlib
import hmac
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


def is_genuine(body: bytes, signature: str, secret: str) -> bool:
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"sha256={expected}", signature)


class Receiver(BaseHTTPRequestHandler):
    seen = set()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signature = self.headers.get("X-Delega-Signature", "")
        genuine = is_genuine(body, signature, os.environ["BATON_WEBHOOK_SECRET"])
        self.send_response(200 if genuine else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()
        # A delivery may come twice; its id tells.
        delivery = self.headers.get("X-Delega-Delivery")
        if genuine and delivery not in self.seen:
            self.seen.add(delivery)
            self.note(json.loads(body))

    def note(self, delivery):
        task = delivery["task"]
        result = task["metadata"].get("result", "")
        line = f'{delivery["event"]}: "{task["content"]}" by {task["completed_by"]}: {result}'
        with open(sys.argv[2], "a", encoding="utf-8") as log:
            log.write(line + "\n")

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
with open(sys.argv[1] + ".new", "w", encoding="utf-8") as port_file:
    port_file.write(str(server.server_port))
os.replace(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
