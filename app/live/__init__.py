"""Live: what a study is while it is served, beside its configuration and its store.

Its clips behind the launch gate, the sounds that are made for it, what is known to be wrong with it, of visitors whom
it does not expect, whether it is open, and whether it may stop. Nothing here knows of pages or requests.
"""

__all__ = ["gate", "gold", "health", "instructed", "panels", "running", "stopping", "tones"]
