"""The route to Black Forest Labs itself: a queue that is polled over HTTP."""
