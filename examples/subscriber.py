#!/usr/bin/env python3
"""Follows Baton's events on NATS and prints them, one JSON document a line.

    pip install nats-py
    python3 examples/subscriber.py --url "$(cat .baton/nats-url)" --from 1
    python3 examples/subscriber.py --subject 'baton.v1.default.task.completed.*'

The sequence of a message in the stream is the position of its event in the log. Keep the last
one you have dealt with, and begin after it next time: nothing is lost, and what you see twice
has the same id (openapi/asyncapi.yaml).
"""

import argparse
import asyncio
import json
import time

import nats
from nats.js.api import ConsumerConfig, DeliverPolicy

STREAM = "BATON"


def arguments():
    parser = argparse.ArgumentParser(description="Print Baton's events.")
    parser.add_argument("--url", default="nats://127.0.0.1:4222", help="address of NATS")
    parser.add_argument("--subject", default="baton.v1.>", help="which events")
    parser.add_argument("--from", dest="start", type=int, help="position of the first one; "
                        "without it, only what happens from now on")
    parser.add_argument("--count", type=int, help="end after so many")
    return parser.parse_args()


async def main():
    wanted = arguments()
    client = await nats.connect(wanted.url)
    if wanted.start is None:
        config = ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
    else:
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=wanted.start
        )
    # Ordered: the client notices a gap and asks again from where it was.
    subscription = await client.jetstream().subscribe(
        wanted.subject, stream=STREAM, config=config, ordered_consumer=True
    )
    print(json.dumps({"listening": wanted.subject}), flush=True)
    seen = 0
    async for message in subscription.messages:
        received = time.time()
        event = json.loads(message.data)
        line = {
            "sequence": message.metadata.sequence.stream,
            "received": received,
            "event": event,
        }
        print(json.dumps(line), flush=True)
        seen += 1
        if seen == wanted.count:
            break
    await client.close()


if __name__ == "__main__":
    asyncio.run(main())
