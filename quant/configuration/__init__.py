"""Configuration: which ``model_config.json`` is computed and which is refused, told from the JSON alone.

Every option of the pinned stable-audio-tools stands in a table, computed or refused by its name. Nothing here imports
torch.
"""

__all__ = ["checking", "conditioning", "identity", "options", "tables"]
