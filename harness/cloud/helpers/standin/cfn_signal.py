"""``cfn-signal``: tell CloudFormation that a resource is ready, or a wait condition fulfilled."""

from __future__ import annotations

import base64
import binascii
import json
import optparse
import re
import socket
import sys
from collections.abc import Sequence

from . import log
from .cloudformation import NoSigner
from .imds import Imds
from .notice import fail
from .options import add_common, add_service, client, read, web
from .retry import RemoteError, retry


def parser() -> optparse.OptionParser:
    """The command line of Amazon's program."""
    result = optparse.OptionParser(
        prog="cfn-signal", usage="usage: %prog [options] [WaitConditionHandle URL]"
    )
    add_common(result)
    result.add_option(
        "-s",
        "--success",
        type="choice",
        choices=["true", "false"],
        default="true",
        help="true signals success, false failure; default true",
    )
    result.add_option("-i", "--id", help="the signal's unique id; default the instance's id")
    result.add_option(
        "-e", "--exit-code", type="int", help="signal failure unless this exit status is 0"
    )
    group = optparse.OptionGroup(result, "WaitConditionHandle Signal Options")
    group.add_option("-r", "--reason", default="", help="why it succeeded or failed")
    group.add_option("-d", "--data", default="", help="data for the wait condition")
    result.add_option_group(group)
    group = optparse.OptionGroup(result, "Resource Signal Options")
    group.add_option("--stack", help="name or id of the stack")
    group.add_option("--resource", help="logical id of the resource")
    add_service(group, "--url")
    result.add_option_group(group)
    return result


def main(
    argv: Sequence[str] | None = None, imds: Imds | None = None, log_file: str = log.LOG_FILE
) -> int:
    """Send one signal.

    Args:
        argv: Arguments; the process's own by default.
        imds: The instance's metadata service.
        log_file: Where the log goes.

    Returns:
        0 where CloudFormation took the signal, else 1.

    Raises:
        SystemExit: The arguments are wrong (2), or help was asked for (0).
    """
    imds = imds or Imds()
    options, arguments = read(parser(), argv)
    log.configure(log_file)
    handle = arguments[0] if arguments else ""
    if handle and options.resource is not None:
        return fail(
            "Error: Cannot specify both a WaitConditionHandle URL and a logical resource id"
        )
    if handle:
        return _signal_handle(options, handle, imds)
    if options.resource is not None:
        return _signal_resource(options, imds)
    return fail(
        "Error: No WaitConditionHandle URL or logical resource id specified", usage=parser()
    )


def _signal_handle(options: optparse.Values, handle: str, imds: Imds) -> int:
    url = _handle_url(handle)
    if url is None:
        return fail(f"Error: Invalid WaitConditionHandle URL specified: {handle}")
    status = _status(options)
    reason = options.reason or ("Configuration failed." if status == "FAILURE" else "")
    body = {
        "Status": status,
        "Reason": reason,
        "Data": options.data,
        "UniqueId": _unique_id(options, imds),
    }
    sender = web(options)
    try:
        # The URL is signed for a request without a content type.
        retry(
            lambda: sender.send(
                "PUT", url, {"Content-Type": ""}, json.dumps(body).encode()
            ).checked()
        )
    except RemoteError as error:
        return fail(f"Error signaling CloudFormation: {error}")
    sys.stdout.write(f"CloudFormation signaled successfully with {status}.\n")
    return 0


def _signal_resource(options: optparse.Values, imds: Imds) -> int:
    if not options.stack:
        return fail(
            "Error: You must specify a stack name when signaling a resource", usage=parser()
        )
    try:
        client(options, imds).call(
            "SignalResource",
            LogicalResourceId=options.resource,
            StackName=options.stack,
            UniqueId=_unique_id(options, imds),
            Status=_status(options),
        )
    except RemoteError as error:
        return fail(error.strerror or f"Unknown error signaling {options.resource}")
    except NoSigner as error:
        return fail(str(error))
    return 0


def _status(options: optparse.Values) -> str:
    return "FAILURE" if options.exit_code or options.success != "true" else "SUCCESS"


def _unique_id(options: optparse.Values, imds: Imds) -> str:
    return str(options.id or imds.instance_id or socket.getfqdn())


def _handle_url(handle: str) -> str | None:
    if re.match(r"https?://", handle):
        return handle
    try:
        decoded = base64.b64decode(handle).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return decoded if re.match(r"https?://", decoded) else None
