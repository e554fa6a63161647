"""Participant: the page on which people listen and answer, and the routes behind it."""
