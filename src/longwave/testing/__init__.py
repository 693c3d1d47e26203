"""For the tests of those who build on Longwave: contract suites that every implementation passes.

Each suite is a module of its own, because it needs pytest: `longwave.testing.log_contract`.
"""
