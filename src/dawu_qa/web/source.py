"""Where the page gets its pipeline from: loaded once, and again when the index was rebuilt."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from dawu_qa.errors import DawuQAError
from dawu_qa.web.library import Library, Pipeline

logger = logging.getLogger(__name__)

#: Seconds between two looks at the index on disk.
_LOOK_EVERY = 1.0


class PipelineSource:
    """Gives the pipeline of the index as it is now. Threads may ask for it at the same time.

    Args:
        load: Loads the pipeline; called on first use. With an argument, the pipeline loaded before, it loads
            the index anew and may keep the old one's encoder.
        fingerprint: Tells the fingerprint of the index on disk; None: the pipeline never changes.
    """

    def __init__(
        self,
        load: Callable[[Pipeline | None], Pipeline],
        fingerprint: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._fingerprint = fingerprint
        self._clock = clock
        self._library: Library | None = None
        self._looked = 0.0
        self._refused = ""
        self._warm = False
        self._lock = threading.Lock()
        self._warming = threading.Lock()

    @classmethod
    def of(cls, pipeline: Pipeline) -> PipelineSource:
        """Return a source that always gives this pipeline."""
        return cls(lambda _: pipeline)

    @property
    def ready(self) -> bool:
        """Whether questions can be answered without waiting for anything to load."""
        return self._warm

    def warm_up(self) -> None:
        """Load all that the first question would wait for; those who call meanwhile wait.

        Raises:
            DawuQAError: The index or the encoder cannot be used.
        """
        with self._warming:
            if not self.ready:
                self.library().pipeline.warm_up()
                self._warm = True

    def library(self) -> Library:
        """Return the documents and the pipeline of the index as it is now.

        Raises:
            DawuQAError: Nothing is loaded yet, and the index or the encoder cannot be used.
        """
        with self._lock:
            if self._library is None:
                self._library = Library(self._load(None))
                self._looked = self._clock()
            elif self._fingerprint and self._clock() - self._looked >= _LOOK_EVERY:
                self._library = self._renewed(self._library)
                self._looked = self._clock()
            return self._library

    def _renewed(self, library: Library) -> Library:
        """Return the rebuilt index's library; the old one where nothing changed or the new one cannot be used."""
        now = ""
        try:
            now = self._fingerprint() if self._fingerprint else ""
            if now in {library.fingerprint, self._refused}:
                return library
            renewed = Library(self._load(library.pipeline))
        except (DawuQAError, OSError) as error:
            logger.warning("the index that was loaded before stays in use: %s", error)
            self._refused = now
            return library
        logger.info("took up the rebuilt index %s", renewed.fingerprint)
        return renewed


def index_source(index_dir: Path | None, *, progress: bool = False) -> PipelineSource:
    """Return a source that loads an index (the own corpus's where None) and follows its rebuilding.

    The documents are there before the first encoder's model, which is loaded with `warm_up`.
    """
    from dawu_qa.config import Settings
    from dawu_qa.errors import IndexMismatchError
    from dawu_qa.index.storage import read_manifest
    from dawu_qa.pipeline import QAPipeline, open_pipeline

    folder = index_dir or Settings.from_environment().index_dir

    def load(former: Pipeline | None) -> Pipeline:
        if not isinstance(former, QAPipeline):
            return open_pipeline(index_dir, progress=progress, lazy=True)
        try:
            return QAPipeline.load(folder, encoder=former.encoder)
        except IndexMismatchError:
            return QAPipeline.load(folder)

    return PipelineSource(load, lambda: read_manifest(folder)[0].fingerprint)
