"""BINARYMIME: a message of any octets, which lines do not divide.  rfc3030#3

Its command is CHUNKING's; its BODY parameter is 8BITMIME's, which takes one value more where this is."""

from mailtwist.protocols.smtp.extension import Extension

extension = Extension(
    name="binarymime", rfc=3030, keywords=("BINARYMIME",), builds_on=("8bitmime", "chunking")
)
