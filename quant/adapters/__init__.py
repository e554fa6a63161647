"""Adapters: LoRA and DoRA files of the common trainers, read and merged into the weights that they were trained on.

Naming one takes no torch. What a weight file holds of an adapter beside its weights is merged or refused here too.
"""

__all__ = ["adapter", "changes", "merging"]
