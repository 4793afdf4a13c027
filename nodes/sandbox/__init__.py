"""Stand-in providers on loopback: the keyless default, and what every test talks to over real HTTP.

Each provider answers below its real host's name: `http://127.0.0.1:PORT/api.openai.com/v1` stands for
`https://api.openai.com/v1`. Nothing here costs money, and every picture says SANDBOX.
"""

from .app import make_app, start
from .faults import KINDS, BadRule, Rule
from .state import State

__all__ = ["KINDS", "BadRule", "Rule", "State", "make_app", "start"]
