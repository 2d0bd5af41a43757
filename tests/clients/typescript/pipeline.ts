// The pipeline of the tutorial, driven by the generated client alone.
// The types are those of the document: what it does not promise does not compile.

import assert from "node:assert/strict";
import createClient, { type Client } from "openapi-fetch";
import type { components, operations, paths } from "./baton.js";
import type { Described } from "./described.js";

type Schemas = components["schemas"];
type Answer<T> =
  | { data: T; error?: never; response: Response }
  | { data?: never; error: Schemas["Problem"]; response: Response };

// Compiles only if every operation of the document was generated, and nothing else.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
const everyOperationIsGenerated: Same<keyof operations, Described> = true;

const [server, token, receiver] = process.argv.slice(2);
assert(server && token && receiver, "usage: pipeline.js SERVER TOKEN RECEIVER");
const baseUrl = `${server}/v1`;
const UNKNOWN = "0123456789abcdef0123456789abcdef";

const admin = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

function withKey(key: string): Client<paths> {
  return createClient<paths>({ baseUrl, headers: { "X-Agent-Key": key } });
}

function done<T>(answer: Answer<T>): T {
  assert(answer.error === undefined, JSON.stringify(answer.error));
  assert(answer.data !== undefined);
  return answer.data;
}

function refused(answer: Answer<unknown>, status: number): Schemas["Problem"] {
  assert.equal(answer.response.status, status);
  assert(answer.error !== undefined);
  assert.equal(answer.error.status, status);
  assert.equal(answer.error.error, answer.error.detail);
  assert(answer.error.title !== "" && answer.error.detail !== "");
  return answer.error;
}

async function agent(name: string, label: string): Promise<Client<paths>> {
  const made = done(await admin.POST("/agents", { body: { name, label } }));
  assert.match(made.api_key, /^dlg_/);
  assert.deepEqual([made.name, made.label, made.role], [name, label, "worker"]);
  assert.equal(made.description, null);
  return withKey(made.api_key);
}

async function create(
  by: Client<paths>,
  content: string,
  metadata: Record<string, unknown>,
): Promise<Schemas["Task"]> {
  const task = done(await by.POST("/tasks", { body: { content, priority: 1, metadata } }));
  assert.deepEqual([task.content, task.priority, task.status], [content, 1, "open"]);
  assert.deepEqual(task.metadata, metadata);
  assert.deepEqual([task.assigned_to, task.due_date, task.completed_at], [null, null, null]);
  return task;
}

async function handOver(by: Client<paths>, id: string, to: string): Promise<void> {
  const path = { id };
  const body = { agent_id: to };
  const handed = done(await by.POST("/tasks/{id}/delegate", { params: { path }, body }));
  assert.deepEqual([handed.id, handed.status], [id, "open"]);
  assert(handed.assigned_to_agent !== null);
  assert.equal(handed.assigned_to_agent.name, to);
}

async function listed(
  by: Client<paths>,
  query: NonNullable<operations["listTasks"]["parameters"]["query"]>,
  position = 0,
): Promise<Schemas["ListedTask"][]> {
  const params = { query, header: { "Baton-Min-Position": position } };
  const list = done(await by.GET("/tasks", { params }));
  assert(Array.isArray(list));
  return list;
}

async function oneTask(orchestrator: Client<paths>, researcher: Client<paths>): Promise<void> {
  const events = ["task.completed", "task.failed"];
  const hook = done(
    await admin.POST("/webhooks", {
      body: { url: receiver ?? "", events, secret: "whsec_your_signing_secret" },
    }),
  );
  assert.deepEqual([hook.active, hook.failure_count, hook.secret], [true, 0, undefined]);
  assert.deepEqual([hook.signature_scheme, hook.agent_id], ["body", null]);
  assert.deepEqual(hook.events, events);

  const metadata = { pipeline: "blog-post-q1", step: "research" };
  const task = await create(orchestrator, "Research top 5 competitors", metadata);
  assert.equal(task.created_by_agent?.name, "orchestrator");
  const path = { id: task.id };
  await handOver(orchestrator, task.id, "research-agent");
  const mine = await listed(researcher, { assigned_to: "research-agent" });
  assert.deepEqual(mine.map((each) => each.id), [task.id]);
  assert.deepEqual(mine[0]?.metadata, metadata);

  const query = { until: ["completed"], timeout: 0 };
  const before = await orchestrator.GET("/tasks/{id}/wait", { params: { path, query } });
  assert.equal(done(before).reached, false);
  const result = { result: "five tools", sources: ["https://example.com/report1"] };
  const completed = done(
    await researcher.POST("/tasks/{id}/complete", {
      params: { path },
      body: { metadata: result },
    }),
  );
  assert.deepEqual([completed.status, completed.completed_by], ["completed", "research-agent"]);
  assert(completed.completed_at !== null && completed.completed_at >= completed.created_at);
  assert.deepEqual(completed.metadata, { ...metadata, ...result });
  query.timeout = 20;
  const after = await orchestrator.GET("/tasks/{id}/wait", { params: { path, query } });
  assert.equal(done(after).reached, true);
}

