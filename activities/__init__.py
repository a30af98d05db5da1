"""What touches the world. Each class holds the clients its activities share; each activity makes one attempt."""
