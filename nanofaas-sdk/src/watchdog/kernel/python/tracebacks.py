"""Errors of cells as the host gets them: name, value, and a traceback shaped like IPython's."""

import os

from . import excerpt, frames, sources

WIDTH = 75
MOST_CAUSES = 10
LONGEST_VALUE = 65536
VARARGS, VARKEYWORDS = 4, 8

CAUSE = "\nThe above exception was the direct cause of the following exception:\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n"


def describe(error):
    return {"name": name_of(error), "value": value_of(error), "traceback": entries(error)}


def bare(error):
    """What can be said of an error when describing it has failed."""
    return {"name": name_of(error), "value": "", "traceback": [name_of(error) + ": "]}


def name_of(error):
    return type.__dict__["__name__"].__get__(type(error))


def value_of(error):
    try:
        if isinstance(error, SystemExit) and error.code is None:
            return ""
        text = str.__str__(str(error))
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException:
        return "<exception str() failed>"
    if len(text) > LONGEST_VALUE:
        left_out = len(text) - LONGEST_VALUE
        text = text[:LONGEST_VALUE] + "... (%d characters left out)" % left_out
    return text


def entries(error):
    files = {}
    if isinstance(error, SyntaxError) and not frames.of(error):
        return [syntax_error(error)]
    parts = one_error(error, files, 2)
    seen = {id(error)}
    while len(seen) < MOST_CAUSES:
        # Without `or`: an exception may define __bool__.
        cause = error.__cause__
        message = CONTEXT if cause is None else CAUSE
        if cause is None and not error.__suppress_context__:
            cause = error.__context__
        if cause is None or id(cause) in seen:
            break
        parts = one_error(cause, files, 1) + [message] + parts
        seen.add(id(cause))
        error = cause
    return parts


def one_error(error, files, context):
    name = name_of(error)
    title = "Traceback (most recent call last)"
    parts = [name + title.rjust(WIDTH - len(name))]

    def name_of_code(code, line):
        return qualified_name(code, files.get(code.co_filename), line)

    for item in frames.shorten(frames.of(error), name_of_code):
        parts.append(item if type(item) is str else one_frame(*item, files, context))
    if isinstance(error, SyntaxError):
        parts.append(syntax_error(error))
    else:
        parts.append(name + ": " + value_of(error))
    parts += notes(error)
    if type(getattr(error, "exceptions", None)) is tuple:
        parts.append(members(error, ""))
    return parts


def one_frame(frame, line, files, context):
    code = frame.f_code
    filename = code.co_filename
    source = files.get(filename)
    if source is None:
        source = files[filename] = excerpt.Source(filename, frame.f_globals)
    if line is None:
        line = code.co_firstlineno
    where = place(filename, source.label, line)
    module_level = code.co_name == "<module>"
    if not module_level:
        where += ", in " + qualified_name(code, source, line) + arguments(code)
    return where + "\n" + source.render(line, module_level, context, context)


def place(filename, label, line):
    if label:
        return "%s, line %d" % (label, line)
    home = os.path.expanduser("~")
    if home != "/" and filename.startswith(home + "/"):
        filename = "~" + filename[len(home) :]
    return "File %s:%d" % (filename, line)


def qualified_name(code, source, line):
    name = getattr(code, "co_qualname", None)
    if name is not None or source is None or source.tree is None:
        return name or code.co_name
    # Python 3.10 and older.
    path = []
    for scope in source.scopes(line):
        path.append(scope.name)
        if scope.name == code.co_name:
            return "".join(path)
        path.append("." if type(scope).__name__ == "ClassDef" else ".<locals>.")
    return "".join(path) + code.co_name


def arguments(code):
    count = code.co_argcount + code.co_kwonlyargcount
    names = list(code.co_varnames[:count])
    if code.co_flags & VARARGS:
        names.append("*" + code.co_varnames[count])
        count += 1
    if code.co_flags & VARKEYWORDS:
        names.append("**" + code.co_varnames[count])
    return "(" + ", ".join(names) + ")"


def syntax_error(error):
    filename, line, text = error.filename or "<string>", error.lineno, error.text
    cell = sources.find(filename)
    parts = []
    if line is not None:
        parts.append("  " + place(filename, cell and cell[0], line) + "\n")
    if cell and line is not None:
        lines = sources.lines_of(cell[1])
        text = lines[line - 1] if 0 < line <= len(lines) else text
    if isinstance(text, str):
        indent = len(text) - len(text.lstrip())
        parts.append("    " + text.strip() + "\n")
        if error.offset is not None:
            before = text[indent : max(error.offset - 1, indent)]
            blank = "".join(c if c.isspace() else " " for c in before)
            parts.append("    " + blank.rstrip("\n") + "^\n")
    parts.append("%s: %s\n" % (name_of(error), error.msg))
    return "".join(parts)


def notes(error):
    found = getattr(error, "__notes__", None)
    return [note for note in found if isinstance(note, str)] if isinstance(found, list) else []


def members(group, indent):
    """What is in an exception group, one line each."""
    lines = []
    for number, error in enumerate(group.exceptions[:15], 1):
        lines.append("%s  +---------------- %d ----------------\n" % (indent, number))
        lines.append("%s  | %s: %s\n" % (indent, name_of(error), value_of(error)))
        if type(getattr(error, "exceptions", None)) is tuple and len(indent) < 20:
            lines.append(members(error, indent + "  "))
    if len(group.exceptions) > 15:
        lines.append("%s  and %d more\n" % (indent, len(group.exceptions) - 15))
    return "".join(lines)
