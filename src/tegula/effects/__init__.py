"""Effects: frozen, awaitable values that say what is wanted of the world, and nothing else."""
