"""Mutation testing for infrastructure: break a stack as people break stacks, and see who notices.

A mutator (:mod:`harness.mutate.mutators`) makes one or more broken copies of a template and its
script; the runner tries the project's own tests on each; what they let through is reported.
"""
