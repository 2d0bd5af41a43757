"""What every method of the Delega client must come to, one check for each group of them."""

import datetime
import re
import zoneinfo

from delega import (
    Agent,
    Comment,
    ContextEntry,
    ContextHistory,
    ContextSnapshot,
    DedupResult,
    DelegaAPIError,
    DelegaAuthError,
    DelegaError,
    DelegaNotFoundError,
    DelegationChain,
    DuplicateMatch,
    Project,
    Recurrence,
    Task,
    TaskLink,
)
from delega_sdk_parts import fields, ids, refused, time

UNKNOWN = "0" * 32


class Team:
    """An admin, two workers and a coordinator, each with a client and an id."""

    @classmethod
    async def of(cls, clients, admin):
        team = cls()
        team.clients, team.admin, team.ids = clients, admin, {}
        for name, role in [("boss", None), ("hand", "worker"), ("overseer", "coordinator")]:
            made = await admin.agents.create(name, role=role)
            fields(made, name=name, role=role or "worker")
            setattr(team, name, await clients.client(made.api_key))
            team.ids[name] = made.id
        return team


async def account(team):
    me = await team.hand.me()
    assert me["agent"]["name"] == me["name"] == "hand", me
    assert me["agent"]["id"] == me["id"] == team.ids["hand"], me
    assert me["account"]["plan"] == "self-hosted", me
    assert "api_key" not in me and "api_key" not in me["agent"], me
    stranger = await team.clients.client("dlg_" + "A" * 43)
    with refused(DelegaAuthError, 401):
        await stranger.me()


async def usage(team):
    if not team.clients.base_url.endswith("/v1"):
        try:
            await team.admin.usage()
        except DelegaAPIError as error:
            raise AssertionError("the client asked for it") from error
        except DelegaError:
            return
        raise AssertionError("the client gave it")
    before = await team.admin.usage()
    await team.boss.tasks.create("Counted")
    after = await team.admin.usage()
    assert after["task_count_month"] == before["task_count_month"] + 1, after
    assert after["plan"] == "self-hosted" and after["max_content_chars"] == 2000, after
    for what in ["agent", "webhook", "project"]:
        there = await getattr(team.admin, f"{what}s").list()
        assert after[f"{what}_count"] == len(there), (what, after)
        # Without a limit, null.
        limit = after[f"{what}_limit"]
        assert limit is None or limit >= len(there), (what, after)
    assert after["task_limit"] is None and "rate_limit_rpm" in after, after
    reset = datetime.date.fromisoformat(after["reset_date"][:10])
    assert reset > datetime.datetime.now(datetime.timezone.utc).date(), reset


async def agents_are_made_and_changed(team):
    admin = team.admin
    words = {"display_name": "Scout", "description": "Looks around"}
    made = await admin.agents.create("scout", role="worker", **words)
    fields(made, name="scout", role="worker", **words)
    assert isinstance(made, Agent) and re.fullmatch(r"dlg_[\w-]{43}", made.api_key), made
    assert time(made.created_at) <= time(made.updated_at)
    with refused(DelegaAPIError, 409):
        await admin.agents.create("scout")
    with refused(DelegaAPIError, 422, "name"):
        await admin.agents.create(" ")

    everybody = await admin.agents.list()
    names = [agent.name for agent in everybody]
    assert names == sorted(names) and {"boss", "hand", "overseer", "scout"} < set(names), names
    assert all(agent.api_key is None for agent in everybody)
    scout = await team.clients.client(made.api_key)
    for asked in [
        scout.agents.list(),
        scout.agents.create("another"),
        scout.agents.set_role(made.id, "admin"),
        scout.agents.update(made.id, name="better"),
        scout.agents.update(team.ids["hand"], display_name="Worse"),
        scout.agents.rotate_key(team.ids["hand"]),
        scout.agents.delete(team.ids["hand"]),
    ]:
        with refused(DelegaAuthError, 403):
            await asked
    changed = await scout.agents.update(made.id, display_name="Scout II")
    fields(changed, id=made.id, display_name="Scout II", description="Looks around", api_key=None)
    fields(await admin.agents.set_role(made.id, "coordinator"), id=made.id, role="coordinator")
    assert [agent.name for agent in await scout.agents.list()] == names
    changed = await admin.agents.update(made.id, name="ranger", role="worker")
    fields(changed, id=made.id, name="ranger", role="worker", display_name="Scout II")
    with refused(DelegaAPIError, 409):
        await admin.agents.update(made.id, name="boss")
    with refused(DelegaNotFoundError, 404):
        await admin.agents.update(UNKNOWN, name="nobody")
    await agents_lose_their_keys(team, made, scout)


