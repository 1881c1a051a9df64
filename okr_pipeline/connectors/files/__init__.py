"""Files: a folder into which people and programs drop CSV, TSV, JSON lines, Excel and Parquet files."""

from okr_pipeline.connectors.files.connector import Files, FileSettings

__all__ = ["FileSettings", "Files"]
