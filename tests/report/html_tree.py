"""A strict reader of the report's HTML: every tag must be closed by its own end tag."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Node:
    def __init__(self, tag, attributes):
        self.tag, self.attributes, self.children, self.pieces = tag, dict(attributes), [], []

    def find_all(self, tag=None, css=None):
        """All nodes below this one of a tag and a CSS class, in the order of the page."""
        found = []
        for child in self.children:
            classes = child.attributes.get("class", "").split()
            if (tag is None or child.tag == tag) and (css is None or css in classes):
                found.append(child)
            found += child.find_all(tag, css)
        return found

    @property
    def text(self):
        return "".join(p.text if isinstance(p, Node) else p for p in self.pieces)


class _Builder(HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = Node("document", {})
        self.open = [self.root]

    def handle_starttag(self, tag, attributes):
        node = Node(tag, attributes)
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice: {names}"
        self.open[-1].children.append(node)
        self.open[-1].pieces.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}> at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].pieces.append(data)


def parse(html):
    """Gives the root of the tree; an AssertionError names the first tag that does not balance."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert builder.open == [builder.root], (
        f"never closed: {[node.tag for node in builder.open[1:]]}"
    )
    return builder.root