async def agents_lose_their_keys(team, made, scout):
    admin = team.admin
    await admin.agents.update(made.id, active=False)
    with refused(DelegaAuthError, 401):
        await scout.me()
    await admin.agents.update(made.id, active=True)
    assert (await scout.me())["name"] == "ranger"
    rotated = await scout.agents.rotate_key(made.id)
    assert rotated["id"] == made.id and rotated["api_key"] != made.api_key, rotated
    with refused(DelegaAuthError, 401):
        await scout.me()
    scout = await team.clients.client(rotated["api_key"])
    task = await scout.tasks.create("Unfinished")
    await scout.tasks.assign(task.id, made.id)
    with refused(DelegaAPIError, 409):
        await admin.agents.delete(made.id)
    await scout.tasks.complete(task.id)
    assert await admin.agents.delete(made.id) is True
    with refused(DelegaAuthError, 401):
        await scout.me()
    with refused(DelegaNotFoundError, 404):
        await admin.agents.delete(made.id)
    with refused(DelegaAPIError, 409):
        await admin.agents.delete((await admin.me())["id"])
    assert made.id not in ids(await admin.agents.list())


async def tasks_are_made_and_read(team):
    boss = team.boss
    plain = await boss.tasks.create("Write the report")
    assert isinstance(plain, Task) and re.fullmatch("[0-9a-f]{32}", plain.id), plain
    nothing = ["description", "due_date", "project_id", "parent_id", "parent_task_id"]
    nothing += ["assigned_to_agent_id", "completed_by_agent_id", "claimed_by_agent_id"]
    nothing += ["claimed_at", "lease_expires_at", "session_state", "session_state_detail"]
    fields(plain, **dict.fromkeys(nothing))
    fields(plain, content="Write the report", priority=2, labels=[], completed=False)
    fields(plain, status="open", root_task_id=plain.id, delegation_depth=0)
    fields(plain, created_by_agent_id=team.ids["boss"], accountable_agent_id=team.ids["boss"])
    fields(plain, context={}, context_version=0, updated_at=plain.created_at)
    time(plain.created_at)

    project = await team.admin.projects.create("Reports")
    wanted = {"description": "All of it", "priority": 1, "labels": ["a", "b c"]}
    wanted |= {"due_date": "2031-03-17", "project_id": project.id}
    full = await team.admin.tasks.create("Write everything", **wanted)
    fields(full, content="Write everything", **wanted)
    for field, wrong in [("priority", 9), ("due_date", "soon"), ("labels", [" "])]:
        with refused(DelegaAPIError, 422, field):
            await boss.tasks.create("Wrong", **{field: wrong})
    with refused(DelegaAPIError, 422, "content"):
        await boss.tasks.create(" ")
    with refused(DelegaAuthError, 403):
        await boss.tasks.create("Filed", project_id=project.id)
    with refused(DelegaNotFoundError, 404, "Project"):
        await team.admin.tasks.create("Filed", project_id=UNKNOWN)

    assert await boss.tasks.get(plain.id) == await team.overseer.tasks.get(plain.id) == plain
    for lost in [UNKNOWN, "a/b?c#d", "%2e", " ", full.id]:
        with refused(DelegaNotFoundError, 404):
            await boss.tasks.get(lost)


