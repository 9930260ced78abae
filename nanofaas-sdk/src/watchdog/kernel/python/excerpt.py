"""Source lines around the line of a frame, chosen as IPython chooses them.

The unit is the statement, not the line: a statement of several lines is shown whole, blank lines
between statements are left out, and a function's frame shows lines of that function only.
"""

import _ast

from . import sources

ONLY_AST, TOP_LEVEL_AWAIT = 0x400, 0x2000
SCOPES = _ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef
MOST_LINES_OF_A_STATEMENT = 6
LONGEST_LINE = 1000
# Beyond, parsing takes longer than a reader waits.
LONGEST_SOURCE = 500000


class Source:
    """One file or cell; parsed once per traceback."""

    def __init__(self, filename, module_globals):
        self.lines, self.tree, self.pieces = [], None, []
        cell = sources.find(filename)
        self.label = cell[0] if cell else None
        if cell:
            text = cell[1]
        else:
            import linecache

            linecache.checkcache(filename)
            text = "".join(linecache.getlines(filename, module_globals))
        self.lines = sources.lines_of(text)
        if not text or len(text) > LONGEST_SOURCE:
            return
        try:
            self.tree = compile(text, filename, "exec", ONLY_AST | TOP_LEVEL_AWAIT, True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        self.pieces = list(self.without_blanks(split(self.tree, 1, len(self.lines) + 1)))

    def without_blanks(self, pieces):
        joined = []
        for start, stop in pieces:
            if joined and start < joined[-1][1]:  # two statements on one line
                joined[-1] = joined[-1][0], max(stop, joined[-1][1])
            elif start < stop:
                joined.append((start, stop))
        for start, stop in joined:
            while start < stop and not self.lines[start - 1].strip():
                start += 1
            while start < stop and not self.lines[stop - 2].strip():
                stop -= 1
            if start < stop:
                yield start, stop

    def scopes(self, line):
        """The definitions around the statement at `line`, outermost first."""
        path, node = [], self.tree
        while node is not None:
            inner = None
            for statement in statements_of(node):
                start, stop = line_range(statement)
                if start <= line < stop:
                    inner = statement
                    break
            if inner is not None:
                path.append(node)
            node = inner
        return [node for node in path if isinstance(node, SCOPES)]

    def excerpt(self, line, module_level, before, after):
        """The lines to show, with their numbers; None stands for a gap."""
        pieces = self.pieces
        if not pieces:
            start, stop = max(1, line - before), min(line + after, len(self.lines))
            return list(range(start, stop + 1))
        scopes = [] if module_level else self.scopes(line)
        if scopes:
            first, last = line_range(scopes[-1])
            pieces = [piece for piece in pieces if first <= piece[0] and piece[1] <= last]
        position = [start <= line < stop for start, stop in pieces]
        if True not in position:
            return [line] if line <= len(self.lines) else []
        position = position.index(True)
        shown = []
        for start, stop in pieces[max(0, position - before) : position + 1 + after]:
            numbers = list(range(start, stop))
            if len(numbers) > MOST_LINES_OF_A_STATEMENT and not start <= line < stop:
                half = MOST_LINES_OF_A_STATEMENT // 2
                numbers[half : len(numbers) - half + 1] = [None]
            elif len(numbers) > 40:
                numbers = [number for number in numbers if abs(number - line) <= 20]
            shown += numbers
        return shown

    def render(self, line, module_level, before=2, after=2):
        numbers = self.excerpt(line, module_level, before, after)
        texts = [self.lines[number - 1] for number in numbers if number]
        indent = common_indent(texts)
        rendered = []
        for number in numbers:
            if number is None:
                rendered.append("   (...)")
                continue
            text = self.lines[number - 1][indent:][:LONGEST_LINE]
            if number == line:
                rendered.append("-" * (5 - len(str(number))) + "> %d %s\n" % (number, text))
            else:
                rendered.append("%7d %s\n" % (number, text))
        return "".join(rendered)


def statements_of(node):
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list) and value and is_statement(value[0]):
            yield from value


def is_statement(node):
    return isinstance(node, (_ast.stmt, _ast.excepthandler)) or type(node).__name__ == "match_case"


def line_range(node):
    if type(node).__name__ == "match_case":
        return node.pattern.lineno, node.body[-1].end_lineno + 1
    decorators = getattr(node, "decorator_list", None) or ()
    return min([node.lineno] + [item.lineno for item in decorators]), node.end_lineno + 1


def split(node, start, stop):
    """Line ranges of the smallest statements, and of what is between them."""
    last = None
    for statement in statements_of(node):
        inside = line_range(statement)
        if inside == last:
            continue
        last = inside
        for inner_start, inner_stop in split(statement, *inside):
            if start < inner_start:
                yield start, inner_start
            if inner_start < inner_stop:
                yield inner_start, inner_stop
            start = inner_stop
    yield start, stop


def common_indent(lines):
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    return min(indents) if indents else 0
