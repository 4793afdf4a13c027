"""Pictures bought from a provider."""
