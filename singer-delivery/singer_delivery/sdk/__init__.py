"""What the Singer SDK asks of a target, done once for every target.

The one part of this library that imports `singer_sdk`; install it as `singer-delivery[sdk]`.
"""
