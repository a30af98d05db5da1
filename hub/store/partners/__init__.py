"""What one partner API alone does with the tables."""
