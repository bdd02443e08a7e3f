"""Real clients, driven: browsers, FFmpeg and aiortc on one side of the server or the other."""
