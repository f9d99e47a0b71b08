"""The subcommands of ``harness``, one module each, listed in :mod:`harness.cli`.

A module has ``configure(parser)``, which declares its arguments, and ``run(arguments) -> int``,
which returns the exit status.
"""
