"""Specialists: data, training, adapters, versions and the gate. Knows nothing of the graph, settings or prompts."""
