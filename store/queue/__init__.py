"""Claims checks: turns, leases, quotas, deadlines, pauses and the health of sources."""
