"""Archives that someone might hand in: each kind of wrong one."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

__all__ = ["BAD", "tar_of", "zip_of"]


def files_of(folder, inside="run"):
    """Name and bytes of each file of a run that `verify` reads: its results, and whatever is in raw/."""
    files = [folder / "results.json", *sorted((folder / "raw").iterdir())]
    return {f"{inside}/{one.relative_to(folder)}": one.read_bytes() for one in files}


def zip_of(files):
    """The bytes of a zip archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def tar_of(files, *others):
    """The bytes of a tar.gz archive; others are entries that are no files."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for entry in others:
            archive.addfile(entry)
    return made.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    """An entry of a tar archive that is a link."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def zip_with_link(files):
    """A zip archive in which a file is a symbolic link."""
    made = io.BytesIO(zip_of(files))
    with zipfile.ZipFile(made, "a") as archive:
        entry = zipfile.ZipInfo("run/raw/link.jsonl")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return made.getvalue()


def many_files_zip():
    """A small zip archive whose directory is long."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(5000):
            archive.writestr(f"run/{number}", b"")
    return made.getvalue()


ZEROS = bytes(1_000_000)


def bomb_zip():
    """Some 250 kB that become 250 MB."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("run/results.json", "w", force_zip64=True) as opened,
    ):
        for _ in range(250):
            opened.write(ZEROS)
    return made.getvalue()


def bomb_tar(kind=tarfile.REGTYPE):
    """A tar.gz that claims 8 GB, or whose extended header does, and has 250 MB of it."""
    entry = tarfile.TarInfo("run/results.json")
    entry.type, entry.size = kind, 8_000_000_000
    return gzip.compress(entry.tobuf(tarfile.GNU_FORMAT), 1) + gzip.compress(ZEROS, 9) * 250


def flipped(data):
    """One byte of the content changed."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x55]) + data[middle + 1 :]


def encrypted(data):
    """A zip archive whose entries say that they are encrypted."""
    made = bytearray(data)
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = made.find(sign)
        while place >= 0:
            made[place + at] |= 1
            place = made.find(sign, place + 4)
    return bytes(made)


BAD = {
    "a name that leads out, zip": (lambda run: zip_of({**run, "../../out.json": b"{}"}), "leads out"),
    "an absolute name, zip": (lambda run: zip_of({**run, "/etc/out.json": b"{}"}), "leads out"),
    "a name of Windows, zip": (lambda run: zip_of({**run, "..\\out.json": b"{}"}), "leads out"),
    "a name that leads out, tar": (lambda run: tar_of({**run, "run/../../out.json": b"{}"}), "leads out"),
    "an absolute name, tar": (lambda run: tar_of({**run, "/tmp/out.json": b"{}"}), "leads out"),
    "a link, zip": (zip_with_link, "is a link"),
    "a link, tar": (lambda run: tar_of(run, link("run/raw", "/etc")), "is a link"),
    "a hard link, tar": (lambda run: tar_of(run, link("run/x", "/etc/passwd", tarfile.LNKTYPE)), "is a link"),
    "a device, tar": (lambda run: tar_of(run, link("run/null", "", tarfile.CHRTYPE)), "is a link or a device"),
    "a file twice, tar": (lambda run: tar_of({**run, "./run/results.json": b"{}"}), "is in it twice"),
    "truncated, zip": (lambda run: zip_of(run)[:-1000], "truncated or damaged"),
    "truncated, tar": (lambda run: tar_of(run)[:-1000], "truncated or damaged"),
    "truncated early, tar": (lambda run: tar_of(run)[:40], "truncated or damaged"),
    "a byte changed, zip": (lambda run: flipped(zip_of(run)), "truncated or damaged"),
    "a byte changed, tar": (lambda run: flipped(tar_of(run)), "truncated or damaged"),
    "encrypted, zip": (lambda run: encrypted(zip_of(run)), "truncated or damaged"),
    "only its head, zip": (lambda run: b"PK\x03\x04", "truncated or damaged"),
    "a bomb, zip": (lambda run: bomb_zip(), "too large"),
    "a bomb, tar": (lambda run: bomb_tar(), "too large"),
    "a bomb in a header, tar": (lambda run: bomb_tar(tarfile.XHDTYPE), "too large"),
    "thousands of files, zip": (lambda run: many_files_zip(), "more than 1000 files"),
    "thousands of files, tar": (lambda run: tar_of({f"run/{n}": b"" for n in range(1001)}), "more than 1000 files"),
    "several runs": (lambda run: zip_of({**run, "other/results.json": b"{}"}), "holds 2 runs: other, run"),
    "no results.json": (lambda run: zip_of({"run/report.md": b"#"}), "There is no results.json in it"),
    "an empty archive": (lambda run: zip_of({}), "There is no results.json in it"),
    "no raw data": (lambda run: zip_of({"run/results.json": run["run/results.json"]}), "has no raw data"),
    "another version": (
        lambda run: zip_of({**run, "run/results.json": b'{"schema": "dclab/results/99"}'}),
        "does not hold dclab results of this version",
    ),
    "results that are none": (lambda run: zip_of({**run, "run/results.json": b"[]"}), "is not a whole results file"),
    "no archive": (lambda run: b"hello", "neither a folder nor a zip or tar.gz"),
    "an empty file": (lambda run: b"", "neither a folder nor a zip or tar.gz"),
    "another compression": (lambda run: b"\xfd7zXZ\x00" + bytes(100), "neither a folder nor a zip or tar.gz"),
}
"""By name: what makes the bytes of the files of a run, and what is said of it."""
