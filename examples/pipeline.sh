#!/usr/bin/env bash
# The research pipeline: an orchestrator hands three tasks to three agents, each completes its
# task with a result, a signed webhook tells of each, and the chain shows who gave what to whom.
#
#   make serve                 (with BATON_ALLOW_PRIVATE_WEBHOOKS=true, in another terminal)
#   examples/pipeline.sh
#
# BATON_URL            where Baton listens       (default http://127.0.0.1:18890)
# BATON_PROJECT_TOKEN  the account's admin token (default: read from .baton/project-token)
#
# Needs curl and python3.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
url=${BATON_URL:-http://127.0.0.1:18890}
token=${BATON_PROJECT_TOKEN:-$(cat "${BATON_DATA_DIR:-.baton}/project-token")}
secret="whsec_pipeline_example_$$"
run=$(date +%s)-$$

place=$(mktemp -d)
touch "$place/log"
receiver_pid=
tidy_up() {
    [ -z "$receiver_pid" ] || kill "$receiver_pid" 2>/dev/null || true
    rm -rf "$place"
}
trap tidy_up EXIT

# call CREDENTIAL METHOD PATH [BODY]: prints the answer's body; stops at any answer but 2xx.
call() {
    local credential=$1 method=$2 path=$3 body=${4:-}
    local status
    status=$(curl -sS -o "$place/answer" -w '%{http_code}' -X "$method" "$url/v1$path" \
        -H "Authorization: Bearer $credential" -H 'Content-Type: application/json' \
        ${body:+-d "$body"})
    case $status in
        2*) cat "$place/answer" ;;
        *) echo "$method $path answered $status: $(cat "$place/answer")" >&2; return 1 ;;
    esac
}

# field NAME: that member of the JSON object on standard input.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# agent NAME LABEL: creates an agent and prints its key.
agent() { call "$token" POST /agents "{\"name\": \"$1-$run\", \"label\": \"$2\"}" | field api_key; }

# task CONTENT STEP EXTRA: creates a task of the pipeline and prints its id.
task() {
    call "$orchestrator" POST /tasks "{\"content\": \"$1\", \"priority\": 1, \"metadata\":
        {\"pipeline\": \"blog\", \"step\": $2${3:+, $3}}}" | field id
}

# hand_over TASK AGENT: the orchestrator delegates the task.
hand_over() {
    call "$orchestrator" POST "/tasks/$1/delegate" "{\"agent_id\": \"$2-$run\"}" >/dev/null
    echo "  handed \"$3\" to $2-$run"
}

# complete KEY TASK RESULT: the agent completes the task.
complete() {
    call "$1" POST "/tasks/$2/complete" "{\"metadata\": {\"result\": \"$3\"}}" >/dev/null
}

# await_line NUMBER: waits until the receiver has verified so many deliveries.
await_line() {
    for _ in $(seq 200); do
        if [ "$(wc -l <"$place/log")" -ge "$1" ]; then
            sed -n "${1}p" "$place/log" | sed 's/^/  verified webhook: /'
            return
        fi
        sleep 0.05
    done
    echo "webhook $1 did not arrive; is BATON_ALLOW_PRIVATE_WEBHOOKS=true set?" >&2
    return 1
}

echo "1. Agents, each with its own key"
orchestrator=$(agent orchestrator "Orchestrator Agent")
research=$(agent research-agent "Research Agent")
writer=$(agent writer-agent "Writer Agent")
editor=$(agent editor-agent "Editor Agent")
echo "  orchestrator, research-agent, writer-agent, editor-agent"

echo "2. A webhook for finished tasks, signed"
BATON_WEBHOOK_SECRET=$secret python3 "$here/receiver.py" "$place/port" "$place/log" &
receiver_pid=$!
for _ in $(seq 200); do [ -e "$place/port" ] && break; sleep 0.05; done
webhook=$(call "$token" POST /webhooks "{\"url\": \"http://127.0.0.1:$(cat "$place/port")/hooks\",
    \"events\": [\"task.completed\", \"task.failed\"], \"secret\": \"$secret\"}" | field id)
echo "  webhook $webhook"

echo "3. Research, then writing, then editing"
research_id=$(task "Research AI task management competitors" 1)
hand_over "$research_id" research-agent "Research AI task management competitors"
complete "$research" "$research_id" "five competitors, with sources"
await_line 1

writer_id=$(task "Write blog post based on research findings" 2 \
    "\"research_task_id\": \"$research_id\"")
hand_over "$writer_id" writer-agent "Write blog post based on research findings"
complete "$writer" "$writer_id" "a draft of 900 words"
await_line 2

editor_id=$(task "Edit and proofread blog post draft" 3 "\"writer_task_id\": \"$writer_id\"")
hand_over "$editor_id" editor-agent "Edit and proofread blog post draft"
complete "$editor" "$editor_id" "published"
await_line 3

echo "4. The chain of custody of the last task"
call "$orchestrator" GET "/tasks/$editor_id/chain" | python3 -c '
import json, sys
for hop in json.load(sys.stdin)["chain"]:
    print(f"""  {hop["at"]}  {hop["from"]} -> {hop["to"]}  ({hop["kind"]}, {hop["status"]})""")
'
call "$token" DELETE "/webhooks/$webhook" >/dev/null
echo "done: 3 tasks handed over, 3 signed webhooks verified"
