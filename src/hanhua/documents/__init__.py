"""Reading documents from people's files, and reading and writing the Corpus artifact."""

from hanhua.documents.corpus import Document, read_corpus
from hanhua.documents.readers import Record, read_records

__all__ = ["Document", "Record", "read_corpus", "read_records"]
