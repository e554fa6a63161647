"""Researcher: the page on which a study is watched."""
