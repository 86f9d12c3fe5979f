"""Claims checks: turns, leases, quotas, deadlines, pauses, breakers and the backlog of sources."""
