"""A file with holes in a bundle is refused: a few bytes of the archive would stand for any number in memory."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from licet.policies import PolicyError
from licet.policies.bundle import SHIPPED, unpacked

HUGE = 1 << 40


def with_headers(**headers: str) -> bytes:
    """The shipped bundle and one more file, of one byte, with extended headers that say that it is huge."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in unpacked(SHIPPED.read_bytes()).items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo("holes.rego")
        block = b"1\n0\n1\n".ljust(512, b"\0") + b"x"  # in version 1.0 the map stands before the content
        info.size = len(block)
        info.pax_headers = {name.replace("_", "."): value for name, value in headers.items()}
        archive.addfile(info, io.BytesIO(block))
    return gzip.compress(out.getvalue())


def old_gnu() -> bytes:
    """One file in the oldest form, whose map stands in the header itself."""
    info = tarfile.TarInfo("holes.rego")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 1
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT)[:512])
    header[386:410] = b"00000000000\0" + b"00000000001\0"
    header[483:495] = b"%011o\0" % (HUGE >> 8)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return gzip.compress(bytes(header) + b"x".ljust(512, b"\0") + bytes(1024))


SPARSE = {
    "the old form of GNU": old_gnu(),
    "version 0.1": with_headers(
        GNU_sparse_map="0,1",
        GNU_sparse_size=str(HUGE),
        GNU_sparse_name="holes.rego",
        GNU_sparse_numblocks="1",
    ),
    "version 1.0": with_headers(
        GNU_sparse_major="1",
        GNU_sparse_minor="0",
        GNU_sparse_realsize=str(HUGE),
        GNU_sparse_name="holes.rego",
    ),
}


@pytest.mark.parametrize("form", SPARSE)
def test_a_sparse_file_is_refused_by_its_name(form: str) -> None:
    with pytest.raises(PolicyError, match=r"mine: the bundle holds 'holes\.rego' as a sparse file"):
        unpacked(SPARSE[form], "mine")


def test_the_same_bundle_without_holes_is_taken() -> None:
    assert "holes.rego" in unpacked(with_headers())
