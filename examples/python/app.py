#!/usr/bin/env python3
"""A small back end: GET /me says who calls, POST /buy/<post> sells a post, POST /hooks/gatecast takes webhooks.

    GATECAST_URL=http://127.0.0.1:3002 GATECAST_API_URL=http://127.0.0.1:9090 GATECAST_API_KEY=… \\
    GATECAST_WEBHOOK_SECRET=… python3 app.py 8000
"""

import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gatecast import Gatecast, Refused, webhook_events

BODY_BYTES = 512 * 1024
gatecast = Gatecast(os.environ["GATECAST_URL"], os.environ["GATECAST_API_URL"], os.environ["GATECAST_API_KEY"])
webhook_secret = os.environ["GATECAST_WEBHOOK_SECRET"]


class Handler(BaseHTTPRequestHandler):
    def session(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused("token_missing", "send Authorization: Bearer", 401)
        return gatecast.check_session(token.strip())

    def do_GET(self):
        self.answered(lambda: {"user": self.session()["sub"]} if self.path == "/me" else None)

    def do_POST(self):
        body = self.body()
        if body is None:
            return self.reply(413, {"code": "body_too_large"})
        if self.path == "/hooks/gatecast":
            return self.take_webhook(body)
        bought = re.fullmatch(r"/buy/(\w{1,40})", self.path, re.ASCII)
        self.answered(lambda: self.buy(bought[1]) if bought else None)

    def buy(self, post):
        """Here a real shop takes the money first. The key makes a purchase that is sent twice one purchase."""
        user = self.session()["sub"]
        done = gatecast.call("grant_add", user=user, resource=f"post:{post}", key="shop")
        return {"post": post, "new": done["changed"]}

    def take_webhook(self, body):
        events = webhook_events(self.headers.get("Gatecast-Signature"), body, webhook_secret)
        for event in events or []:
            print(event["seq"], event["type"], event.get("user", ""), flush=True)
        self.reply(401 if events is None else 200, {})

    def body(self):
        size = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(size) if 0 <= size <= BODY_BYTES else None

    def answered(self, work):
        try:
            answer = work()
        except Refused as refused:
            return self.reply(refused.status or 503, {"success": False, "code": refused.code})
        self.reply(404 if answer is None else 200, answer or {"success": False, "code": "not_found"})

    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Its own log would have what came in; the proxy in front keeps one."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
