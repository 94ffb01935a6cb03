"""A pager for trying things out: prints every page it gets.    python3 examples/pager.py [PORT]"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Pager(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if said.get("type") == "page":
            incident = said["incident"]
            print(f"\a{incident['severity']}  {incident['title']}  for {said['user']}: {said['reason']}")
            print(f"    room:        {incident['url']}\n    acknowledge: {said['acknowledge_url']}", flush=True)
        else:  # an update, or what a room is told
            print(f"{self.path}  {json.dumps(said)[:300]}", flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9900
    print(f"waiting for pages on http://127.0.0.1:{port}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", port), Pager).serve_forever()
