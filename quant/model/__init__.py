"""Model: how a text-to-audio model is found, built and loaded, and the exact savings that all conditions share."""
