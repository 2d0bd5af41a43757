"""Hooks of the fuzzer: addresses that lead somewhere, and waits that end.

Of four calls that name something in their path three name something that was made for the call, in
a state in which the operation can be done. The fourth keeps what the fuzzer made up, or found in
an answer. What the run itself lives on is never changed.
"""

import itertools
import os
import uuid

import requests
import schemathesis

URL = os.environ["BATON_FUZZ_URL"]
ADMIN = {"Authorization": f"Bearer {os.environ['BATON_FUZZ_TOKEN']}"}
# Of the run.
CREDENTIAL = dict([os.environ["BATON_FUZZ_HEADER"].split(": ", 1)])
# A webhook with a delivery, for what needs one.
HOOK, DELIVERY = os.environ["BATON_FUZZ_HOOK"], os.environ["BATON_FUZZ_DELIVERY"]
# Ids and names of what the run lives on.
KEPT = {HOOK, *os.environ["BATON_FUZZ_KEPT"].split()}
TIMEOUT = 40
# Keeps names of several runs against one Baton apart.
RUN = uuid.uuid4().hex[:8]

# What calls wait by, how long if they do not say it, and how long at most.
WAITS = {"listEvents": ("wait", 0, 30), "waitForTask": ("timeout", 25, 60)}
# What brings a task into the state from which the operation starts.
BEFORE = {"uncompleteTask": "complete", "retryTask": "fail"}

# What only agents do, and of this what only the holder of a task does.
OF_AGENTS = {"claimTask", "claimNextTask", "heartbeatTask", "setTaskState"}
OF_HELD = {"heartbeatTask", "setTaskState", "releaseTask"}

session = requests.Session()
names = itertools.count()
turns, shared, makers, holders = {}, {}, {}, {}


def made(path, body, credential=ADMIN):
    response = session.post(URL + path, json=body, headers=credential, timeout=TIMEOUT)
    response.raise_for_status()
    return response.json()


def change_webhook(webhook, changes):
    path = f"{URL}/webhooks/{webhook}"
    session.patch(path, json=changes, headers=ADMIN, timeout=TIMEOUT).raise_for_status()


def task(operation):
    body = {"content": f"Task {next(names)} of the fuzzer"}
    if operation == "supersedeTaskContext":
        body["context"] = {"result": 5}
    one = made("/tasks", body, CREDENTIAL)["id"]
    if operation in BEFORE:
        made(f"/tasks/{one}/{BEFORE[operation]}", {}, CREDENTIAL)
    if operation in OF_HELD:
        holders[one] = claimer()
        made(f"/tasks/{one}/claim", {}, holders[one])
    return one


def claimer():
    """The credential of an agent that the fuzzer does not know."""
    return {"X-Agent-Key": made("/agents", {"name": f"claimer-{RUN}-{next(names)}"})["api_key"]}


def late_completion(on):
    """Of somebody who had lost its claim."""
    holder = claimer()
    generation = made(f"/tasks/{on}/claim", {}, holder)["task"]["claim_generation"]
    made(f"/tasks/{on}/release", {})
    body = {"claim_generation": generation, "metadata": {"result": 5}}
    late = session.post(f"{URL}/tasks/{on}/complete", json=body, headers=holder, timeout=TIMEOUT)
    return late.json()["late_completion"]["id"]


def agent(operation):
    return made("/agents", {"name": f"fuzzed-{RUN}-{next(names)}"})["id"]


def webhook(operation):
    if operation == "redeliver":
        change_webhook(HOOK, {"active": True})
    if operation in ("redeliver", "listDeliveries"):
        return HOOK
    return made("/webhooks", {"url": "http://127.0.0.1:9/", "active": False})["id"]


def delivery(operation):
    return DELIVERY


def project(operation):
    return made("/projects", {"name": f"fuzzed {next(names)}"})["id"]


def recurrence(operation):
    # In ages, so that no task comes of it.
    body = {"content": "Fuzzed", "rule_type": "daily", "next_due_at": "2999-01-01T00:00:00Z"}
    return made("/recurrences", body, CREDENTIAL)["id"]


def event(operation):
    """The one that a task was made by."""
    path = f"{URL}/tasks/{task(operation)}/events?limit=1"
    return session.get(path, headers=CREDENTIAL, timeout=TIMEOUT).json()["items"][0]["id"]


# What hangs on a task: its list, and what makes one.
HANGING = {
    "comment_id": ("comments", {"content": "Fuzzed"}),
    "subtask_id": ("subtasks", {"content": "Fuzzed"}),
    "link_id": ("links", {"kind": "pr", "ref": "41"}),
}


def hanging(name, on):
    kind, body = HANGING[name]
    return lambda operation: made(f"/tasks/{on}/{kind}", body, CREDENTIAL)["id"]


