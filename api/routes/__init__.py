"""One file per partner API, named like its contract; `dialer` and `health` are the hub's own."""
