"""The pipeline of the tutorial, driven by the generated client alone.

`mypy --strict` holds it against the types of the document.
"""

import json
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any, TypeVar

from baton_client import AuthenticatedClient, api
from baton_client.api.agents import create_agent, list_agents
from baton_client.api.events import list_events, wait_for_task
from baton_client.api.service import get_me
from baton_client.api.tasks import (
    complete_task,
    create_task,
    delegate_task,
    fail_task,
    get_task,
    get_task_chain,
    list_tasks,
    update_task,
)
from baton_client.api.webhooks import create_webhook, list_webhooks
from baton_client.models import (
    Agent,
    AgentRef,
    AgentWithKey,
    Completion,
    CompletionMetadata,
    Delegation,
    DelegationChain,
    EventPage,
    HopKind,
    ListedTask,
    NewAgent,
    NewTask,
    NewTaskMetadata,
    NewWebhook,
    Problem,
    Role,
    SignatureScheme,
    Task,
    TaskCompleted,
    TaskFailure,
    TaskListInclude,
    TaskPage,
    TaskStatus,
    TaskUpdate,
    TaskWaited,
    WebhookWithSecret,
)
from baton_client.types import UNSET, Response, Unset

UNKNOWN = "0123456789abcdef0123456789abcdef"
server, token, receiver = sys.argv[1:]
admin = AuthenticatedClient(base_url=f"{server}/v1", token=token)

T = TypeVar("T")


def with_key(key: str) -> AuthenticatedClient:
    return AuthenticatedClient(
        base_url=f"{server}/v1", token=key, prefix="", auth_header_name="X-Agent-Key"
    )


def done(kind: type[T], answer: Response[T | Problem]) -> T:
    assert isinstance(answer.parsed, kind), answer
    return answer.parsed


def refused(answer: Response[Any], status: int) -> Problem:
    problem = answer.parsed
    assert isinstance(problem, Problem), answer
    assert answer.status_code == problem.status == status, problem
    assert problem.detail == problem.error, problem
    assert problem.title and problem.detail, problem
    return problem


def first_field(problem: Problem) -> str:
    assert not isinstance(problem.errors, Unset), problem
    return problem.errors[0].field


def agent(name: str, label: str) -> AuthenticatedClient:
    answer = create_agent.sync_detailed(client=admin, body=NewAgent(name=name, label=label))
    made = done(AgentWithKey, answer)
    assert made.api_key.startswith("dlg_")
    assert (made.name, made.label, made.role) == (name, label, Role.WORKER)
    assert made.description is None
    return with_key(made.api_key)


def create(by: AuthenticatedClient, content: str, metadata: dict[str, object]) -> Task:
    body = NewTask(content=content, priority=1, metadata=NewTaskMetadata.from_dict(metadata))
    task = done(Task, create_task.sync_detailed(client=by, body=body))
    assert (task.content, task.priority, task.status) == (content, 1, TaskStatus.OPEN)
    assert task.metadata.additional_properties == metadata
    assert task.assigned_to is None and task.due_date is None and task.completed_at is None
    return task


def hand_over(by: AuthenticatedClient, task: str, to: str) -> None:
    body = Delegation(agent_id=to)
    handed = done(Task, delegate_task.sync_detailed(task, client=by, body=body))
    assert (handed.id, handed.status) == (task, TaskStatus.OPEN)
    assert isinstance(handed.assigned_to_agent, AgentRef)
    assert (handed.assigned_to_agent.name, handed.assigned_to_agent.active) == (to, True)


def listed(
    by: AuthenticatedClient,
    *,
    labels: list[str] | Unset = UNSET,
    assigned_to: str | Unset = UNSET,
    position: int = 0,
) -> list[ListedTask]:
    answer = list_tasks.sync_detailed(
        client=by, labels=labels, assigned_to=assigned_to, baton_min_position=position
    )
    assert isinstance(answer.parsed, list), answer
    return answer.parsed


def wait(by: AuthenticatedClient, task: str, until: str, timeout: int) -> TaskWaited:
    answer = wait_for_task.sync_detailed(task, client=by, until=[until], timeout=timeout)
    return done(TaskWaited, answer)


def every_operation_is_generated(document: Path) -> None:
    operations = [
        operation["operationId"]
        for item in json.loads(document.read_text())["paths"].values()
        for operation in item.values()
    ]
    expected = sorted(re.sub("([A-Z])", r"_\1", name).lower() for name in operations)
    tags = pkgutil.iter_modules(api.__path__, api.__name__ + ".")
    modules = [
        module.name
        for tag in tags
        for module in pkgutil.iter_modules([str(Path(*api.__path__) / tag.name.split(".")[-1])])
    ]
    assert sorted(modules) == expected, set(expected) ^ set(modules)


