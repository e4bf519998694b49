"""The workspace on disk: snapshots, packs, manifests, the lock and atomic writes."""
