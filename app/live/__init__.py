"""Live: what a study is while it is served, beside its configuration and its store.

Its clips behind the launch gate, the sounds that are made for it, and what is known to be wrong with it. Nothing here
knows of pages or requests.
"""

__all__ = ["gate", "gold", "health", "instructed", "tones"]
