"""What the local cloud answers where Amazon's helper scripts are fetched and cannot be had."""

from harness.cloud.helpers.tarball import build_tarball

__all__ = ["build_tarball"]
