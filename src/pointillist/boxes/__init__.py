"""Boxes of objects: found by a network trained on the same labels, or given by a detector.

A crop needs a box. Where data has none, a second small network, the box finder, looks at the
whole image first and says where the objects are.
"""
