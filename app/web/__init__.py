"""Web: what stands before and beside every page: limits, logins, checks, health."""
