"""The hands: documents, the web and training. They never know the graph, the settings or the prompts."""