async def tasks_are_listed(team):
    boss = team.boss

    async def new(content, priority, due_date=None, labels=()):
        labels = ["listed", *labels]
        return await boss.tasks.create(content, priority=priority, labels=labels, due_date=due_date)

    async def found(**wanted):
        return ids(await boss.tasks.list(label="listed", **wanted))

    late = await new("Listed: late", 3, due_date="2031-01-02")
    soon = await new("Listed: soon", 1, due_date="2031-01-01", labels=["urgent"])
    next_one = await new("Listed: next", 1)
    past = await new("Listed: past", 5, due_date="2020-01-01")
    done = await new("Listed: done", 1)
    await boss.tasks.complete(done.id)

    assert await found() == ids([soon, next_one, late, past])
    assert await found(priority=1) == ids([soon, next_one])
    assert await found(labels=["listed", "urgent"]) == ids([soon])
    assert await found(labels=["urgent", "unheard of"]) == []
    assert await found(due="2031-01-01") == await found(due_before="2031-01-02", priority=1)
    assert await found(due="2031-01-01") == ids([soon])
    assert await found(due="overdue") == ids([past])
    assert await found(due_after="2031-01-01") == ids([late])
    assert await found(due_before="2031-01-02") == ids([soon, past])
    assert await found(completed=True) == ids([done])
    assert await found(completed=False) == await found()
    assert await found(search="LISTED: S") == ids([soon])
    searched = await boss.tasks.search("listed: l")
    assert searched == await boss.tasks.list(search="listed: l"), searched
    assert ids(searched) == ids([late])
    await boss.tasks.claim(task_id=next_one.id)
    assert await found(claimed=True) == ids([next_one])
    assert await found(claimed=False) == ids([soon, late, past])
    await boss.tasks.release(next_one.id)
    assert await found(claimed=True) == []

    assert await team.hand.tasks.list(label="listed") == []
    seen = await team.overseer.tasks.list(label="listed")
    assert seen == await boss.tasks.list(label="listed"), seen
    for field, wrong in [("priority", 9), ("due", "soon"), ("due_after", "2031-02-30")]:
        with refused(DelegaAPIError, 422, field):
            await found(**{field: wrong})


async def tasks_are_changed_and_deleted(team):
    boss = team.boss
    wanted = {"description": "first", "labels": ["a"], "due_date": "2031-01-01"}
    task = await boss.tasks.create("Draft", **wanted)
    changes = {"content": "Final", "priority": 4, "labels": ["b", "c"], "due_date": None}
    changed = await boss.tasks.update(task.id, **changes)
    fields(changed, id=task.id, description="first", created_at=task.created_at, **changes)
    assert time(changed.updated_at) >= time(task.updated_at)
    # Said again it is no change.
    assert await boss.tasks.update(task.id, **changes) == changed
    with refused(DelegaAPIError, 422, "priority"):
        await boss.tasks.update(task.id, priority=6)
    with refused(DelegaAPIError, 400, "root_task_id"):
        await boss.tasks.update(task.id, root_task_id=UNKNOWN)
    with refused(DelegaAPIError, 409):
        await boss.tasks.update(task.id, status="delegated")
    reader, stranger = team.overseer.tasks, team.hand.tasks
    for action in [reader.update(task.id, priority=1), reader.delete(task.id)]:
        with refused(DelegaAuthError, 403, "/tasks/:id/claim"):
            await action
    for action in [stranger.update(task.id, priority=1), stranger.delete(task.id)]:
        with refused(DelegaNotFoundError, 404):
            await action
    assert await boss.tasks.get(task.id) == changed
    assert await boss.tasks.delete(task.id) is True
    for action in [boss.tasks.get(task.id), boss.tasks.delete(task.id)]:
        with refused(DelegaNotFoundError, 404):
            await action


async def tasks_are_finished(team):
    boss = team.boss
    task = await boss.tasks.create("To be done")
    with refused(DelegaAuthError, 403):
        await team.overseer.tasks.complete(task.id)
    with refused(DelegaNotFoundError, 404):
        await team.hand.tasks.complete(task.id)
    done = await boss.tasks.complete(task.id)
    by = team.ids["boss"]
    fields(done, id=task.id, status="completed", completed=True, completed_by_agent_id=by)
    assert await boss.tasks.complete(task.id) == await boss.tasks.get(task.id) == done
    again = await boss.tasks.uncomplete(task.id)
    fields(again, id=task.id, status="open", completed=False, completed_by_agent_id=None)
    assert await boss.tasks.uncomplete(task.id) == again
    fields(await boss.tasks.update(task.id, status="cancelled"), status="cancelled")
    with refused(DelegaAPIError, 409):
        await boss.tasks.complete(task.id)


