"""The source of a bundle's ``detector.py``: plain modules that need torch alone; see :mod:`nas.export.bundle`.

Nothing in the project imports these files. They are joined, the head's own among them, to the one file of a bundle.
"""
