"""Load: how much the server bears, over real HTTP on loopback, with the driver on the same processors.

One participant, an idle server and attacks stand in single.py; many participants at once in crowd.py.
"""
