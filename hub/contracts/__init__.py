"""One file per partner API: its wire models and their translation. `registry` says what there is."""
