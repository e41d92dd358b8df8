"""Exceptions of the package.

DawuQAError
├── CorpusError          a source file or a questions sidecar cannot be used
├── IndexNotFoundError   there is no index where one was looked for
├── IndexMismatchError   the index was built from another corpus, encoder or version
├── IndexDamagedError    a file of the index is not what the manifest says
├── IndexLockedError     another build of the same index is running
├── IndexWriteError      the index folder cannot be written
├── ModelLoadError       the encoder cannot be loaded
└── ServeError           the chat page cannot be opened

Each message is one line and names the mend. A caller's mistake (a blank question, `top_k` below one) is a
`ValueError`; "the corpus does not say" is a value, not an error.
"""


class DawuQAError(Exception):
    """Base of all errors that the package raises on purpose."""


class CorpusError(DawuQAError):
    """A source file or a questions sidecar cannot be used."""


class IndexNotFoundError(DawuQAError):
    """There is no index where one was looked for."""


class IndexMismatchError(DawuQAError):
    """The index was built from another corpus, by another encoder or by another version."""


class IndexDamagedError(DawuQAError):
    """A file of the index is missing or is not what the manifest says."""


class IndexLockedError(DawuQAError):
    """Another build of the same index is running."""


class IndexWriteError(DawuQAError):
    """The index folder cannot be written."""


class ModelLoadError(DawuQAError):
    """The encoder cannot be loaded."""


class ServeError(DawuQAError):
    """The chat page cannot be opened."""


class DraftError(DawuQAError):
    """Questions cannot be drafted."""
