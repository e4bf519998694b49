"""The HTTP API: FastAPI over the same engine that the command line uses."""
