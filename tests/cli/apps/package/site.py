"""An application inside a package, which imports its neighbours."""

from hello import answering

app = answering(b"from a package")
