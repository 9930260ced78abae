"""The parquet files that a node hands to its downstream nodes."""

import os
import sys

from nanofaas_kernel.flow_context import current, missing, polars_for


def publish_output(df, name="main"):
    """Writes a polars DataFrame or LazyFrame to `<output_dir>/<name>.parquet`.

    Tables of pandas and pyarrow are taken as well. The file appears complete or not at all; one of
    that name is replaced.
    """
    file_name = _checked(name) + ".parquet"
    folder = current().output_dir
    if not folder:
        raise RuntimeError(
            "publish_output() has nowhere to write: this execution has no output directory "
            "(output_dir is empty)."
        )
    polars = polars_for("publish_output")
    frame = _as_data_frame(polars, df)
    os.makedirs(folder, exist_ok=True)
    # In the same folder, so that the rename is atomic, and with a suffix that output_paths does not
    # take for an output. Not from tempfile: its files are readable by their owner only, and the
    # reader is another process of another user.
    partial = os.path.join(folder, f".{os.urandom(8).hex()}.partial")
    try:
        frame.write_parquet(partial)
        os.replace(partial, os.path.join(folder, file_name))
    except BaseException:
        _remove(partial)
        raise


def output_paths(folder):
    """All parquet files of `folder`, sorted; none if `folder` is empty or absent."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                os.path.join(folder, entry.name)
                for entry in entries
                if entry.name.endswith(".parquet") and entry.is_file()
            )
    except OSError:
        return []


def _checked(name):
    if not isinstance(name, str):
        raise TypeError(f"an output's name is a str, not {type(name).__name__}")
    if not name:
        raise ValueError("Output name '' is refused: it is empty.")
    for part, what in (("/", "'/'"), ("\\", "'\\'"), ("..", "'..'"), ("\0", "a NUL character")):
        if part in name:
            raise ValueError(f"Output name {name!r} is refused: it contains {what}.")
    if name.startswith("."):
        raise ValueError(f"Output name {name!r} is refused: it starts with a dot.")
    return name


def _as_data_frame(polars, df):
    # isinstance, as the lists of read_inputs() are LazyFrames to it.
    if isinstance(df, polars.LazyFrame):
        return df.collect()
    if isinstance(df, polars.DataFrame):
        return df
    if _is_a(df, "pandas", "DataFrame"):
        return _converted(polars.from_pandas, df)
    if _is_a(df, "pyarrow", "Table") or _is_a(df, "pyarrow", "RecordBatch"):
        return _converted(polars.from_arrow, df)
    raise TypeError(
        "publish_output() takes a polars DataFrame or LazyFrame, or a pandas or pyarrow table, "
        f"not {type(df).__name__}"
    )


def _is_a(df, package, name):
    # Not imported here: an object of a library has its library loaded.
    known = getattr(sys.modules.get(package), name, None)
    return isinstance(known, type) and isinstance(df, known)


def _converted(convert, df):
    try:
        return convert(df)
    except ImportError as error:
        # polars reads both kinds of tables by way of pyarrow.
        raise missing("pyarrow", "publish_output", error) from error


def _remove(path):
    try:
        os.unlink(path)
    except OSError:
        # Nothing was written; the error that led here is the one to report.
        pass
