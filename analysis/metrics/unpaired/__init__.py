"""Unpaired: metrics of clips against a text or a reference set, one file a metric.

Each file's docstring is its convention.
"""

__all__ = ["clap_score", "fd_aisfx", "fd_openl3", "kad_aisfx", "kl_passt", "mini_agreement", "mini_tags"]