async def tasks_are_delegated(team):
    boss, hand = team.boss, team.hand
    parent = await boss.tasks.create("Parent", priority=1)
    wanted = {"description": "in detail", "priority": 3, "labels": ["part"]}
    wanted |= {"due_date": "2031-01-01", "assigned_to_agent_id": team.ids["hand"]}
    child = await boss.tasks.delegate(parent.id, "Child", **wanted)
    fields(child, content="Child", status="open", parent_id=parent.id, **wanted)
    fields(child, parent_task_id=parent.id, root_task_id=parent.id, delegation_depth=1)
    fields(child, created_by_agent_id=team.ids["boss"], accountable_agent_id=team.ids["boss"])
    fields(await boss.tasks.get(parent.id), status="delegated")
    project = await team.admin.projects.create("Parts")
    filed = await team.admin.tasks.delegate(parent.id, "Filed", project_id=project.id)
    fields(filed, project_id=project.id, assigned_to_agent_id=None, priority=2)
    deeper = await hand.tasks.delegate(child.id, "Deeper")
    fields(deeper, delegation_depth=2, accountable_agent_id=team.ids["boss"])

    chain = await boss.tasks.chain(deeper.id)
    assert isinstance(chain, DelegationChain), chain
    fields(chain, root_id=parent.id, depth=2, completed_count=0, total_count=4)
    assert ids(chain.chain) == ids([parent, child, filed, deeper]), chain
    await hand.tasks.complete(deeper.id)
    chain = await hand.tasks.chain(child.id)
    fields(chain, root_id=parent.id, completed_count=1, total_count=4)
    contents = {task.id: task.content for task in chain.chain}
    assert (contents[child.id], contents[filed.id]) == ("Child", "[restricted]"), contents

    with refused(DelegaNotFoundError, 404, "Agent"):
        await boss.tasks.delegate(parent.id, "To nobody", assigned_to_agent_id=UNKNOWN)
    with refused(DelegaAuthError, 403):
        await team.overseer.tasks.delegate(parent.id, "Not mine")
    with refused(DelegaNotFoundError, 404):
        await hand.tasks.delegate(filed.id, "Not seen")
    with refused(DelegaNotFoundError, 404):
        await boss.tasks.chain(UNKNOWN)
    await boss.tasks.complete(parent.id)
    with refused(DelegaAPIError, 409):
        await boss.tasks.delegate(parent.id, "Too late")


async def tasks_are_assigned(team):
    boss, hand = team.boss, team.hand
    task = await boss.tasks.create("For somebody")
    given = await boss.tasks.assign(task.id, team.ids["hand"])
    fields(given, id=task.id, assigned_to_agent_id=team.ids["hand"], status="open")
    assert await hand.tasks.get(task.id) == given
    fields(await hand.tasks.assign(task.id, None), assigned_to_agent_id=None)
    with refused(DelegaNotFoundError, 404):
        await hand.tasks.get(task.id)
    fields(await boss.tasks.assign(task.id, "hand"), assigned_to_agent_id=team.ids["hand"])
    with refused(DelegaNotFoundError, 404, "Agent"):
        await boss.tasks.assign(task.id, UNKNOWN)
    # No hop: an assignment is no delegation.
    fields(await boss.tasks.chain(task.id), root_id=task.id, depth=0, total_count=1)


