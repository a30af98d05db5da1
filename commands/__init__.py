"""The `hub` command's parts: each module reads its options, calls the layer below and prints."""
