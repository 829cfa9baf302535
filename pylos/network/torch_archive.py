"""The zip file that `torch.save` writes, checked before torch reads it.

torch tests no checksums: it loads flipped bits silently. And no checksum covers the directory of the zip file. A
flipped bit there can make torch take a tensor for a folder and leave its memory as it was. So everything in the
directory that a reader uses is compared with what `torch.save` writes.
"""

from __future__ import annotations

import os
import struct
import zipfile
from typing import IO

from pylos.errors import CheckpointError
from pylos.system.files import StrPath, open_regular

_LOCAL = struct.Struct("<4s2xHH8x4x4xHH")
"""The header before the data of a member: signature, flags, method, length of the name, length of the padding."""
_REPEATED = 0x0008
"""The flag which says that checksum and sizes are repeated after the data."""
_FLAGS = _REPEATED | 0x0800
"""The flags that there may be; the other one says that names are UTF-8."""


def check_archive(path: StrPath, structure_only: bool) -> None:
    """Checks a file that `torch.save` wrote.

    Args:
        path: the file.
        structure_only: leave out the checksums of the members that hold the numbers of tensors.

    Raises:
        CheckpointError: the file cannot be read, is no such file, or is damaged.
    """
    try:
        with open_regular(path) as file:
            archive = _open(path, file)
            _check_directory(path, file, archive)
            for member in archive.infolist():
                if not (structure_only and "/data/" in member.filename):
                    _check_member(path, archive, member)
    except OSError as error:
        raise CheckpointError(f"no checkpoint {path}: {error.strerror or error}") from None


def _open(path: StrPath, file: IO[bytes]) -> zipfile.ZipFile:
    """Opens a zip file, and checks that it has the members of a torch file."""
    if file.read(4) != b"PK\x03\x04":
        raise CheckpointError(f"{path} is not a checkpoint")
    try:
        archive = zipfile.ZipFile(file)
    except Exception:  # its type depends on the bit that flipped
        raise _damaged(path) from None
    members = {name.partition("/")[2] for name in archive.namelist()}
    if "data.pkl" not in members or "constants.pkl" in members:  # the latter marks TorchScript
        raise CheckpointError(f"{path} is not a checkpoint")
    return archive


def _check_directory(path: StrPath, file: IO[bytes], archive: zipfile.ZipFile) -> None:
    """Compares the directory with the headers of the members, and both with what `torch.save` writes.

    It writes members without compression, one after the other. So nothing is decompressed, and no member is larger
    than the file.
    """
    members = archive.infolist()
    if any(member.header_offset < 0 for member in members):
        raise _damaged(path)
    ends = [member.header_offset for member in members[1:]] + [archive.start_dir]
    for member, end in zip(members, ends, strict=True):
        file.seek(member.header_offset)
        header = file.read(_LOCAL.size)
        signature, flags, method, name, padding = _LOCAL.unpack(header.ljust(_LOCAL.size))
        sound = (
            (signature, flags, method) == (b"PK\x03\x04", member.flag_bits, zipfile.ZIP_STORED)
            and file.read(name) == member.orig_filename.encode()
            and (member.flag_bits & ~_FLAGS, member.compress_type) == (0, zipfile.ZIP_STORED)
            and (member.external_attr, member.volume) == (0, 0)
            and member.compress_size == member.file_size
        )
        if sound:
            after = file.seek(padding + member.file_size, os.SEEK_CUR)
            checksum = b"PK\x07\x08" + member.CRC.to_bytes(4, "little")
            sound = after <= end and (not flags & _REPEATED or file.read(8) == checksum)
        if not sound:
            raise _damaged(path)
    # torch does not distinguish upper from lower case.
    if len({member.filename.lower() for member in members}) < len(members):
        raise _damaged(path)


def _check_member(path: StrPath, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Reads a member, which compares its checksum."""
    try:
        with archive.open(member) as content:
            while content.read(1 << 20):
                pass
    except Exception:  # its type depends on the bit that flipped
        raise CheckpointError(f"{path} is damaged: the checksum of {member.filename} is wrong") from None


def _damaged(path: StrPath) -> CheckpointError:
    return CheckpointError(f"{path} is damaged: its table of contents is missing or broken")
