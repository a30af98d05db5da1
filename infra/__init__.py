"""Running the hub: databases, Temporal, supervision. Nothing of the product depends on it."""
