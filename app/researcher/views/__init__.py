"""What the researcher's page shows, as HTML: who takes part, how a study fills, and the templates of all of it.

Every text that a template is given is escaped.
"""

__all__ = ["clip", "commands", "filling", "people", "session", "spectrogram", "sums", "templates"]
