"""Measurements that print a table and, with ``--json FILE``, write their figures."""
