"""A module that exists and imports one that does not."""

import a_library_nobody_installed

app = a_library_nobody_installed.app