def one_task(orchestrator: AuthenticatedClient, researcher: AuthenticatedClient) -> None:
    events = ["task.completed", "task.failed"]
    new = NewWebhook(url=receiver, events=events, secret="whsec_your_signing_secret")
    hook = done(WebhookWithSecret, create_webhook.sync_detailed(client=admin, body=new))
    assert hook.active and hook.failure_count == 0 and hook.events == events
    assert hook.signature_scheme is SignatureScheme.BODY
    assert hook.agent_id is None and isinstance(hook.secret, Unset)

    metadata: dict[str, object] = {"pipeline": "blog-post-q1", "step": "research"}
    task = create(orchestrator, "Research top 5 competitors", metadata)
    assert isinstance(task.created_by_agent, AgentRef)
    assert task.created_by_agent.name == "orchestrator"
    hand_over(orchestrator, task.id, "research-agent")
    mine = listed(researcher, assigned_to="research-agent")
    assert [each.id for each in mine] == [task.id]
    assert not isinstance(mine[0].metadata, Unset)
    assert mine[0].metadata.additional_properties == metadata

    assert not wait(orchestrator, task.id, "completed", 0).reached
    result = {"result": "five tools", "sources": ["https://example.com/report1"]}
    body = Completion(metadata=CompletionMetadata.from_dict(result))
    answer = complete_task.sync_detailed(task.id, client=researcher, body=body)
    completed = done(TaskCompleted, answer)
    assert completed.status is TaskStatus.COMPLETED
    assert completed.completed_by == "research-agent"
    assert completed.completed_at is not None
    assert completed.completed_at >= completed.created_at
    assert completed.metadata.additional_properties == {**metadata, **result}
    assert wait(orchestrator, task.id, "completed", 20).reached


def three_hops(
    orchestrator: AuthenticatedClient, researcher: AuthenticatedClient, data: AuthenticatedClient
) -> None:
    research = create(orchestrator, "Research", {"pipeline": "blog", "step": 1})
    body = NewTask(content="Write", depends_on=[research.id])
    following = done(Task, create_task.sync_detailed(client=orchestrator, body=body))
    assert (following.status, following.depends_on) == (TaskStatus.BLOCKED, [research.id])

    hand_over(orchestrator, research.id, "research-agent")
    hand_over(researcher, research.id, "data-agent")
    hand_over(data, research.id, "research-agent")
    chain = done(DelegationChain, get_task_chain.sync_detailed(research.id, client=orchestrator))
    assert (chain.task_id, chain.root_id) == (research.id, research.id)
    assert (chain.depth, chain.total_count) == (0, 1)
    assert [(hop.from_, hop.to, hop.kind) for hop in chain.chain] == [
        ("orchestrator", "research-agent", HopKind.HANDOVER),
        ("research-agent", "data-agent", HopKind.HANDOVER),
        ("data-agent", "research-agent", HopKind.HANDOVER),
    ]
    times = [hop.at for hop in chain.chain]
    assert times == sorted(times)

    # Without a body, as a client may.
    done(TaskCompleted, complete_task.sync_detailed(research.id, client=researcher))
    opened = wait(orchestrator, following.id, "open", 20)
    assert opened.reached and opened.task.status is TaskStatus.OPEN
    failure = TaskFailure(error_message="no data")
    failed = done(Task, fail_task.sync_detailed(following.id, client=orchestrator, body=failure))
    assert (failed.status, failed.error_message) == (TaskStatus.FAILED, "no data")
    update = TaskUpdate(status="failed")
    answer = update_task.sync_detailed(following.id, client=orchestrator, body=update)
    assert done(Task, answer).revision == failed.revision


def refusals(worker: AuthenticatedClient) -> None:
    same = NewAgent(name="orchestrator")
    refused(create_agent.sync_detailed(client=admin, body=same), 409)
    refused(get_task.sync_detailed(UNKNOWN, client=worker), 404)
    refused(get_me.sync_detailed(client=with_key("dlg_wrong")), 401)
    refused(list_webhooks.sync_detailed(client=worker), 403)
    out_of_range = refused(list_tasks.sync_detailed(client=worker, limit=0), 422)
    assert first_field(out_of_range) == "limit"
    empty = NewTask(labels=["x"])
    missing = refused(create_task.sync_detailed(client=worker, body=empty), 422)
    assert first_field(missing) == "content"


def headers_and_lists(worker: AuthenticatedClient) -> None:
    def labelled(content: str, labels: list[str]) -> Response[Task | Problem]:
        body = NewTask(content=content, labels=labels)
        return create_task.sync_detailed(client=worker, body=body, idempotency_key="one-and-only")

    first = labelled("both", ["alpha", "beta"])
    assert "Idempotency-Replayed" not in first.headers
    again = labelled("both", ["alpha", "beta"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert done(Task, first).id == done(Task, again).id
    refused(labelled("another", []), 422)
    one = create_task.sync_detailed(client=worker, body=NewTask(content="one", labels=["alpha"]))
    position = int(one.headers["Baton-Position"])

    assert len(listed(worker, labels=["alpha"], position=position)) == 2
    both = listed(worker, labels=["alpha", "beta"], position=position)
    assert [task.id for task in both] == [done(Task, first).id]
    page = list_tasks.sync(
        client=worker, include=[TaskListInclude.PAGINATION], label="alpha", limit=1
    )
    assert isinstance(page, TaskPage)
    assert (len(page.items), page.total, page.next_offset) == (1, 2, 1)

    log = done(EventPage, list_events.sync_detailed(client=admin, types=["agent.*"]))
    assert len(log.items) >= 3 and log.next_after <= log.head
    assert all(event.type_.startswith("agent.") for event in log.items)
    agents = list_agents.sync(client=admin)
    assert isinstance(agents, list)
    assert any(isinstance(each, Agent) and each.name == "orchestrator" for each in agents)


def main() -> None:
    every_operation_is_generated(Path("openapi/baton.json"))
    orchestrator = agent("orchestrator", "Orchestrator Agent")
    researcher = agent("research-agent", "Research Agent")
    data = agent("data-agent", "Data Agent")
    one_task(orchestrator, researcher)
    three_hops(orchestrator, researcher, data)
    refusals(researcher)
    headers_and_lists(researcher)


main()
