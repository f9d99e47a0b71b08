"""``cfn-get-metadata``: print the metadata that a template gives a resource."""

from __future__ import annotations

import json
import optparse
import re
import sys
from collections.abc import Sequence

from . import log
from .cloudformation import NoSigner
from .imds import Imds
from .notice import fail
from .options import add_common, add_service, client, read
from .retry import RemoteError


def parser() -> optparse.OptionParser:
    """The command line of Amazon's program."""
    result = optparse.OptionParser(prog="cfn-get-metadata")
    add_common(result)
    result.add_option("-s", "--stack", help="name or id of the stack")
    result.add_option("-r", "--resource", help="logical id of the resource")
    result.add_option("-k", "--key", help="print only the value at parent.child.leaf")
    add_service(result, "-u", "--url")
    result.add_option("-v", "--verbose", action="store_true", help="log more")
    return result


def main(
    argv: Sequence[str] | None = None, imds: Imds | None = None, log_file: str = log.LOG_FILE
) -> int:
    """Print metadata as JSON, a string as it is.

    Args:
        argv: Arguments; the process's own by default.
        imds: The instance's metadata service.
        log_file: Where the log goes.

    Returns:
        0; 1 where there is no such resource or value.

    Raises:
        SystemExit: The arguments are wrong (2), or help was asked for (0).
    """
    imds = imds or Imds()
    options, _ = read(parser(), argv)
    if not options.stack or not options.resource:
        return fail("Error: You must specify both a stack name and logical resource id", parser())
    log.configure(log_file)
    try:
        answer = client(options, imds).call(
            "DescribeStackResource", LogicalResourceId=options.resource, StackName=options.stack
        )
    except RemoteError as error:
        return fail(error.strerror or f"Unknown error retrieving {options.resource}")
    except NoSigner as error:
        return fail(str(error))
    metadata = _metadata(answer.json())
    if not metadata:
        return fail(f"Error: {options.resource} does not specify any metadata")
    value = _extract(metadata, options.key)
    if not value:
        return fail(f"Error: {options.key} is not present in the metadata for {options.resource}")
    text = value if isinstance(value, str) else json.dumps(value, indent=4)
    sys.stdout.write(f"{text}\n")
    return 0


def _metadata(answer: object) -> object:
    match answer:
        case {
            "DescribeStackResourceResponse": {
                "DescribeStackResourceResult": {"StackResourceDetail": {"Metadata": str() as text}}
            }
        }:
            return json.loads(text)
    return None


def _extract(value: object, path: str | None) -> object:
    for element in re.split(r"(?<!\\)\.", path) if path else ():
        if not isinstance(value, dict):
            return None
        value = value.get(element.replace("\\.", "."))
    return value
