"""Finding the passages that may hold the answer: retrievers, and the fusion of what they found."""
