"""Describe: what the ratings look like before anything is tested."""