async function threeHops(
  orchestrator: Client<paths>,
  researcher: Client<paths>,
  data: Client<paths>,
): Promise<void> {
  const research = await create(orchestrator, "Research", { pipeline: "blog", step: 1 });
  const body = { content: "Write", depends_on: [research.id] };
  const next = done(await orchestrator.POST("/tasks", { body }));
  assert.deepEqual([next.status, next.depends_on], ["blocked", [research.id]]);

  await handOver(orchestrator, research.id, "research-agent");
  await handOver(researcher, research.id, "data-agent");
  await handOver(data, research.id, "research-agent");
  const path = { id: research.id };
  const chain = done(await orchestrator.GET("/tasks/{id}/chain", { params: { path } }));
  assert.deepEqual([chain.task_id, chain.root_id], [research.id, research.id]);
  assert.deepEqual([chain.depth, chain.total_count], [0, 1]);
  assert.deepEqual(
    chain.chain.map((hop) => [hop.from, hop.to, hop.kind]),
    [
      ["orchestrator", "research-agent", "handover"],
      ["research-agent", "data-agent", "handover"],
      ["data-agent", "research-agent", "handover"],
    ],
  );
  const times = chain.chain.map((hop) => hop.at);
  assert.deepEqual(times, [...times].sort());

  // Without a body, as a client may.
  done(await researcher.POST("/tasks/{id}/complete", { params: { path } }));
  const query = { until: ["open"], timeout: 20 };
  const opened = done(
    await orchestrator.GET("/tasks/{id}/wait", { params: { path: { id: next.id }, query } }),
  );
  assert.deepEqual([opened.reached, opened.task.status], [true, "open"]);
  const failed = done(
    await orchestrator.POST("/tasks/{id}/fail", {
      params: { path: { id: next.id } },
      body: { error_message: "no data" },
    }),
  );
  assert.deepEqual([failed.status, failed.error_message], ["failed", "no data"]);
  const updated = done(
    await orchestrator.PATCH("/tasks/{id}", {
      params: { path: { id: next.id } },
      body: { status: "failed" },
    }),
  );
  assert.equal(updated.revision, failed.revision);
}

async function refusals(worker: Client<paths>): Promise<void> {
  refused(await admin.POST("/agents", { body: { name: "orchestrator" } }), 409);
  const path = { id: UNKNOWN };
  refused(await worker.GET("/tasks/{id}", { params: { path } }), 404);
  refused(await withKey("dlg_wrong").GET("/agent/me"), 401);
  refused(await worker.GET("/webhooks"), 403);
  const range = refused(await worker.GET("/tasks", { params: { query: { limit: 0 } } }), 422);
  assert.equal(range.errors?.[0]?.field, "limit");
  const missing = refused(await worker.POST("/tasks", { body: { labels: ["x"] } }), 422);
  assert.equal(missing.errors?.[0]?.field, "content");
}

async function headersAndLists(worker: Client<paths>): Promise<void> {
  const header = { "Idempotency-Key": "one-and-only" };
  const labelled = (content: string, labels: string[]) =>
    worker.POST("/tasks", { params: { header }, body: { content, labels } });
  const first = await labelled("both", ["alpha", "beta"]);
  assert.equal(first.response.headers.get("Idempotency-Replayed"), null);
  const again = await labelled("both", ["alpha", "beta"]);
  assert.equal(again.response.headers.get("Idempotency-Replayed"), "true");
  assert.equal(done(first).id, done(again).id);
  refused(await labelled("another", []), 422);
  const one = await worker.POST("/tasks", { body: { content: "one", labels: ["alpha"] } });
  const position = Number(one.response.headers.get("Baton-Position"));
  assert(position > 0);

  assert.equal((await listed(worker, { labels: ["alpha"] }, position)).length, 2);
  const both = await listed(worker, { labels: ["alpha", "beta"] }, position);
  assert.deepEqual(both.map((task) => task.id), [done(first).id]);
  const query = { include: ["pagination" as const], label: "alpha", limit: 1 };
  const page = done(await worker.GET("/tasks", { params: { query } }));
  assert(!Array.isArray(page));
  assert.deepEqual([page.items.length, page.total, page.next_offset], [1, 2, 1]);

  const types = ["agent.*"];
  const log = done(await admin.GET("/events", { params: { query: { types } } }));
  assert(log.items.length >= 3 && log.next_after <= log.head);
  assert(log.items.every((event) => event.type.startsWith("agent.")));
  const agents = done(await admin.GET("/agents"));
  assert(agents.some((each) => each.name === "orchestrator" && "is_admin" in each));
}

const orchestrator = await agent("orchestrator", "Orchestrator Agent");
const researcher = await agent("research-agent", "Research Agent");
const data = await agent("data-agent", "Data Agent");
await oneTask(orchestrator, researcher);
await threeHops(orchestrator, researcher, data);
await refusals(researcher);
await headersAndLists(researcher);
assert(everyOperationIsGenerated);
