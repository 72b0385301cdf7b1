"""What a step of a large model takes on many devices, found out without them."""
