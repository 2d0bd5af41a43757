"""Fuzzes every operation of a running Baton by its own document, and says what was reached.

Where Baton is and how to speak to it stands in the variables BATON_FUZZ_*. Fails when the fuzzer
finds something, and when an operation was not called, or was and never answered with success.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


def fuzz(wanted):
    document = os.environ["BATON_FUZZ_URL"].removesuffix("/v1") + "/openapi.json"
    command = [sys.executable, "-m", "schemathesis.cli"]
    command += [f"--config-file={HERE / 'schemathesis.toml'}", "run", document, "--no-color"]
    command += [f"--header={os.environ['BATON_FUZZ_HEADER']}", f"--checks={','.join(CHECKS)}"]
    command += [f"--seed={wanted.seed}", f"--max-examples={wanted.examples}"]
    command += [f"--phases={wanted.phases}"]
    command += ["--report=ndjson", f"--report-ndjson-path={wanted.report}"]
    hooks = {"BATON_FUZZ_HOOKS": str(HERE / "fuzz_hooks.py")}
    return subprocess.run(command, env=os.environ | hooks, check=False).returncode


def reached(report):
    """The statuses of every operation, from the fuzzer's own report."""
    statuses = collections.defaultdict(collections.Counter)
    with open(report) as events:
        for line in events:
            scenario = json.loads(line).get("ScenarioFinished")
            recorder = scenario["recorder"] if scenario else {}
            for case, interaction in recorder.get("interactions", {}).items():
                value = recorder["cases"][case]["value"]
                response = interaction.get("response") or {"status_code": "no answer"}
                name = f"{value['method']} {value['path']}"
                statuses[name][str(response["status_code"])] += 1
    return statuses


def main(wanted):
    failed = fuzz(wanted) != 0
    statuses = reached(wanted.report)
    paths = json.loads(pathlib.Path(wanted.document).read_text())["paths"]
    for path, item in paths.items():
        for method in item:
            name = f"{method.upper()} {path}"
            of_it = statuses[name]
            has_succeeded = any(status.startswith("2") for status in of_it)
            is_missed = not (has_succeeded if wanted.succeed else of_it)
            failed |= is_missed
            print(name, dict(sorted(of_it.items())), "MISSED" if is_missed else "")
    print(sum(counts.total() for counts in statuses.values()), "calls")
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("document", help="the committed document")
    parser.add_argument("report", help="where to write the fuzzer's report")
    parser.add_argument("--seed", required=True)
    parser.add_argument("--examples", required=True, help="made up for each operation")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    parser.add_argument("--succeed", action="store_true", help="every operation must, once at least")
    sys.exit(main(parser.parse_args()))
