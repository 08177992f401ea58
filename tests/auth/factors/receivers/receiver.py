# Answers mailtwist: a WSGI application; `right` is yours.
import hmac
import json
import os
import time
from base64 import b64decode, b64encode

KEY = b64decode(os.environ["MAILTWIST_KEY"].removeprefix("whsec_"))


def signature(id, at, body):
    return "v1," + b64encode(hmac.digest(KEY, f"{id}.{at}.".encode() + body, "sha256")).decode()


def application(environ, start_response):
    id, at = environ["HTTP_WEBHOOK_ID"], environ["HTTP_WEBHOOK_TIMESTAMP"]
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    signed = hmac.compare_digest(signature(id, at, body), environ["HTTP_WEBHOOK_SIGNATURE"])
    if not signed or abs(time.time() - int(at)) > 300:
        start_response("401 Unauthorized", [])
        return []
    asked = json.loads(body)
    ok = asked["type"] == "login.code" and right(asked["user"], asked["code"])
    answer = json.dumps({"ok": ok, "nonce": asked["nonce"]}).encode()
    headers = {"webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature(id, at, answer)}
    start_response("200 OK", [("Content-Type", "application/json"), *headers.items()])
    return [answer]


def right(user, code):
    raise NotImplementedError
