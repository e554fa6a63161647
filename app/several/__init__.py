"""Several: many studies in one server, each under its own path, and the desk that lists them to the server's owner.

A study here is the application that it is by itself. It knows nothing of the others, nor of the desk.
"""

__all__ = ["desk", "entries", "server"]
