"""A module that fails while it is imported."""


def configure():
    raise RuntimeError("no configuration found")


configure()
app = None
