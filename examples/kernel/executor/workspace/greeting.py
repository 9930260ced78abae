"""Runs before the first call: what is defined here is there in every cell."""


def greet(name: str) -> str:
    return f"hello {name}"
