"""Networks for use without this project: torch.export programs, ONNX files, and bundles of plain files."""

from nas.export.bundle import check_bundle, write_bundle
from nas.export.onnx_file import check_onnx, export_onnx
from nas.export.program import check_program, export_program

__all__ = ["check_bundle", "check_onnx", "check_program", "export_onnx", "export_program", "write_bundle"]
