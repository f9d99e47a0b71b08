"""How soon a waiting client sees CREATE_COMPLETE after the signal was sent. Prints seconds.

A stack of one WaitCondition with a CreationPolicy on a real local cloud: no guest, so that nothing
is measured but the way from the signal to the client.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from harness.cloud.process import LocalCloud
from harness.cloud.target import LocalTarget
from harness.naming import new_run_id
from harness.stack import Stack, StackSpec
from harness.template import Template

REGION = "us-east-1"
TEMPLATE = {
    "Resources": {
        "Ready": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT1M"}},
        }
    }
}
PAUSE = 0.6
"""Seconds before the signal, so that the client looks at its slowest."""


def main(repetitions: int) -> None:
    """Print the seconds of each repetition, one a line."""
    with LocalCloud(new_run_id()) as cloud:
        target = LocalTarget(cloud.endpoint_url, REGION)
        for number in range(repetitions):
            print(f"{latency(target, f'latency-{number}'):.3f}", flush=True)


def latency(target: LocalTarget, name: str) -> float:
    """Seconds from the signal's request to the client's seeing the stack complete."""
    client = target.client("cloudformation")
    template = Template.parse(json.dumps(TEMPLATE), path=Path("latency.json"))
    stack = Stack.create(client, StackSpec(name=name, template=template), pace=target.pace)
    sent: list[float] = []

    def signal() -> None:
        time.sleep(PAUSE)
        sent.append(time.perf_counter())
        sender: Any = client
        sender.signal_resource(
            StackName=name, LogicalResourceId="Ready", UniqueId="bench", Status="SUCCESS"
        )

    sender = threading.Thread(target=signal)
    sender.start()
    stack.wait("CREATE_COMPLETE", limit=60)
    seen = time.perf_counter()
    sender.join()
    return seen - sent[0]


if __name__ == "__main__":
    main(int(sys.argv[1]))
