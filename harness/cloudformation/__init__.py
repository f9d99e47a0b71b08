"""CloudFormation's own rules: intrinsic functions, parameters, creation policies, stacks.

Nothing here knows how a resource comes to be, or what time it is: both are passed in. So the same
rules run in milliseconds on a virtual clock (:mod:`harness.simulate`) and around booted guests
(:mod:`harness.cloud`).
"""