async def contexts_are_merged(team):
    boss = team.boss
    task = await boss.tasks.create("With memory")
    first = {"plan": {"step": 1, "sources": ["a"]}, "owner": "boss"}
    assert await boss.tasks.update_context(task.id, first) == first
    merged = await boss.tasks.update_context(
        task.id, {"plan": {"step": 2}}, source="agent_observed", expected_version=1
    )
    assert merged == {"plan": {"step": 2, "sources": ["a"]}, "owner": "boss"}, merged
    # The client shows only this text, so it has to name the version that there is.
    with refused(DelegaAPIError, 409, "2"):
        await boss.tasks.update_context(task.id, {"plan": None}, expected_version=1)
    with refused(DelegaAuthError, 403):
        await boss.tasks.update_context(task.id, {"said": 1}, source="human_stated")
    with refused(DelegaAPIError, 422, "source"):
        await boss.tasks.update_context(task.id, {"said": 1}, source="guessed")
    with refused(DelegaAuthError, 403):
        await team.overseer.tasks.update_context(task.id, {"said": 1})
    with refused(DelegaNotFoundError, 404):
        await team.hand.tasks.update_context(task.id, {"said": 1})
    said = {"said": [True, None, 1.5, "ä"]}
    merged |= said
    assert await team.admin.tasks.update_context(task.id, said, source="human_stated") == merged

    snapshot = await boss.tasks.get_context(task.id)
    assert isinstance(snapshot, ContextSnapshot)
    fields(snapshot, context=merged, version=3, provenance=None)
    fields(await boss.tasks.get(task.id), context=merged, context_version=3)
    snapshot = await team.overseer.tasks.get_context(task.id, include_provenance=True)
    fields(snapshot, context=merged, version=3)
    assert snapshot.provenance.keys() == merged.keys(), snapshot
    of_plan = snapshot.provenance["plan"]
    assert (of_plan["source"], of_plan["version"]) == ("agent_observed", 2), of_plan
    assert of_plan["author_agent_id"] == team.ids["boss"], of_plan
    assert of_plan["author_name"] == "boss", of_plan
    assert snapshot.provenance["owner"]["source"] == "agent_inferred", snapshot
    assert snapshot.provenance["said"]["source"] == "human_stated", snapshot
    time(of_plan["created_at"])
    with refused(DelegaNotFoundError, 404):
        await team.hand.tasks.get_context(task.id)


async def contexts_have_a_history(team):
    boss = team.boss
    task = await boss.tasks.create("With a past")
    await boss.tasks.update_context(task.id, {"a": 1, "b": {"deep": True}})
    await boss.tasks.update_context(task.id, {"a": 2}, source="agent_observed")
    history = await team.overseer.tasks.context_history(task.id)
    assert isinstance(history, ContextHistory) and history.next_cursor is None, history
    assert all(isinstance(entry, ContextEntry) for entry in history.entries)
    assert [entry.version for entry in history.entries] == [2, 1, 1], history
    newest, before = (await boss.tasks.context_history(task.id, key="a")).entries
    who = {"author_agent_id": team.ids["boss"], "author_name": "boss", "key": "a"}
    fields(newest, value=2, version=2, source="agent_observed", superseded_by=None, **who)
    fields(newest, superseded_at=None)
    fields(before, value=1, version=1, source="agent_inferred", superseded_by=newest.id, **who)
    assert time(before.superseded_at) >= time(before.created_at)

    pages, cursor = [], None
    while not pages or cursor is not None:
        page = await boss.tasks.context_history(task.id, limit=2, cursor=cursor)
        pages.append(page.entries)
        cursor = page.next_cursor
    assert [len(page) for page in pages] == [2, 1], pages
    assert sum(pages, []) == history.entries
    with refused(DelegaAPIError, 422, "limit"):
        await boss.tasks.context_history(task.id, limit=101)

    entry = await boss.tasks.supersede_context(task.id, "b")
    assert isinstance(entry, ContextEntry)
    fields(entry, key="b", value={"deep": True}, version=1)
    time(entry.superseded_at)
    fields(await boss.tasks.get_context(task.id), context={"a": 2, "b": {"deep": True}}, version=2)
    for key in ["b", "unheard of"]:
        with refused(DelegaNotFoundError, 404):
            await boss.tasks.supersede_context(task.id, key)
    with refused(DelegaAuthError, 403):
        await team.overseer.tasks.supersede_context(task.id, "a")


