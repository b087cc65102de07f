"""What our connectors are compared with, each as its documents have it."""
