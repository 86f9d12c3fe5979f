"""Whether limits hold and are used, over all workers."""
