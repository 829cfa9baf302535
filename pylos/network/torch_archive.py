"""The zip file that ``torch.save`` writes, checked before torch reads it.

torch tests no checksums: it loads flipped bits silently. No checksum covers the zip file's directory, in which one
flipped bit makes torch take a tensor for a folder and leave its memory as it was. So whatever a reader uses of it is
compared with what ``torch.save`` writes.
"""

from __future__ import annotations

import os
import struct
import zipfile
from typing import IO

from pylos.errors import CheckpointError
from pylos.system.files import StrPath, open_regular

_LOCAL = struct.Struct("<4s2xHH8x4x4xHH")
"""The header before a member's data: signature, flags, method, lengths of its name and of what fills up to the data."""
_FLAGS = 0x0808
"""All that there may be: checksum and sizes are repeated behind the data, if there are any; names are UTF-8."""
_BEHIND = 0x0008


def check_archive(path: StrPath, structure_only: bool) -> None:
    """Checks a file of ``torch.save``.

    Args:
        path: the file.
        structure_only: do not compare the checksums of the members that hold the tensors' numbers.

    Raises:
        CheckpointError: it cannot be read, is not such a file, or is damaged.
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
    """Opens what must be a zip file with the members of a torch file."""
    if file.read(4) != b"PK\x03\x04":
        raise CheckpointError(f"{path} is not a checkpoint")
    try:
        archive = zipfile.ZipFile(file)
    except Exception:  # which one depends on the bit that flipped
        raise _damaged(path) from None
    members = {name.partition("/")[2] for name in archive.namelist()}
    if "data.pkl" not in members or "constants.pkl" in members:  # the latter marks TorchScript
        raise CheckpointError(f"{path} is not a checkpoint")
    return archive


def _check_directory(path: StrPath, file: IO[bytes], archive: zipfile.ZipFile) -> None:
    """Compares the directory with the members' own headers, and both with what ``torch.save`` writes.

    Members are stored as they are, one after the other: nothing is decompressed, and none is larger than the file.
    """
    members = archive.infolist()
    if any(member.header_offset < 0 for member in members):
        raise _damaged(path)
    ends = [member.header_offset for member in members[1:]] + [archive.start_dir]
    for member, end in zip(members, ends, strict=True):
        file.seek(member.header_offset)
        header = file.read(_LOCAL.size)
        signature, flags, method, name, filling = _LOCAL.unpack(header.ljust(_LOCAL.size))
        sound = (
            (signature, flags, method) == (b"PK\x03\x04", member.flag_bits, zipfile.ZIP_STORED)
            and file.read(name) == member.orig_filename.encode()
            and (member.flag_bits & ~_FLAGS, member.compress_type) == (0, zipfile.ZIP_STORED)
            and (member.external_attr, member.volume) == (0, 0)
            and member.compress_size == member.file_size
        )
        if sound:
            behind = file.seek(filling + member.file_size, os.SEEK_CUR)
            checksum = b"PK\x07\x08" + member.CRC.to_bytes(4, "little")
            sound = behind <= end and (not flags & _BEHIND or file.read(8) == checksum)
        if not sound:
            raise _damaged(path)
    if len({member.filename.lower() for member in members}) < len(members):  # torch finds names in any case
        raise _damaged(path)


def _check_member(path: StrPath, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    try:
        with archive.open(member) as content:
            while content.read(1 << 20):
                pass
    except Exception:  # which one depends on the bit that flipped
        raise CheckpointError(f"{path} is damaged: the checksum of {member.filename} is wrong") from None


def _damaged(path: StrPath) -> CheckpointError:
    return CheckpointError(f"{path} is damaged: its table of contents is missing or broken")
