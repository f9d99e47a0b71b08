"""Where a setting comes from, and what a malformed one is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.options import SETTINGS, Keep, Settings, read_table, resolve

pytestmark = pytest.mark.selftest


def test_defaults_stand_where_nothing_is_said(tmp_path: Path) -> None:
    """Nothing said anywhere: the defaults, with paths under the root."""
    settings = resolve({}, {}, {}, tmp_path)
    assert settings.template == tmp_path / "formation.json"
    assert settings.keep is Keep.NEVER
    assert settings.accounts == ()


def test_the_nearest_source_wins(tmp_path: Path) -> None:
    """Command line before environment before pyproject.toml."""
    table = {"project": "from-file", "ssh-user": "from-file", "regions": ["eu-west-1"]}
    environ = {"HARNESS_PROJECT": "from-environment", "HARNESS_SSH_USER": "from-environment"}
    settings = resolve({"project": "from-line"}, environ, table, tmp_path)
    assert settings.project == "from-line"
    assert settings.ssh_user == "from-environment"
    assert settings.regions == ("eu-west-1",)


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION", "HARNESS_REGIONS"])
def test_the_region_is_taken_from_what_aws_tools_read(name: str, tmp_path: Path) -> None:
    """boto3 ignores AWS_REGION; both spellings are accepted here."""
    assert resolve({}, {name: "eu-central-1"}, {}, tmp_path).regions == ("eu-central-1",)


def test_parameters_are_pairs_wherever_they_come_from(tmp_path: Path) -> None:
    """NAME=VALUE on the command line, a table in pyproject.toml; a value may hold equals signs."""
    given = {"parameters": ["A=1", "B=x=y"]}
    assert resolve(given, {}, {}, tmp_path).parameters == {"A": "1", "B": "x=y"}
    table = {"parameters": {"A": 1, "B": True, "C": ["x", "y"]}}
    assert resolve({}, {}, table, tmp_path).parameters == {"A": "1", "B": "true", "C": "x,y"}


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("keep", "sometimes", "--keep: must be never, failed or always"),
        ("accounts", ["12345"], "--account: an account id has 12 digits"),
        ("regions", ["us-east-1a"], "--region: 'us-east-1a' is no region"),
        ("parameters", ["KeyName"], "--parameter: must be NAME=VALUE"),
        ("max_spend", "-1", "--max-spend: must be a number above 0"),
        ("max_spend", "nan", "--max-spend: must be a number above 0"),
        ("max_instances", "1.5", "--max-instances: must be a whole number"),
        ("ssh_cidr", "here", "--ssh-cidr: must be a CIDR block"),
        ("project", " ", "--project: must be a text that is not empty"),
    ],
)
def test_a_malformed_value_names_its_source(
    name: str, value: object, complaint: str, tmp_path: Path
) -> None:
    """The message begins with the place that the value came from."""
    with pytest.raises(UsageError) as raised:
        resolve({name: value}, {}, {}, tmp_path)
    assert str(raised.value).startswith(complaint)


def test_a_malformed_environment_variable_is_named(tmp_path: Path) -> None:
    """Also where the value comes from the environment."""
    with pytest.raises(UsageError, match=r"^HARNESS_REQUIRE_LOCAL: must be true or false"):
        resolve({}, {"HARNESS_REQUIRE_LOCAL": "perhaps"}, {}, tmp_path)


def test_an_unknown_key_of_pyproject_is_refused(tmp_path: Path) -> None:
    """A misspelt setting is not passed over."""
    with pytest.raises(UsageError, match="no setting 'acounts'"):
        resolve({}, {}, {"acounts": ["123456789012"]}, tmp_path)


def test_an_unknown_table_of_pyproject_is_refused(tmp_path: Path) -> None:
    """What is misspelt would have no effect, and nobody would know."""
    with pytest.raises(UsageError, match=r"no table \[tool\.harness\.clouds\]") as refused:
        resolve({}, {}, {"clouds": {"unsupported": "strict"}}, tmp_path)
    assert "cloud" in refused.value.remedy


def test_paths_are_taken_from_the_root(tmp_path: Path) -> None:
    """Whatever folder a command is typed in."""
    given = {"template": "t.json", "identity": "key", "artifacts": "/elsewhere"}
    settings = resolve(given, {}, {}, tmp_path)
    assert settings.template == tmp_path / "t.json"
    assert settings.identity == tmp_path / "key"
    assert settings.artifacts == Path("/elsewhere")


def test_a_template_is_meant_for_what_lint_or_the_runs_say(tmp_path: Path) -> None:
    """Runs in a region are a sign that it is meant for it."""
    table: dict[str, object] = {"regions": ["eu-west-1"]}
    assert resolve({}, {}, table, tmp_path).meant_for == ("eu-west-1",)
    table["lint-regions"] = ["us-west-2", "eu-west-1"]
    assert resolve({}, {}, table, tmp_path).meant_for == ("us-west-2", "eu-west-1")


def test_tables_are_handed_on(tmp_path: Path) -> None:
    """Tables under [tool.harness] belong to whoever asks for them."""
    settings = resolve({}, {}, {"matrix": {"regions": ["eu-west-1"]}}, tmp_path)
    assert settings.table("matrix") == {"regions": ["eu-west-1"]}
    assert settings.table("absent") == {}


def test_pyproject_is_read(tmp_path: Path) -> None:
    """[tool.harness] of the root; empty where the file or the table is missing."""
    assert read_table(tmp_path) == {}
    (tmp_path / "pyproject.toml").write_text('[tool.harness]\nproject = "p"\n')
    assert read_table(tmp_path) == {"project": "p"}
    (tmp_path / "pyproject.toml").write_text("[tool.harness\n")
    with pytest.raises(UsageError, match=r"pyproject\.toml"):
        read_table(tmp_path)


def test_options_and_variables_are_unique() -> None:
    """No two settings answer to the same name."""
    options = [setting.option for setting in SETTINGS]
    variables = [name for setting in SETTINGS for name in setting.environ]
    assert len(set(options)) == len(options)
    assert len(set(variables)) == len(variables)
    assert {setting.name for setting in SETTINGS} < set(Settings.__dataclass_fields__)
