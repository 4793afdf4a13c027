"""The route to remove.bg itself: the answer to the request is the picture."""
