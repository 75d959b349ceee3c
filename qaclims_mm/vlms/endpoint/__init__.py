"""An OpenAI-compatible endpoint that serves a model, as the VQA models use it."""
