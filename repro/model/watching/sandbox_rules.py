"""What a sandbox shows of the machine itself, whatever the run: its system programs, and what those cannot do without.

None of it is recorded by a run (an environment of kind image does that), so it is kept to what belongs to the
system and not to a person: no HOME, no /etc beyond this list, nothing below /opt, /srv, /mnt, /media.
"""

from __future__ import annotations

# Directories of programs and libraries, shown where they exist; a link among them is shown as the link it is.
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
    "/var/lib/texmf",  # TeX's formats and font maps
)

# Of /etc: how programs and libraries are found, shown, and set up by the distribution.
ETC = (
    "/etc/alternatives",  # which of several programs or BLAS libraries a name means (Debian)
    "/etc/ld.so.cache",  # where libraries are
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",  # for programs that look at it although TZ is set
    "/etc/timezone",
    "/etc/fonts",  # which font a name means: it decides pixels
    "/etc/locale.alias",
    "/etc/mime.types",
    "/etc/magic",
    "/etc/ssl/openssl.cnf",  # which algorithms OpenSSL offers; no certificates: there is no network
    "/etc/crypto-policies",  # the same on Fedora
    "/etc/OpenCL",
    "/etc/vulkan",
    "/etc/R",  # R does not start without it (Debian)
    "/etc/perl",
    "/etc/octave.conf",
    "/etc/texmf",
    "/etc/papersize",
    "/etc/debian_version",  # what `platform` and `lsb_release` read
    "/etc/os-release",
)
ETC_PREFIXES = ("java-", "ImageMagick-")  # names in /etc that hold a version

# Made for the sandbox: name in /etc and what it says. `{user}` and the like are filled in.
MADE = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\n{user}:x:{uid}:{gid}:{user}:{home}:/bin/sh\n",
    "group": "root:x:0:\n{user}:x:{gid}:\n",
    "hosts": "127.0.0.1 localhost {host}\n::1 localhost {host}\n",
    "hostname": "{host}\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "",
}

# Libraries count processors and read their limits here.
KERNEL = ("/sys/devices/system", "/sys/fs/cgroup")

# Of /dev, beyond what every program has: graphics processors, by the beginning of their names.
GRAPHICS = ("nvidia", "dri", "kfd")
# They are looked up here, in all of it.
GRAPHICS_KERNEL = ("/sys",)

# First components of paths that are the system's or the sandbox's own: no project or home is put there.
TAKEN = frozenset(
    name.encode()
    for name in ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix", "gnu", "proc", "sys", "dev", "etc")
) | {b"run", b"boot"}

# Where Landlock must let a program write beside its own folder: devices that hold nothing, and shared memory.
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm")


def made_files(user: str, host: str, home: str, uid: int, gid: int) -> dict[str, str]:
    """Return the text of each file that is made for the sandbox, by its name in /etc."""
    known = {"user": user, "host": host, "home": home, "uid": uid, "gid": gid}
    texts = {name: text.format(**known) for name, text in MADE.items()}
    if uid == 0:  # root by another name, or its own
        texts["passwd"] = f"{user}:x:0:{gid}:{user}:{home}:/bin/sh\n"
    if gid == 0:
        texts["group"] = "root:x:0:\n"
    return texts