async def tasks_are_claimed(team):
    boss, hand = team.boss, team.hand
    low = await boss.tasks.create("Later", priority=3, labels=["queue", "rest"])
    high = await boss.tasks.create("First", priority=1, labels=["queue"])
    for wrong in [29, 3601]:
        with refused(DelegaAPIError, 422, "lease_seconds"):
            await hand.tasks.claim(labels=["queue"], lease_seconds=wrong)
    claimed = await hand.tasks.claim(labels=["queue"], lease_seconds=60)
    holder = {"status": "claimed", "claimed_by_agent_id": team.ids["hand"]}
    fields(claimed, id=high.id, assigned_to_agent_id=None, session_state=None, **holder)
    lease = time(claimed.lease_expires_at) - time(claimed.claimed_at)
    # It was recorded a little later than it was asked for.
    assert datetime.timedelta(seconds=50) < lease <= datetime.timedelta(seconds=60), lease
    assert await hand.tasks.get(high.id) == claimed
    with refused(DelegaAPIError, 409):
        await boss.tasks.claim(task_id=high.id)
    with refused(DelegaNotFoundError, 404):
        await hand.tasks.claim(task_id=UNKNOWN)
    fields(await hand.tasks.claim(labels=["queue", "rest"]), id=low.id, **holder)
    assert await boss.tasks.claim(labels=["queue"]) is None
    await the_holder_reports(team, claimed)

    released = await hand.tasks.release(high.id)
    gone = ["claimed_by_agent_id", "claimed_at", "lease_expires_at", "session_state"]
    fields(released, id=high.id, status="open", **dict.fromkeys(gone))
    for action in [hand.tasks.heartbeat(low.id), hand.tasks.release(low.id)]:
        fields(await action, id=low.id)
    with refused(DelegaAPIError, 409):
        await boss.tasks.release(low.id)
    fields(await hand.tasks.claim(task_id=low.id), id=low.id, **holder)
    done = await hand.tasks.complete(low.id)
    fields(done, status="completed", claimed_by_agent_id=None, lease_expires_at=None)
    with refused(DelegaAPIError, 409):
        await hand.tasks.claim(task_id=low.id)

    project = await team.admin.projects.create("Queue")
    filed = await team.admin.tasks.create("Filed", project_id=project.id)
    fields(await team.admin.tasks.claim(project_id=project.id), id=filed.id, status="claimed")
    assert await team.admin.tasks.claim(project_id=project.id) is None


async def the_holder_reports(team, claimed):
    boss, hand = team.boss, team.hand
    beaten = await hand.tasks.heartbeat(claimed.id, lease_seconds=600)
    fields(beaten, id=claimed.id, status="claimed", claimed_at=claimed.claimed_at)
    more = time(beaten.lease_expires_at) - time(claimed.lease_expires_at)
    assert more >= datetime.timedelta(seconds=540), more
    asked = await hand.tasks.set_state(claimed.id, "waiting_input", detail="Which format?")
    fields(asked, session_state="waiting_input", session_state_detail="Which format?")
    fields(asked, lease_expires_at=beaten.lease_expires_at)
    fields(await boss.tasks.get(claimed.id), session_state="waiting_input")
    works = await hand.tasks.set_state(claimed.id, "working")
    fields(works, session_state="working", session_state_detail=None)
    with refused(DelegaAPIError, 422, "state"):
        await hand.tasks.set_state(claimed.id, "asleep")
    # Its creator may write it, and does not hold it.
    for action in [boss.tasks.heartbeat(claimed.id), boss.tasks.set_state(claimed.id, "working")]:
        with refused(DelegaAPIError, 409):
            await action
    with refused(DelegaAuthError, 403):
        await boss.tasks.release(claimed.id)


async def tasks_are_compared(team):
    boss = team.boss
    there = await boss.tasks.create("Renew the certificate of the mail server")
    await boss.tasks.create("Water the plants")
    found = await boss.tasks.find_duplicates("  TODO: renew  the certificate of the MAIL server ")
    assert isinstance(found, DedupResult) and found.has_duplicates is True, found
    assert isinstance(found.matches[0], DuplicateMatch), found
    fields(found.matches[0], task_id=there.id, content=there.content, score=1.0)
    near = await boss.tasks.find_duplicates("Renew the mail certificate", threshold=0.1)
    assert near.matches and near.matches[0].task_id == there.id, near
    assert 0.1 <= near.matches[0].score < 1.0, near
    fields(await boss.tasks.find_duplicates("Paint a wall"), has_duplicates=False, matches=[])
    # Only among what one may read, and what is open.
    hand = await team.hand.tasks.find_duplicates(there.content)
    fields(hand, has_duplicates=False, matches=[])
    await boss.tasks.complete(there.id)
    fields(await boss.tasks.find_duplicates(there.content), has_duplicates=False)
    with refused(DelegaAPIError, 422, "content"):
        await boss.tasks.find_duplicates(" ")
    with refused(DelegaAPIError, 422, "threshold"):
        await boss.tasks.find_duplicates("x", threshold=1.5)


