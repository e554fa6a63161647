"""Watch: what is written into the log, and what is counted, of requests and of what goes wrong with them.

Neither holds who asked or what was said: a request is known by a number of its own and by the template of its address.
"""

__all__ = ["counters", "logs", "requests", "summing"]
