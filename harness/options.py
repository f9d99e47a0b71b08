"""Settings: command line, then environment, then pyproject.toml, then default.

One table, the fields of :class:`Settings`, makes pytest's options, the names of the environment
variables and the keys of ``[tool.harness]``; nothing is declared twice.
"""
# ruff: noqa: RUF009 - _setting() makes a dataclass field; nothing is shared between instances

from __future__ import annotations

import enum
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from harness.errors import UsageError

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


TABLES: Final = frozenset({"cloud", "live", "matrix", "mutate"})
"""The tables below ``[tool.harness]`` that are no settings themselves."""


class Keep(enum.Enum):
    """When a stack stays after the run."""

    NEVER = "never"
    FAILED = "failed"
    ALWAYS = "always"


def _text(raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("must be a text that is not empty")
    return raw.strip()


def _texts(raw: object) -> tuple[str, ...]:
    values = raw.replace(",", " ").split() if isinstance(raw, str) else raw
    if not isinstance(values, list | tuple):
        raise ValueError("must be a list of texts")  # noqa: TRY004 - one error for every parser
    return tuple(word for value in values for word in _text(value).replace(",", " ").split())


def _pairs(raw: object) -> Mapping[str, str]:
    if isinstance(raw, Mapping):
        return MappingProxyType({str(name): _value(value) for name, value in raw.items()})
    values = raw.split() if isinstance(raw, str) else raw
    if not isinstance(values, list | tuple):
        raise ValueError("must be NAME=VALUE")  # noqa: TRY004 - one error for every parser
    pairs = {}
    for value in values:
        name, equals, content = str(value).partition("=")
        if not equals or not name:
            raise ValueError(f"must be NAME=VALUE, not {value!r}")
        pairs[name] = content
    return MappingProxyType(pairs)


def _value(raw: object) -> str:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return ",".join(map(_value, raw)) if isinstance(raw, list) else str(raw)


def _flag(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if str(raw).lower() not in words:
        raise ValueError("must be true or false")
    return words[str(raw).lower()]


def positive(raw: object) -> float:
    """A number above 0, and finite.

    Raises:
        ValueError: It is none.
    """
    try:
        number = float(str(raw))
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError(f"must be a number above 0, not {raw!r}")
    return number


def count(raw: object) -> int:
    """A whole number above 0.

    Raises:
        ValueError: It is none.
    """
    number = positive(raw)
    if number != int(number):
        raise ValueError(f"must be a whole number above 0, not {raw!r}")
    return int(number)


def _path(raw: object) -> Path:
    return Path(_text(raw))


def _keep(raw: object) -> Keep:
    try:
        return Keep(str(raw))
    except ValueError:
        raise ValueError(f"must be never, failed or always, not {raw!r}") from None


def _accounts(raw: object) -> tuple[str, ...]:
    for account in _texts(raw):
        if not re.fullmatch(r"\d{12}", account):
            raise ValueError(f"an account id has 12 digits, not {account!r}")
    return _texts(raw)


def _regions(raw: object) -> tuple[str, ...]:
    for region in _texts(raw):
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
            raise ValueError(f"{region!r} is no region, which reads like us-east-1")
    return _texts(raw)


def _cidr(raw: object) -> str:
    try:
        return str(ipaddress.ip_network(_text(raw)))
    except ValueError as error:
        raise ValueError(f"must be a CIDR block such as 192.0.2.7/32: {error}") from None


def _setting(
    default: Any,  # noqa: ANN401 - a field's default is of the field's type
    parse: Callable[[object], Any],
    summary: str,
    *,
    option: str | None = None,
    metavar: str | None = None,
    environ: tuple[str, ...] = (),
) -> Any:  # noqa: ANN401 - as dataclasses.field
    """One row of the table; ``option`` names the command line's option where it differs."""
    metadata = {
        "parse": parse,
        "summary": summary,
        "option": option,
        "metavar": metavar,
        "environ": environ,
    }
    return field(default_factory=lambda: default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """What a run goes by. Paths are relative to the project's root until :func:`resolve`."""

    template: Path = _setting(
        Path("formation.json"), _path, "the template under test", metavar="PATH"
    )
    parameters: Mapping[str, str] = _setting(
        _EMPTY,
        _pairs,
        "a parameter of the stack; may be given several times",
        option="--parameter",
        metavar="NAME=VALUE",
    )
    project: str = _setting(
        "harness", _text, "first word of the names of stacks and key pairs", metavar="NAME"
    )
    keep: Keep = _setting(
        Keep.NEVER, _keep, "keep the stacks: never, failed or always", metavar="WHEN"
    )
    reuse: str | None = _setting(
        None, _text, "test this stack, which exists, and delete nothing", metavar="STACK"
    )
    identity: Path | None = _setting(
        None, _path, "the private key to log in with to a reused stack", metavar="PATH"
    )
    require_local: bool = _setting(
        False, _flag, "fail, do not skip, where the local rung has no container engine"
    )
    artifacts: Path = _setting(
        Path(".harness/artifacts"), _path, "where evidence of failed stacks is saved", metavar="DIR"
    )
    accounts: tuple[str, ...] = _setting(
        (),
        _accounts,
        "an AWS account that stacks may be created in; without one, live refuses",
        option="--account",
        metavar="ID",
    )
    regions: tuple[str, ...] = _setting(
        ("us-east-1",),
        _regions,
        "a region for live runs and sweeps",
        option="--region",
        metavar="REGION",
        environ=("AWS_REGION", "AWS_DEFAULT_REGION"),
    )
    live_endpoint: str | None = _setting(
        None,
        _text,
        "say by name that AWS_ENDPOINT_URL is meant: 'local' for the local cloud",
        metavar="NAME",
    )
    lint_regions: tuple[str, ...] = _setting(
        (),
        _regions,
        "a region that the template is meant for; those of --region where none is given",
        option="--lint-region",
        metavar="REGION",
    )
    instance_types: tuple[str, ...] = _setting(
        ("t3.micro", "t3.small", "t4g.micro", "t4g.small"),
        _texts,
        "an instance type that live stacks may use",
        option="--instance-type",
        metavar="TYPE",
    )
    max_instances: int = _setting(
        1, count, "how many instances one live stack may have", metavar="N"
    )
    max_spend: float = _setting(
        0.5, positive, "what one live stack may cost over its time to live", metavar="USD"
    )
    time_to_live: int = _setting(
        60, count, "minutes after which a sweep deletes a live stack", metavar="MINUTES"
    )
    ssh_cidr: str | None = _setting(
        None, _cidr, "who may log in; by default this machine's own address", metavar="CIDR"
    )
    ssh_user: str = _setting(
        "ubuntu", _text, "the user to log in as on the instance", metavar="USER"
    )
    unpinned_reason: str | None = _setting(
        None,
        _text,
        "log in although the host keys did not show on the console, for this reason",
        option="--accept-unpinned-host-key",
        metavar="REASON",
    )
    create_timeout: float = _setting(
        900.0, positive, "seconds that a stack's creation may take", metavar="SECONDS"
    )
    delete_timeout: float = _setting(
        900.0, positive, "seconds that a stack's deletion may take", metavar="SECONDS"
    )
    login_timeout: float = _setting(
        300.0,
        positive,
        "seconds until the host keys are known, sshd answers and cloud-init is done",
        metavar="SECONDS",
    )
    key_parameter: str = _setting(
        "KeyName", _text, "the parameter that takes the key pair's name", metavar="NAME"
    )
    cidr_parameter: str = _setting(
        "SshCidr",
        _text,
        "the parameter that takes the CIDR block of who may log in",
        metavar="NAME",
    )
    root: Path = Path()
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _EMPTY)

    @property
    def meant_for(self) -> tuple[str, ...]:
        """The regions that the template is meant for: those of lint, else those of runs."""
        return self.lint_regions or self.regions

    def table(self, name: str) -> Mapping[str, Any]:
        """The table ``[tool.harness.<name>]``; empty where there is none."""
        return self.tables.get(name, _EMPTY)


@dataclass(frozen=True)
class Setting:
    """One row of the table, for whoever declares options."""

    name: str
    option: str
    environ: tuple[str, ...]
    key: str
    summary: str
    metavar: str | None
    default: object
    parse: Callable[[object], Any]

    @property
    def kind(self) -> str:
        """``flag``, ``list`` or ``value``: how the command line takes it."""
        if isinstance(self.default, bool):
            return "flag"
        return "list" if isinstance(self.default, tuple | Mapping) else "value"


def _settings() -> tuple[Setting, ...]:
    return tuple(
        Setting(
            name=one.name,
            option=one.metadata["option"] or f"--{one.name.replace('_', '-')}",
            environ=(f"HARNESS_{one.name.upper()}", *one.metadata["environ"]),
            key=one.name.replace("_", "-"),
            summary=one.metadata["summary"],
            metavar=one.metadata["metavar"],
            default=one.default_factory(),  # type: ignore[operator]  # _setting() gives every row one
            parse=one.metadata["parse"],
        )
        for one in fields(Settings)
        if one.metadata
    )


SETTINGS: Final = _settings()


def resolve(
    command_line: Mapping[str, object],
    environ: Mapping[str, str],
    table: Mapping[str, Any],
    root: Path,
) -> Settings:
    """The settings of a run.

    Args:
        command_line: Values by a setting's name; None or absent where an option was not given.
        environ: The environment.
        table: ``[tool.harness]`` of pyproject.toml.
        root: The project's root; relative paths are taken from there.

    Raises:
        UsageError: A value is malformed, or pyproject.toml has a key that no setting has.
    """
    known = {setting.key for setting in SETTINGS}
    for key, value in table.items():
        if isinstance(value, Mapping) and key not in known | TABLES:
            raise UsageError(
                f"pyproject.toml: there is no table [tool.harness.{key}]",
                remedy=f"one of {', '.join(sorted(TABLES))}",
            )
        if not isinstance(value, Mapping) and key not in known:
            raise UsageError(
                f"pyproject.toml: [tool.harness] has no setting {key!r}",
                remedy=f"one of {', '.join(sorted(known))}",
            )
    values = {
        setting.name: _resolve_one(setting, command_line, environ, table) for setting in SETTINGS
    }
    for name in ("template", "artifacts"):
        values[name] = root / values[name]
    if values["identity"]:
        values["identity"] = root / values["identity"]
    tables = {key: value for key, value in table.items() if key in TABLES}
    return Settings(**values, root=root, tables=MappingProxyType(tables))


def _resolve_one(
    setting: Setting,
    command_line: Mapping[str, object],
    environ: Mapping[str, str],
    table: Mapping[str, Any],
) -> Any:  # noqa: ANN401 - of the setting's type
    candidates: list[tuple[str, object]] = [(setting.option, command_line.get(setting.name))]
    candidates += [(name, environ.get(name) or None) for name in setting.environ]
    candidates.append((f"pyproject.toml, {setting.key}", table.get(setting.key)))
    for place, raw in candidates:
        if raw is None or raw == []:
            continue
        try:
            return setting.parse(raw)
        except ValueError as error:
            raise UsageError(f"{place}: {error}") from None
    return setting.default


def read_table(root: Path) -> Mapping[str, Any]:
    """``[tool.harness]`` of the project's pyproject.toml; empty where there is none.

    Raises:
        UsageError: The file is no TOML.
    """
    path = root / "pyproject.toml"
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return _EMPTY
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}", remedy="mend pyproject.toml") from None
    table: Mapping[str, Any] = document.get("tool", {}).get("harness", _EMPTY)
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: tool.harness is no table", remedy="write [tool.harness]")
    return table
