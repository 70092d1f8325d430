"""A back end's side of gatecast with the standard library alone: sessions, the server API, webhooks.

    gatecast = Gatecast("https://app.example", api_url="http://127.0.0.1:9090", api_key=os.environ["GATECAST_API_KEY"])
    session = gatecast.check_session(bearer_token)                     # who calls, by the server's word
    gatecast.call("grant_add", user=session["sub"], resource="post:42", key="order-17")

Everything is refused as `Refused`, whose `code` is a name of docs/codes.md. Threads may share one object.
"""

import hashlib
import hmac
import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

TIMEOUT_S = 10
TRIES = 3
WEBHOOK_AGE_S = 300


class Refused(Exception):
    """`temporary`: the same again may succeed. `code`: what to look up in docs/codes.md."""

    def __init__(self, code, message, status=0):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.temporary = status in (0, 429) or status >= 500


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key and the token are for one address; whoever answers with another one does not get them."""

    def redirect_request(self, *_):
        return None


class Gatecast:
    def __init__(self, url, api_url="http://127.0.0.1:9090", api_key=""):
        self._url = url.rstrip("/")
        self._api_url = api_url.rstrip("/")
        self._api_key = api_key
        self._opener = urllib.request.build_opener(_NoRedirects)

    def check_session(self, token):
        """The token's user `sub`, session `sid` and claims, while its session stands (RFC 7662).

        The key needs the scope `sessions`. Python has no Ed25519 of its own, so the server is asked; that also
        refuses sessions that have ended, which a signature cannot know.
        """
        if not re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", token or "", re.ASCII):
            raise Refused("token_malformed", "not a token", 401)
        body = urllib.parse.urlencode({"token": token}).encode()
        answer = self._post(f"{self._url}/oauth/introspect", body, "application/x-www-form-urlencoded")
        if not answer["active"]:
            raise Refused("session_unknown", "the token is not good, or its session has ended", 401)
        return answer

    def call(self, method, idempotency_key=None, **params):
        """A method of docs/api.md. Repeated under one idempotency key when the answer is lost: one call, one effect."""
        body = json.dumps(params).encode()
        key = idempotency_key or str(uuid.uuid4())
        answer = self._post(f"{self._api_url}/api/{method}", body, "application/json", {"Idempotency-Key": key})
        if "error" in answer:
            raise Refused(answer["error"]["name"], answer["error"]["message"], 400)
        return answer["result"]

    def _post(self, url, body, content_type, headers=None):
        request = urllib.request.Request(url, body, {"Content-Type": content_type, "X-API-Key": self._api_key})
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        for left in reversed(range(TRIES)):
            try:
                return self._once(request)
            except Refused as refused:
                if not refused.temporary or left == 0:
                    raise
                time.sleep(0.1 * 4 ** (TRIES - 1 - left))

    def _once(self, request):
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            try:
                told = json.load(error)
                raise Refused(told["code"], told.get("error_description") or told["error"], error.code) from None
            except (ValueError, KeyError, TypeError):
                raise Refused("internal", f"HTTP {error.code} without a code", error.code) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Refused("temporarily_unavailable", f"no answer: {type(error).__name__}") from error


def webhook_events(signature, body, secret, now=None):
    """The events of a webhook's body (bytes, as they came), or None where the server did not send it.

    They come in order and at least once: pass over what is not above the highest `seq` dealt with.
    """
    match = re.fullmatch(r"t=(\d{1,12}),v1=([0-9a-f]{64})", signature or "", re.ASCII)
    if not match or abs((now or time.time()) - int(match[1])) > WEBHOOK_AGE_S:
        return None
    expected = hmac.new(secret.encode(), match[1].encode() + b"." + body, hashlib.sha256).hexdigest()
    return json.loads(body)["events"] if hmac.compare_digest(expected, match[2]) else None
