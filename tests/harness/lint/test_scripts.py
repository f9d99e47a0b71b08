"""UserData taken apart, as cloud-init does."""

from __future__ import annotations

import base64

import pytest

from harness.lint.scripts import MultipartError, Script, UserData, script_of, split
from harness.lint.text import TracedText

pytestmark = pytest.mark.selftest


def traced(text: str) -> TracedText:
    return TracedText(text, range(len(text)), [""] * len(text))


def user_data(text: str) -> UserData:
    return UserData("Server", ("Resources", "Server", "Properties", "UserData"), traced(text))


def scripts(text: str) -> tuple[Script, ...]:
    return user_data(text).scripts


@pytest.mark.parametrize(
    ("line", "interpreter", "options"),
    [
        ("#!/bin/bash", "bash", ""),
        ("#!/bin/bash -xe", "bash", "-xe"),
        ("#! /bin/sh -e", "sh", "-e"),
        ("#!/usr/bin/env bash", "bash", ""),
        ("#!/usr/bin/env -S bash -e", "bash", "-e"),
        ("#!/usr/bin/env python3", "python3", ""),
        ("echo", "", ""),
    ],
)
def test_the_shebang_says_who_runs_it(line: str, interpreter: str, options: str) -> None:
    """Directly or through env."""
    script = script_of("x", "Server", traced(f"{line}\n"), ())
    assert (script.interpreter, script.options) == (interpreter, options)


def test_cloud_config_has_commands_and_files() -> None:
    """What runcmd lists becomes one script of sh; files are written, not run."""
    text = """#cloud-config
bootcmd:
  - echo boot
runcmd:
  - [ls, "a b"]
  - |
    one
    two
write_files:
  - path: /x
    content: |
      #!/bin/bash
      three
  - path: /y
    encoding: b64
    content: Zm91cg==
"""
    boot, run, file = scripts(text)
    assert boot.text.text == "echo boot\n"
    assert run.text.text == "ls 'a b'\none\ntwo\n\n"
    assert (run.interpreter, run.runs) == ("sh", True)
    assert (file.name, file.interpreter, file.runs) == ("Server /x", "bash", False)
    at = file.text.text.index("three")
    assert text[file.text.origin(at) :].startswith("three")


def test_multipart_comes_apart_at_its_boundary() -> None:
    """Each part by its content type, or by how it begins; Base64 is decoded."""
    encoded = base64.b64encode(b"#!/bin/sh\nencoded\n").decode()
    text = f"""Content-Type: multipart/mixed;
 boundary="xx"
MIME-Version: 1.0

--xx
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
plain
--xx
Content-Type: text/plain
Content-Transfer-Encoding: base64

{encoded}
--xx
Content-Type: text/cloud-config

packages: [git]
--xx--
epilogue
"""
    parts = list(split(traced(text)))
    assert [part.kind for part in parts] == [
        "text/x-shellscript",
        "text/x-shellscript",
        "text/cloud-config",
    ]
    assert parts[0].text.text == "#!/bin/bash\nplain\n"
    assert parts[1].text.text == "#!/bin/sh\nencoded\n"


@pytest.mark.parametrize(
    "header", ["Content-Type: multipart/mixed", 'Content-Type: multipart/mixed; boundary="b"']
)
def test_multipart_without_parts(header: str) -> None:
    """It announces what is not there; that is an error of its own, and no script."""
    data = user_data(f"{header}\n\n#!/bin/sh\n")
    with pytest.raises(MultipartError):
        _ = data.parts
    assert data.scripts == ()


def test_a_template_of_jinja_keeps_its_places() -> None:
    """Values become words of the same length."""
    text = "## template: jinja\n#cloud-config\n{% if a %}\nruncmd:\n  - echo {{ b }}\n{% endif %}\n"
    (script,) = scripts(text)
    assert script.text.text == "echo _______\n"
    assert text[script.text.origin(5) :].startswith("{{ b }}")


def test_boothooks_are_scripts() -> None:
    """With or without the line that says so."""
    (script,) = scripts("#cloud-boothook\n#!/bin/sh\necho\n")
    assert script.text.text == "#!/bin/sh\necho\n"


def test_what_is_no_script_has_none() -> None:
    """PowerShell, includes, and cloud-configs that are no YAML."""
    assert scripts("<powershell>\nGet-Date\n</powershell>") == ()
    assert scripts("#include\nhttps://example.com/\n") == ()
    assert scripts("#cloud-config\n[:\n") == ()
