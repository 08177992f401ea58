# Hears from mailtwist that somebody is to be asked: a WSGI application; `ask` is yours.
import hmac
import json
import os
import time
from base64 import b64decode, b64encode

KEY = b64decode(os.environ["MAILTWIST_KEY"].removeprefix("whsec_"))


def application(environ, start_response):
    id, at = environ["HTTP_WEBHOOK_ID"], environ["HTTP_WEBHOOK_TIMESTAMP"]
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    right = hmac.digest(KEY, f"{id}.{at}.".encode() + body, "sha256")
    signature = "v1," + b64encode(right).decode()
    signed = hmac.compare_digest(signature, environ["HTTP_WEBHOOK_SIGNATURE"])
    if not signed or abs(time.time() - int(at)) > 300:
        start_response("401 Unauthorized", [])
        return []
    asked = json.loads(body)
    if asked["type"] == "login.approval":
        ask(asked["user"], f"{asked['client']} from {asked['address']}", asked["approve"])
    start_response("202 Accepted", [])
    return []


def ask(user, words, link):
    raise NotImplementedError
