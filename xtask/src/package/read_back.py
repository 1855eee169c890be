"""Reads a driver package back with signify: argument 1 is its folder, argument 2 the number of changed bytes to try.

The catalogue's signature holds, it lists igbcx.inf and igbcx.sys, igbcx.sys is signed itself, and a changed byte in any
of the three is noticed. Exits with 1 and a message otherwise.
"""

import io
import pathlib
import re
import sys

# oscrypto 1.3.0, below signify, reads OpenSSL's version with one digit a part and gives up on 3.0.10 and newer.
search = re.search
theirs, wider = r"\b(\d\.\d\.\d[a-z]*)\b", r"\b(\d+\.\d+\.\d+[a-z]*)\b"
re.search = lambda pattern, *rest: search(wider if pattern == theirs else pattern, *rest)
from oscrypto import asymmetric  # noqa: E402, F401

re.search = search

from signify.authenticode import CertificateTrustList  # noqa: E402
from signify.authenticode.signed_file import CtlFile, FlatFile, SignedPEFile
from signify.exceptions import SignifyError
from signify.x509 import Certificate, CertificateStore

folder, tries = pathlib.Path(sys.argv[1]), int(sys.argv[2])
files = {name: (folder / name).read_bytes() for name in ("igbcx.inf", "igbcx.sys", "igbcx.cat", "igbcx.cer")}
trust = {"trusted_certificate_store": CertificateStore([Certificate.from_der(files["igbcx.cer"])], trusted=True)}


def listed(kind, bytes):
    """The catalogue vouches for the file, and its signature holds."""
    file = kind(io.BytesIO(bytes))
    file.add_catalog(CertificateTrustList.from_envelope(files["igbcx.cat"]))
    file.verify(signature_types="catalog", **trust)


def embedded(bytes):
    SignedPEFile(io.BytesIO(bytes)).verify(signature_types="embedded", **trust)


def catalog(bytes):
    CtlFile.from_envelope(bytes).verify(**trust)


# What is checked, its bytes, and the range in which a change has to be noticed.
text = files["igbcx.cat"].index(b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x0c\x01\x01")
checks = [
    ("igbcx.inf by the catalogue", lambda bytes: listed(FlatFile, bytes), "igbcx.inf", (0, len(files["igbcx.inf"]))),
    ("igbcx.sys by the catalogue", lambda bytes: listed(SignedPEFile, bytes), "igbcx.sys", (0x1000, 0x10000)),
    ("igbcx.sys by its signature", embedded, "igbcx.sys", (0x1000, 0x10000)),
    ("igbcx.cat by its signature", catalog, "igbcx.cat", (text, text + 700)),
]
for what, verify, name, (start, end) in checks:
    try:
        verify(files[name])
    except SignifyError as error:
        sys.exit(f"{what}: {type(error).__name__}: {error}")
    for step in range(tries):
        at = start + (end - start) * step // tries
        changed = bytearray(files[name])
        changed[at] ^= 0x20
        try:
            verify(bytes(changed))
        except (SignifyError, ValueError):
            continue
        sys.exit(f"{what}: a changed byte at {at} went unnoticed")
    print(f"{what}: holds, and {tries} changed bytes were noticed")
