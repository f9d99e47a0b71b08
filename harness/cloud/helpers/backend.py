"""A PEP 517 backend for the stand-in alone: it puts ``standin/`` into a wheel, with stdlib only.

It runs in the guest, beside the package, on Python 3.8 or later.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

NAME = "aws-cfn-bootstrap"
VERSION = "2.0+standin"

COMMANDS = {
    "cfn-signal": "standin.cfn_signal",
    "cfn-get-metadata": "standin.cfn_get_metadata",
    "cfn-init": "standin.absent",
    "cfn-hup": "standin.absent",
    "cfn-elect-cmd-leader": "standin.absent",
    "cfn-send-cmd-event": "standin.absent",
    "cfn-send-cmd-result": "standin.absent",
}


def build_wheel(
    wheel_directory: str,
    config_settings: object = None,  # noqa: ARG001 - named by PEP 517
    metadata_directory: object = None,  # noqa: ARG001 - the same
) -> str:
    """Write the wheel into a folder and return its name."""
    stem = f"{NAME.replace('-', '_')}-{VERSION}"
    info = f"{stem}.dist-info"
    scripts = "".join(f"{name} = {module}:main\n" for name, module in COMMANDS.items())
    files = {
        f"standin/{path.name}": path.read_text(encoding="utf-8")
        for path in sorted(Path(__file__).with_name("standin").glob("*.py"))
    }
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"
    files[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}"
    record = "".join(
        f"{name},sha256={_digest(text)},{len(text.encode())}\n" for name, text in files.items()
    )
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    name = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
