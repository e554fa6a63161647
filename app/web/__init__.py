"""Web: what stands before and beside every page, whoever asks for it.

Requests pass from the connection (protocol, quiet) by what proxies say of them to the guard, and what is refused is
said on a plain page. Nothing here knows of participants or of the researcher.
"""

__all__ = [
    "framing",
    "guard",
    "pages",
    "prefix",
    "protocol",
    "proxies",
    "quiet",
    "readiness",
    "refusals",
    "throttle",
    "workers",
]