async def tasks_are_commented(team):
    boss = team.boss
    task = await boss.tasks.create("To be talked about")
    assert await boss.tasks.list_comments(task.id) == []
    first = await boss.tasks.add_comment(task.id, "Half of it is done")
    assert isinstance(first, Comment) and first.id, first
    fields(first, task_id=task.id, content="Half of it is done")
    time(first.created_at)
    second = await team.overseer.tasks.add_comment(task.id, "Good")
    assert await boss.tasks.list_comments(task.id) == [first, second]
    with refused(DelegaAPIError, 422, "content"):
        await boss.tasks.add_comment(task.id, " ")
    stranger = team.hand.tasks
    for action in [stranger.add_comment(task.id, "?"), stranger.list_comments(task.id)]:
        with refused(DelegaNotFoundError, 404):
            await action


async def tasks_are_linked(team):
    boss = team.boss
    task = await boss.tasks.create("To be merged")
    assert await boss.tasks.list_links(task.id) == []
    what = {"repo": "owner/name", "url": "https://git.example/owner/name/pull/42"}
    request = await boss.tasks.add_link(task.id, "pr", "42", **what)
    assert isinstance(request, TaskLink) and request.id, request
    by = team.ids["boss"]
    fields(request, task_id=task.id, kind="pr", ref="42", created_by_agent_id=by, **what)
    time(request.created_at)
    # Equal in kind, repository and reference: the link that there is.
    assert await boss.tasks.add_link(task.id, "pr", "42", repo="owner/name") == request
    branch = await boss.tasks.add_link(task.id, "branch", "main")
    fields(branch, kind="branch", ref="main", repo=None, url=None)
    listed = await team.overseer.tasks.list_links(task.id)
    assert sorted(ids(listed)) == sorted(ids([request, branch])), listed
    with refused(DelegaAPIError, 422, "kind"):
        await boss.tasks.add_link(task.id, "rumour", "x")
    with refused(DelegaNotFoundError, 404):
        await team.hand.tasks.add_link(task.id, "branch", "main")
    with refused(DelegaNotFoundError, 404):
        await team.hand.tasks.list_links(task.id)
    with refused(DelegaAuthError, 403):
        await team.overseer.tasks.delete_link(task.id, request.id)
    assert await boss.tasks.delete_link(task.id, request.id) is True
    assert await boss.tasks.list_links(task.id) == [branch]
    with refused(DelegaNotFoundError, 404):
        await boss.tasks.delete_link(task.id, request.id)


async def projects_are_made_and_listed(team):
    before = await team.admin.projects.list()
    project = await team.admin.projects.create("Infrastructure", emoji="🛠", color="#00ff00")
    assert isinstance(project, Project) and project.id, project
    fields(project, name="Infrastructure", emoji="🛠", color="#00ff00")
    assert time(project.created_at) <= time(project.updated_at)
    assert await team.admin.projects.list() == [*before, project]
    for client in [team.hand, team.overseer]:
        for action in [client.projects.list(), client.projects.create("Mine")]:
            with refused(DelegaAuthError, 403):
                await action
    with refused(DelegaAPIError, 422, "name"):
        await team.admin.projects.create(" ")