MAKERS = {
    ("tasks", "id"): task,
    ("agents", "agent_id"): agent,
    ("events", "id"): event,
    ("projects", "id"): project,
    ("recurrences", "id"): recurrence,
    ("webhooks", "id"): webhook,
    ("webhooks", "delivery_id"): delivery,
}


def found(case, maker, operation):
    """Something new; the same again for calls that are most likely to be refused."""
    mode = getattr(case.meta, "generation", None) and case.meta.generation.mode
    if mode != schemathesis.GenerationMode.NEGATIVE:
        return maker(operation)
    if (maker, operation) not in shared:
        shared[maker, operation] = maker(operation)
    return shared[maker, operation]


def maker_of(resource, name, parameters):
    # One for each task: the same again for the same task.
    on = parameters.get("id")
    if name == "completion_id":
        return makers.setdefault((name, on), lambda operation: late_completion(on))
    if name in HANGING:
        return makers.setdefault((name, on), hanging(name, on))
    return MAKERS[resource, name]


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw["operationId"]
    turn = next(turns.setdefault(operation, itertools.count()))
    resource = case.operation.path.split("/")[1]
    parameters = case.path_parameters or {}
    # The task comes before what hangs on it.
    for name, value in sorted(parameters.items(), key=lambda item: item[0] != "id"):
        if turn % 4 != 3 or (value in KEPT and case.method.upper() != "GET"):
            parameters[name] = found(case, maker_of(resource, name, parameters), operation)
    if operation == "batchDeleteTasks" and isinstance(case.body, dict) and turn % 2 == 0:
        case.body["task_ids"] = [task(operation), task(operation)]
    if operation == "supersedeTaskContext" and isinstance(case.body, dict) and turn % 2 == 0:
        case.body["key"] = "result"
    if operation in OF_AGENTS and turn % 4 != 3:
        holder = holders.get(parameters.get("id")) or claimer()
        case.headers = {**(case.headers or {}), **holder}
    headers = case.headers or {}
    key = headers.get("Idempotency-Key")
    if key and turn % 4 != 3:
        # A key that was used before gives the first answer again, or is refused.
        headers["Idempotency-Key"] = f"{key[:200]}-{operation}-{turn}"
    if "as_of" in (case.query or {}):
        go_back(case, turn)
    if operation in ("proveInclusion", "proveConsistency") and turn % 4 != 3:
        prove_what_is_there(case, operation)
    if operation in WAITS:
        shorten_the_wait(operation, case, turn)
    if operation == "streamEvents":
        follow_from_the_beginning(case)


def go_back(case, turn):
    """Of four calls about some past, two are about one that was, and one is about the present."""
    query = dict(case.query)
    if turn % 4 == 2:
        del query["as_of"]
    elif turn % 4 != 3:
        # What was made for the call is there.
        events = session.get(f"{URL}/events?limit=1", headers=ADMIN, timeout=TIMEOUT)
        query["as_of"] = str(events.json()["head"])
    case.query = query


def prove_what_is_there(case, operation):
    """Of an event that there is, or that the ledger grew from its beginning."""
    asked = {"event": event(operation)} if operation == "proveInclusion" else {"from": 1}
    case.query = asked


def follow_from_the_beginning(case):
    """Turns a stream that would wait for an event to come into one that has events at once."""
    query, headers = dict(case.query or {}), case.headers or {}
    for name in ("task", "agent"):
        query.pop(name, None)
    if is_uuid(query.get("correlation_id")):
        del query["correlation_id"]
    if is_position(query.get("after", "0")):
        query["after"] = 0
    if is_position(headers.get("Last-Event-ID")):
        headers["Last-Event-ID"] = "0"
    case.query = query


def is_position(value):
    text = str(value)
    return text.isascii() and text.isdigit() and int(text) <= 2**53


def is_uuid(value):
    try:
        return bool(uuid.UUID(value))
    except (AttributeError, TypeError, ValueError):
        return False


def shorten_the_wait(operation, case, turn):
    """Lets every eighth call wait for a second, and the others that would wait not at all."""
    name, otherwise, most = WAITS[operation]
    query = dict(case.query or {})
    seconds = str(query.get(name, otherwise))
    if seconds.isascii() and seconds.isdigit() and int(seconds) <= most:
        query[name] = min(int(seconds), 1 if turn % 8 == 0 else 0)
    case.query = query


@schemathesis.hook
def after_call(context, case, response):
    operation = case.operation.definition.raw["operationId"]
    if operation == "createWebhook" and response.status_code == 201:
        # Else it would be sent everything that happens from now on.
        change_webhook(response.json()["id"], {"active": False})
