"""Real clients, driven: browsers, FFmpeg, aiortc and LiveKit's SDK on one side of the server or the other."""
