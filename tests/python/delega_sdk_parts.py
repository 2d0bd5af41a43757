"""A client of either kind under one face: each call is awaited, and noted once it is answered."""

import contextlib
import inspect
from datetime import datetime, timezone

from delega import DelegaAPIError


class Calls(dict):
    """The methods that were answered, each with the parameters that it was given."""

    def note(self, name, method, args, kwargs):
        given = inspect.signature(method).bind(*args, **kwargs).arguments
        self.setdefault(name, set()).update(given)


class Part:
    """A client, or one of the groups of its methods."""

    def __init__(self, target, calls, path=""):
        self.target, self._calls, self._path = target, calls, path

    def __getattr__(self, name):
        found = getattr(self.target, name)
        path = f"{self._path}.{name}".lstrip(".")
        if not callable(found):
            return Part(found, self._calls, path)

        async def call(*args, **kwargs):
            answer = found(*args, **kwargs)
            if inspect.isawaitable(answer):
                answer = await answer
            self._calls.note(path, found, args, kwargs)
            return answer

        return call


@contextlib.contextmanager
def refused(kind, status, *words):
    """What is called inside is refused: the client raises just this error, and it says why."""
    try:
        yield
    except DelegaAPIError as error:
        assert (type(error), error.status_code) == (kind, status), repr(error)
        said = error.error_message
        # A text for people, not a body that the client could not read.
        assert said and not said.startswith("{"), said
        for word in words:
            assert word in said, said
    else:
        raise AssertionError(f"{status} was expected")


def ids(items):
    return [item.id for item in items]


def fields(item, **expected):
    """Asserts that the item has these values."""
    found = {name: getattr(item, name) for name in expected}
    assert found == expected, f"{found} instead of {expected}"
    return item


def time(text):
    """The instant that a text of protocol 0.4 names."""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    assert len(text) == len("2026-03-17T10:00:00.000Z"), text
    return at
