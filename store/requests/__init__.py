"""Does what platforms and people ask for: `jurat_requests`, reviews, erasures, codes."""
