"""Writing whole or not at all: files and folders that a reader never sees half made, whatever ends the writer."""

from nas.disk.files import replacing
from nas.disk.folders import publishing, sync_folder

__all__ = ["publishing", "replacing", "sync_folder"]
