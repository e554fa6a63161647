"""Model: the verbs that look at a study's model, calibrate it and quantize it.

Rendering with what they make is a verb of the clips.
"""

__all__ = ["calibrate", "inspect", "quantize"]
