"""What is said instead of going on."""

from __future__ import annotations


class Problem(Exception):
    """Something that whoever typed the command can put right: what is wrong, and what to do."""
