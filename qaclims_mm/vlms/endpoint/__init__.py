"""The client of OpenAI-compatible endpoints, for VQA models on a server."""
