"""An identity provider on loopback that gives tokens for client credentials, signed with a key that Kafka knows."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import RSAKey

ISSUER, AUDIENCE, CLIENT, SECRET = "https://id.example.com", "kafka", "whodid", "client-secret"


class IdentityProvider:
    """`with IdentityProvider() as provider: provider.url`. What it answers may be changed while it runs."""

    def __init__(self):
        self._key = RSAKey.generate_key(2048, parameters={"kid": "k1", "use": "sig", "alg": "RS256"})
        #: Seconds from now until a token expires; before now for one that has expired.
        self.life = 600
        #: Who a token is about.
        self.subject = "whodid"
        #: What it answers instead of a token: status and body.
        self.instead = None
        #: Forms of all requests.
        self.asked = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.asked.append({name: values[0] for name, values in parse_qs(form).items()})
                status, body = provider.answer(self.headers.get("Authorization", ""))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Tests say what went wrong."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"

    def jwks(self):
        return json.dumps({"keys": [self._key.as_dict(private=False)]})

    def answer(self, authorization):
        if self.instead is not None:
            return self.instead
        wanted = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != wanted:
            return 401, b'{"error": "invalid_client", "error_description": "no such client"}'
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": self.subject, "iat": now - 3600, "exp": now + self.life}
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self._key)
        return 200, json.dumps({"access_token": token, "expires_in": max(self.life, 60)}).encode()

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
