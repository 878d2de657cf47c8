"""The source of a bundle's ``detector.py``: plain modules that need torch alone; see :mod:`nas.export.bundle`.

Nothing in the project imports these files. Those that a head needs are joined into the one file of a bundle.
"""
