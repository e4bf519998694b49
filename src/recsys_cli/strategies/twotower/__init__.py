"""Two towers fine-tuned from ALS factors: one vector per user, one per item, one product."""
