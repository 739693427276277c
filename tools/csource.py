"""Reads C as clang-format lays it out here: functions with their names, lengths and complexity, and includes."""
import collections
import re

Function = collections.namedtuple("Function", "name path line length static body")
Include = collections.namedtuple("Include", "name line own")

COMMENT = r"/\*.*?\*/|//[^\n]*"
STRING = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def bare(text):
    """The code without comments and strings, lines kept."""
    return re.sub(COMMENT + "|" + STRING, blank, text, flags=re.S)


def read(path):
    with open(path) as f:
        return f.read()


def function_name(head):
    """The name before the last pair of parentheses of a function's head: before its parameters."""
    head = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", head).rstrip()
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        depth += (head[at] == ")") - (head[at] == "(")
        if depth == 0 and head[at] == "(":
            found = re.search(r"(\w+)\s*$", head[:at])
            return found.group(1) if found else "?"
    return "?"


def functions(path):
    """Each function that is defined in a file: a brace stands alone at the beginning of a line before its body, and after it."""
    lines = bare(read(path)).split("\n")
    opened = None
    for n, line in enumerate(lines, 1):
        if line == "{" and n > 1 and ")" in lines[n - 2]:
            opened = n
        elif line == "}" and opened:
            start = opened
            while start > 1 and lines[start - 2].strip() and not lines[start - 2].startswith(("}", "#")):
                start -= 1
            head = " ".join(lines[start - 1:opened - 1])
            yield Function(function_name(head), path, start, n - start + 1, bool(re.search(r"\bstatic\b", head)),
                           "\n".join(lines[opened:n - 1]))
            opened = None


def block(text, at):
    """The text between the brace at or behind `at` and the one that closes it."""
    begin = text.index("{", at)
    depth = 0
    for end in range(begin, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            return text[begin + 1:end]
    return text[begin + 1:]


LABEL = re.compile(r"\b(?:case\b[^:?;{}]*|default\s*):")
ROW = re.compile(r"\s*(?:return\b[^;{}]*;|[^;{}=]*[^;{}=!<>]=[^;{}=][^;{}]*;\s*break;|break;)?\s*")


def is_table(switch):
    """Whether each case of a switch (the text between its braces) does no more than return or assign one value."""
    return all(ROW.fullmatch(piece) for piece in LABEL.split(switch)[1:])


def complexity(body):
    """1, and 1 for each if, loop, case, && and || and conditional operator. A switch whose every case returns or assigns one value is
    a table, and counts as one: such a one is read at a glance, however long."""
    count = 1 + len(re.findall(r"\b(?:if|for|while|case)\b|\w_FOR_EACH\b|&&|\|\||\?", body))
    for found in re.finditer(r"\bswitch\b", body):
        switch = block(body, found.end())
        if is_table(switch):
            count -= max(0, len(re.findall(r"\bcase\b", switch)) - 1)
    return count


def includes(path):
    """What a file includes, in order."""
    text = re.sub(COMMENT, blank, read(path), flags=re.S)
    for n, line in enumerate(text.split("\n"), 1):
        found = re.match(r'#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
        if found:
            yield Include(found.group(1) or found.group(2), n, found.group(1) is not None)
