"""The options that Amazon's programs have in common.

optparse, as Amazon's programs use it: it decides how options may be abbreviated, what is said of a
wrong one, and that the exit status is then 2.
"""

from __future__ import annotations

import optparse
import sys
from collections.abc import Sequence

from .cloudformation import CloudFormation, endpoint
from .credentials import Credentials, read_credentials
from .imds import Imds
from .notice import announce, tell
from .web import Web


def add_common(parser: optparse.OptionParser) -> None:
    """Options for credentials and proxies."""
    group = optparse.OptionGroup(parser, "AWS Credentials", "Who signs the request.")
    group.add_option(
        "-f", "--credential-file", help="a file with AWSAccessKeyId= and AWSSecretKey=, mode 600"
    )
    group.add_option("--role", help="an IAM role of the instance")
    group.add_option("--access-key", help="an AWS access key")
    group.add_option("--secret-key", help="an AWS secret key")
    parser.add_option_group(group)
    group = optparse.OptionGroup(parser, "Proxy", "As [scheme://][user:password@]host:port.")
    group.add_option("--http-proxy", help="a proxy for HTTP")
    group.add_option("--https-proxy", help="a proxy for HTTPS")
    parser.add_option_group(group)


def add_service(group: optparse.OptionContainer, *url: str) -> None:
    """Options for which CloudFormation is asked."""
    group.add_option(*url, dest="url", help="CloudFormation's URL, in place of the region's")
    group.add_option("--region", default="us-east-1", help="the stack's region; default us-east-1")


def read(
    parser: optparse.OptionParser, argv: Sequence[str] | None
) -> tuple[optparse.Values, list[str]]:
    """What the command line says, once it is announced who reads it.

    Args:
        parser: The program's.
        argv: Arguments; the process's own by default.

    Returns:
        The options, and the arguments that are none.

    Raises:
        SystemExit: The arguments are wrong (2), or help was asked for (0).
    """
    announce(parser.get_prog_name())
    return parser.parse_args(list(sys.argv[1:] if argv is None else argv))


def web(options: optparse.Values) -> Web:
    """The way to the network; proxies that are not named come from the environment."""
    named = {"http": options.http_proxy, "https": options.https_proxy}
    return Web.of_environment({name: url for name, url in named.items() if url} or None)


def client(options: optparse.Values, imds: Imds) -> CloudFormation:
    """CloudFormation, as the options say.

    Raises:
        SystemExit: The credentials cannot be read.
        RemoteError: The instance has no such role.
        NoSigner: There is nothing to sign with.
    """
    url = options.url or endpoint(options.region)
    return CloudFormation(web(options), imds, _credentials(options, imds), url, options.region)


def _credentials(options: optparse.Values, imds: Imds) -> Credentials:
    if options.credential_file:
        try:
            return read_credentials(options.credential_file)
        except OSError as error:
            tell(f"Error retrieving credentials from file:\n\t{error.strerror}")
            sys.exit(1)
    if options.role:
        return imds.role_credentials(options.role)
    return Credentials(options.access_key, options.secret_key)
