"""Text to answers: from strings in to plain values out, whatever batches lie between."""
