"""Calls every method of a published Delega client, with every parameter, on a running Baton.

    delega_sdk.py {sync,async} BASE_URL

BATON_SDK_KEY is the key of the only agent of a fresh account, an admin. BATON_SDK_LIMITED_URL is a
node of the same account that grants one read a minute. What the methods are is read from the
client itself: one that is not called here is a failure. Says at the end how many there are.
"""

import argparse
import asyncio
import contextlib
import inspect
import json
import os
import sys

import delega
from delega_sdk_checks import CHECKS, Team
from delega_sdk_parts import Calls, Part, refused

KINDS = {"sync": "Delega", "async": "AsyncDelega"}


def methods(client):
    """The public methods of a client and of its parts, each with the names of its parameters."""
    found = {}
    for part, holder in [("", client), *vars(client).items()]:
        if part.startswith("_"):
            continue
        for name, method in inspect.getmembers(type(holder), inspect.isroutine):
            if not name.startswith("_"):
                parameters = list(inspect.signature(method).parameters.values())[1:]
                named = {one.name for one in parameters if one.kind != one.VAR_KEYWORD}
                found[f"{part}.{name}".lstrip(".")] = named
    return found


class Clients:
    """Makes clients of one kind whose calls are noted, and closes them."""

    def __init__(self, kind, base_url, exit_stack):
        self.type = getattr(delega, KINDS[kind])
        self.base_url = base_url
        self.calls = Calls()
        self.exit_stack = exit_stack

    async def client(self, key, base_url=None):
        client = self.type(api_key=key, base_url=base_url or self.base_url)
        if hasattr(client, "__aenter__"):
            await self.exit_stack.enter_async_context(client)
        return Part(client, self.calls)


async def check_limits(clients, key, base_url):
    """One read a minute is granted, so the second is one too many."""
    limited = await clients.client(key, base_url)
    await limited.me()
    with refused(delega.DelegaRateLimitError, 429):
        await limited.me()


async def check_close(clients, key):
    client = await clients.client(key)
    if clients.type is delega.Delega:
        return
    await client.aclose()
    try:
        await client.me()
    except RuntimeError:
        return
    raise AssertionError("a closed client went on")


def missed(client, calls, base_url):
    """What was never called, or never with this parameter."""
    # The client refuses it elsewhere, which the checks see.
    without = set() if base_url.endswith("/v1") else {"usage"}
    wanted = {name: named for name, named in methods(client).items() if name not in without}
    for name, named in wanted.items():
        if name not in calls:
            yield name
        else:
            yield from (f"{name}({one}=)" for one in sorted(named - calls[name]))


async def main(kind, base_url):
    key = os.environ["BATON_SDK_KEY"]
    async with contextlib.AsyncExitStack() as exit_stack:
        clients = Clients(kind, base_url, exit_stack)
        admin = await clients.client(key)
        team = await Team.of(clients, admin)
        for check in CHECKS:
            print(check.__name__, flush=True)
            await check(team)
        await check_limits(clients, key, os.environ["BATON_SDK_LIMITED_URL"])
        await check_close(clients, key)
        found = sorted(missed(admin.target, clients.calls, base_url))
        there = len(methods(admin.target))
    print(json.dumps({"methods": there, "missed": found}))
    return 1 if found else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("base_url", help="as a user of the client gives it")
    wanted = parser.parse_args()
    sys.exit(asyncio.run(main(wanted.kind, wanted.base_url)))
