"""From a video file to tracks, entities, constant-acceleration fits and a score."""