async def recurrences_are_made_and_changed(team):
    admin, boss = team.admin, team.boss
    project = await admin.projects.create("Rounds")
    wanted = {"description": "All rooms", "priority": 3, "labels": ["round"], "interval": 2}
    wanted |= {"project_id": project.id, "assigned_to_agent_id": team.ids["hand"]}
    wanted |= {"timezone": "Europe/Berlin", "rule_type": "weekly", "anchor_weekday": 1}
    wanted |= {"skip_if_open": False}
    weekly = await admin.recurrences.create("Make the round", **wanted)
    assert isinstance(weekly, Recurrence) and weekly.id, weekly
    fields(weekly, content="Make the round", active=True, last_spawned_at=None, **wanted)
    first = time(weekly.next_due_at).astimezone(zoneinfo.ZoneInfo("Europe/Berlin"))
    assert (first.isoweekday() % 7, first.hour, first.minute) == (1, 0, 0), first

    yearly = await boss.recurrences.create(
        "Pay the dues", rule_type="yearly", anchor_month=2, anchor_day=31,
        next_due_at="2031-02-28T00:00:00.000Z",
    )
    fields(yearly, rule_type="yearly", anchor_month=2, anchor_day=31, interval=1, timezone="UTC")
    fields(yearly, next_due_at="2031-02-28T00:00:00.000Z", priority=1, skip_if_open=True)
    fields(yearly, created_by_agent_id=team.ids["boss"], assigned_to_agent_id=None)
    assert await boss.recurrences.get(yearly.id) == yearly
    assert ids(await boss.recurrences.list()) == [yearly.id]
    # Assigned ones are seen, too; others are not.
    assert ids(await team.hand.recurrences.list()) == [weekly.id]
    seen = ids(await team.overseer.recurrences.list())
    assert sorted(seen) == sorted(ids([weekly, yearly])), seen
    with refused(DelegaNotFoundError, 404):
        await team.hand.recurrences.get(yearly.id)

    paused = await boss.recurrences.update(yearly.id, active=False, description="By bank")
    fields(paused, id=yearly.id, active=False, description="By bank", content="Pay the dues")
    fields(await boss.recurrences.update(yearly.id, description=None), description=None)
    with refused(DelegaAPIError, 422, "rule_type"):
        await boss.recurrences.create("x", rule_type="hourly")
    with refused(DelegaAPIError, 422, "timezone"):
        await boss.recurrences.create("x", rule_type="daily", timezone="Mars/Olympus")
    with refused(DelegaAuthError, 403):
        await boss.recurrences.create("x", rule_type="daily", project_id=project.id)
    with refused(DelegaAuthError, 403):
        await team.overseer.recurrences.update(yearly.id, active=True)
    assert await boss.recurrences.delete(yearly.id) is True
    for action in [boss.recurrences.get(yearly.id), boss.recurrences.delete(yearly.id)]:
        with refused(DelegaNotFoundError, 404):
            await action


async def webhooks_are_made_and_listed(team):
    hooks = team.admin.webhooks
    given = await hooks.create(
        "https://hooks.example/a", events=["task.completed", "task.commented"], secret="whsec_own"
    )
    assert given["url"] == "https://hooks.example/a" and given["active"] is True, given
    assert given["events"] == ["task.completed", "task.commented"], given
    assert "secret" not in given, given
    made = await hooks.create("https://hooks.example/b")
    assert made["secret"].startswith("whsec_"), made
    listed = await hooks.list()
    assert [hook["id"] for hook in listed] == [given["id"], made["id"]], listed
    assert not any("secret" in hook for hook in listed), listed
    with refused(DelegaAPIError, 400, "task.eaten"):
        await hooks.create("https://hooks.example/c", events=["task.eaten"])
    with refused(DelegaAPIError, 400):
        await hooks.create("ftp://hooks.example/d")
    for client in [team.hand, team.overseer]:
        for action in [client.webhooks.list(), client.webhooks.create("https://hooks.example/e")]:
            with refused(DelegaAuthError, 403):
                await action
    if not hasattr(team.admin.target.webhooks, "delete"):
        return
    assert await hooks.delete(made["id"]) is True
    assert [hook["id"] for hook in await hooks.list()] == [given["id"]]
    with refused(DelegaNotFoundError, 404):
        await hooks.delete(made["id"])
    with refused(DelegaAuthError, 403):
        await team.hand.webhooks.delete(given["id"])


CHECKS = [
    account,
    usage,
    agents_are_made_and_changed,
    tasks_are_made_and_read,
    tasks_are_listed,
    tasks_are_changed_and_deleted,
    tasks_are_finished,
    tasks_are_delegated,
    tasks_are_assigned,
    contexts_are_merged,
    contexts_have_a_history,
    tasks_are_claimed,
    tasks_are_compared,
    tasks_are_commented,
    tasks_are_linked,
    projects_are_made_and_listed,
    recurrences_are_made_and_changed,
    webhooks_are_made_and_listed,
]
