"""The table of what a file outside the project is to a run that read it: the first row that fits decides.

A pattern is a path that stands for itself and all below it; `*` is any part of one name, `~` the user's home directory.
Inside the project the question is another one: there a file is code, data, the run's own work, noise
(`repro.model.watching.noise`), a secret (`repro.model.secret_names`) or an input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cache

from repro.model.dataclass import dataclass
from repro.model.names import is_within
from repro.model.pattern import pattern
from repro.model.secret_names import looks_secret


class Role(StrEnum):
    """What a file is to the run that read it."""

    KERNEL = "kernel"  # no file at all
    OWN = "own"  # repro's store, caches and settings
    ENVIRONMENT = "environment"  # recorded as the environment
    FONTS = "fonts"  # the machine's, in a rebuild too, though they change the pixels of a plot
    SYSTEM = "system"  # programs, libraries, and what every process reads: the machine's
    OTHER_ENVIRONMENT = "other-environment"  # packages of an environment that is not recorded: a finding
    CACHE = "cache"  # what programs can make again
    START_UP = "start-up"  # what shells, git, editors and version managers read when they start
    SECRET = "secret"  # never stored unless named: a finding
    INPUT = "input"  # everything else: configuration in HOME or /etc, data anywhere, downloaded models


TABLE: dict[Role, str] = {
    Role.KERNEL: "/proc /sys /dev /run /var/run",
    Role.FONTS: """
        /usr/share/fonts /usr/local/share/fonts ~/.fonts ~/.local/share/fonts /etc/fonts /usr/share/fontconfig
        /var/cache/fontconfig ~/.config/fontconfig ~/.cache/fontconfig /usr/share/ghostscript
    """,
    Role.SYSTEM: """
        /bin /sbin /lib /lib32 /lib64 /libx32 /boot /snap /nix/store /gnu/store
        /usr/bin /usr/sbin /usr/lib /usr/lib32 /usr/lib64 /usr/libx32 /usr/libexec /usr/include /usr/src /usr/games
        /usr/local/bin /usr/local/sbin /usr/local/lib /usr/local/lib64 /usr/local/libexec /usr/local/include
        /usr/local/etc /usr/local/cuda* /var/lib/dpkg /var/lib/apt /var/cache/ldconfig /var/cache/man
        /opt/bin /opt/lib* /opt/share /opt/*/bin /opt/*/lib* /opt/*/share /opt/*/include
        /opt/*/*/bin /opt/*/*/lib* /opt/*/*/share /opt/*/*/include

        /usr/share/locale* /usr/share/zoneinfo* /usr/share/terminfo /usr/share/i18n /usr/share/misc /usr/share/file
        /usr/share/mime /usr/share/icons /usr/share/themes /usr/share/doc* /usr/share/man /usr/share/info
        /usr/share/perl* /usr/share/python* /usr/share/ruby* /usr/share/R /usr/share/java* /usr/share/nodejs
        /usr/share/gcc* /usr/share/gdb /usr/share/git-core /usr/share/bash-completion /usr/share/ca-certificates
        /usr/share/applications /usr/share/pixmaps /usr/share/X11 /usr/share/drirc.d /usr/share/glvnd /usr/share/vulkan
        /usr/share/pkgconfig /usr/share/cmake* /usr/share/autoconf /usr/share/automake* /usr/share/aclocal*
        /usr/share/vim /usr/share/emacs /usr/share/tex* /usr/share/tcltk /usr/share/hwdata /usr/share/gtk-*
        /usr/share/glib-2.0 /usr/share/dbus-1 /usr/share/p11-kit /usr/share/ssl /usr/share/groff /usr/share/poppler

        /etc/ld.so.* /etc/nsswitch.conf /etc/passwd /etc/group /etc/shadow /etc/hosts /etc/host.conf /etc/resolv.conf
        /etc/localtime /etc/timezone /etc/locale.* /etc/protocols /etc/services /etc/networks /etc/gai.conf
        /etc/hostname /etc/machine-id /etc/ssl /etc/pki /etc/ca-certificates* /etc/crypto-policies /etc/mime.types
        /etc/magic* /etc/terminfo /etc/inputrc /etc/profile /etc/profile.d /etc/bash* /etc/zsh /etc/environment
        /etc/default /etc/login.defs /etc/shells /etc/os-release /etc/*-release /etc/debian_version /etc/alternatives
        /etc/mtab /etc/fstab /etc/gitconfig /etc/OpenCL /etc/vulkan /etc/glvnd /etc/papersize /etc/python* /etc/perl
        /etc/security /etc/pam.d /etc/sudoers* /etc/subuid /etc/subgid /etc/selinux /etc/apparmor* /etc/netconfig
        /etc/suid-debug /etc/nscd.conf /etc/libnl* /etc/libibverbs.d /etc/rdma /etc/nvidia /etc/ssh /etc/idmapd.conf
    """,
    Role.CACHE: """
        ~/.cache/pip ~/.cache/uv ~/.cache/matplotlib ~/.cache/mesa* ~/.cache/nvidia ~/.cache/ccache ~/.ccache
        ~/.cache/go-build ~/.cache/pypoetry ~/.cache/pre-commit ~/.cache/numba ~/.cache/torch_extensions ~/.triton ~/.nv
        ~/.cache/jedi ~/.cache/conda ~/.cache/mypy ~/.cache/black ~/.cache/yarn ~/.cache/gstreamer-* ~/.cache/JNA
        ~/.npm ~/.cargo/registry ~/.m2 ~/.config/pulse ~/.local/share/jupyter/runtime ~/.jupyter/migrated
        ~/.ipython/profile_default/db ~/.ipython/profile_default/history.sqlite* ~/.*_history ~/.lesshst
    """,
    Role.START_UP: """
        ~/.bashrc ~/.bash_* ~/.profile ~/.inputrc ~/.hushlogin ~/.zshrc ~/.zshenv ~/.zprofile ~/.zlogin ~/.oh-my-zsh
        ~/.kshrc ~/.cshrc ~/.config/fish ~/.terminfo ~/.gitconfig ~/.config/git ~/.vimrc ~/.vim ~/.emacs* ~/.nanorc
        ~/.tmux.conf ~/.screenrc ~/.Xauthority ~/.pyenv/shims ~/.pyenv/libexec ~/.pyenv/pyenv.d ~/.pyenv/plugins
        ~/.pyenv/bin ~/.pyenv/version ~/.pyenv/completions ~/.asdf ~/.config/pip ~/.pip ~/.config/uv ~/.condarc
        ~/.mambarc ~/.config/user-dirs.*
    """,
}

# Wherever they are: the library of a Python, what is installed in it, and the marks of environments.
_PYTHON = pattern(
    rb"/(?:lib|lib64)/python\d?(?:\.\d+)?t?(?:/|$)|/(?:site|dist)-packages(?:/|$)|/python\d{2,3}\.zip$"
    rb"|/bin/python[0-9.]*t?$|/lib/libpython[^/]*$|/pyvenv\.cfg$|/conda-meta(?:/|$)|/share/jupyter(?:/|$)"
)
# pyenv stands in HOME as a rule (the table), in /opt on shared machines, and its scripts choose which Python starts.
_PYENV = pattern(rb"/\.?pyenv/(?:shims|libexec|pyenv\.d|plugins|bin|completions|version)(?:/|$)")
_PREFIX = pattern(rb"(/.*?)/(?:lib64|lib|bin|conda-meta|pyvenv\.cfg|share)(?:/|$)")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rules must know beside the table: absolute paths.

    `environments` are prefixes of the recorded environment and its base interpreter, `own` repro's folders. Where the
    command ran in an image (`is_image`), everything outside the project is the image's.
    """

    home: bytes | None
    environments: tuple[bytes, ...] = ()
    own: tuple[bytes, ...] = ()
    is_image: bool = False


def role_of(path: bytes, around: Surroundings) -> Role:
    """Return what a file outside the project is."""
    shown = _from_home(path, around.home)
    if _row(Role.KERNEL).match(path):
        return Role.KERNEL
    if any(is_within(path, folder) for folder in around.own):
        return Role.OWN
    if around.is_image or any(is_within(path, folder) for folder in around.environments):
        return Role.ENVIRONMENT
    for role in (Role.FONTS, Role.SYSTEM):
        if _row(role).match(shown):
            return role
    if is_of_python(path):
        return Role.OTHER_ENVIRONMENT
    for role in (Role.CACHE, Role.START_UP):
        if _row(role).match(shown):
            return role
    if _PYENV.search(path):
        return Role.START_UP
    return Role.SECRET if looks_secret(path) else Role.INPUT


def is_of_python(path: bytes) -> bool:
    """Whether a file is, by its path, part of a Python or of an environment."""
    return _PYTHON.search(path) is not None


def environment_prefix(path: bytes) -> bytes:
    """Return the prefix of the environment that a file belongs to, as far as its path tells."""
    found = _PREFIX.match(path)
    return found[1] if found else path.rsplit(b"/", 1)[0]


def _from_home(path: bytes, home: bytes | None) -> bytes:
    return b"~" + path[len(home) :] if home and home != b"/" and path.startswith(home + b"/") else path


@cache
def _row(role: Role) -> re.Pattern[bytes]:
    return _pattern(TABLE[role].split())


def _pattern(paths: Iterable[str]) -> re.Pattern[bytes]:
    """Return what matches the paths and all below them; one pattern, as it is asked of every file."""
    alternatives = (re.escape(path.encode()).replace(rb"\*", rb"[^/]*") for path in paths)
    return re.compile(rb"(?:" + rb"|".join(alternatives) + rb")(?:/|$)")
