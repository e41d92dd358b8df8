"""The index: what it holds, building it, keeping it on disk."""
