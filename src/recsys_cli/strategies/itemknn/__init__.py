"""Item-to-item neighbours."""
