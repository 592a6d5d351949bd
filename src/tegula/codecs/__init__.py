"""Bytes <-> array: one file a codec, and the chain that runs them.  Pure; native libraries load late."""
