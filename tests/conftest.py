"""Fixtures by subject, each in a file of its own."""

pytest_plugins = [
    "tests.fixtures.server",
    "tests.fixtures.world",
    "tests.fixtures.roles",
    "tests.fixtures.publisher",
    "tests.fixtures.vocabulary",
    "tests.fixtures.fleet",
    "tests.fixtures.settlers",
    "tests.fixtures.cut",
    "tests.fixtures.behind",
    "tests.fixtures.golden",
    "tests.fixtures.shown",
    "tests.fixtures.spread",
    "tests.fixtures.embedded",
    "tests.fixtures.people",
]
