"""Clips: the verbs on the way from a study.yaml to clips that may be heard.

Beside them stands what they share: the pipeline of a study, its conditions, its own clips, the rendering here or on a
cluster.
"""

__all__ = ["check", "cluster", "conditions", "generate", "own", "pipeline", "render", "reproduce"]
