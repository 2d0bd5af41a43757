"""Holds deliveries, given as a JSON list on stdin, against two published verifiers of webhooks.

Each has `headers`, the `body` in base64 and the `secret`, and says which of them are to accept it:
`delega`, the verifier of that client, and `standard`, that of Standard Webhooks.
"""

import base64
import json
import sys

from delega import verify_webhook
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def verify_delega(headers, body, secret):
    signature, at = headers["x-delega-signature"], headers["x-delega-timestamp"]
    return verify_webhook(body, signature, at, secret)


def verify_standard(headers, body, secret):
    return Webhook(secret).verify(body, headers)


def refuses(verify, error, *request):
    try:
        verify(*request)
    except error:
        return True
    return False


def changed(headers, body, secret):
    """The same request with one thing changed."""
    yield headers, body.replace(b'"task', b'"Task', 1), secret
    yield headers, body + b" ", secret
    yield headers, body, "whsec_" + base64.b64encode(b"another key of 32 bytes in length").decode()
    # The same instant in other words, and another second: what is signed is the text.
    instant = headers["x-delega-timestamp"].replace("Z", "+00:00")
    second = str(int(headers["webhook-timestamp"]) + 1)
    yield headers | {"x-delega-timestamp": instant, "webhook-timestamp": second}, body, secret


def main(deliveries):
    for delivery in deliveries:
        headers, secret = delivery["headers"], delivery["secret"]
        body = base64.b64decode(delivery["body"])
        if delivery["delega"]:
            assert verify_delega(headers, body, secret) is True
        else:
            assert refuses(verify_delega, ValueError, headers, body, secret)
        for request in changed(headers, body, secret):
            assert refuses(verify_delega, ValueError, *request), request
        if not delivery["standard"]:
            continue
        assert verify_standard(headers, body, secret) == json.loads(body)
        for request in changed(headers, body, secret):
            assert refuses(verify_standard, WebhookVerificationError, *request), request
    print(len(deliveries))


if __name__ == "__main__":
    main(json.load(sys.stdin))
