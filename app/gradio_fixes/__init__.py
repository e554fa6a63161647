"""Gradio fixes: what exists only to undo what Gradio does by itself."""
