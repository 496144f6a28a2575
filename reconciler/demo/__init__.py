"""The demo: the main job, told as a story on an embedded server."""
