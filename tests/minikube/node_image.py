"""The node's file system: Debian with systemd and containerd, Kubernetes' images and the lab's in its containerd.

minikube's own image cannot be pulled here. This one has what minikube asks of a node: systemd, ssh, a user `docker` with
sudo, containerd, CNI plugins, crictl. Its /var comes to the node's volume, and with it the images: minikube finds them
there and says that they are preloaded.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.cluster.images import pause
from tests.cluster.node import KERNEL_SETTINGS
from tests.cluster.waiting import wait_for
from tests.minikube import archive
from tests.minikube.archive import Program
from tests.minikube.settings import (
    CACHE,
    COREDNS,
    ETCD,
    HERE,
    KUBERNETES,
    METRICS_SERVER,
    METRICS_SERVER_DIGEST,
    PAUSE,
    PROVISIONER,
)

NODE = HERE / "node"
_MMDEBSTRAP = (
    "mmdebstrap --variant=minbase --mode=root --quiet --include={} --dpkgopt=path-exclude=/usr/share/doc/* "
    "--dpkgopt=path-exclude=/usr/share/man/* --dpkgopt=path-exclude=/usr/share/locale/* bookworm"
)
_PACKAGES = (
    "systemd,systemd-sysv,dbus,conntrack,iptables,iproute2,ethtool,socat,ebtables,kmod,pigz,curl,rsync,iputils-ping,procps,"
    "lz4,sudo,openssh-server,docker.io,containerd,runc,containernetworking-plugins,jq,tini,ca-certificates"
)
_MASKED = ("systemd-sysctl", "systemd-udevd", "systemd-modules-load", "systemd-resolved", "console-getty", "docker")
_FIREWALL = ("/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi", "/usr/sbin/conntrack")
"""What kube-proxy runs, beside links to it."""
# What systemd (bump_file_max_and_nr_open in src/core/main.c) and the kubelet would write into the machine's kernel.
_KERNEL = {**KERNEL_SETTINGS, "fs/file-max": 9223372036854775807, "fs/nr_open": 1048576}
_CTR = ("ctr", "--namespace", "k8s.io", "--address")


def _debian() -> Path:
    """A tar of Debian with the node's packages, made when it is not in the cache."""
    recipe = _MMDEBSTRAP.format(_PACKAGES)
    made = CACHE / "debian" / f"{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.tar"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        unfinished = made.with_suffix(".unfinished.tar")
        subprocess.run([*recipe.split(), unfinished, "http://deb.debian.org/debian"], check=True)
        unfinished.rename(made)
    return made


def _firewall(root: Path, work: Path) -> Path:
    """A layer with iptables and conntrack, and the libraries that they load, out of the node's file system."""
    told = subprocess.run(["chroot", root, "ldd", *_FIREWALL], check=True, capture_output=True, text=True).stdout
    libraries = {Path(word).name for word in told.split() if ".so." in word}
    folder = root / "usr/lib/x86_64-linux-gnu"
    found = [file for one in libraries for file in (*folder.glob(f"{one}*"), *(root / "usr/lib64").glob(one))]
    links = [one for one in (root / "usr/sbin").iterdir() if one.name.startswith(("iptables", "ip6tables"))]
    others = ("bin", "sbin", "lib", "lib64", "etc/alternatives", "usr/lib/x86_64-linux-gnu/xtables")
    parts = sorted({*found, *links, *(root / one for one in others), *(root / one.lstrip("/") for one in _FIREWALL)})
    layer = work / "firewall.tar"
    names = [str(one.relative_to(root)) for one in parts]
    subprocess.run(["tar", "--create", "--file", layer, "--numeric-owner", "--directory", root, *names], check=True)
    return layer


def _system(programs: Mapping[str, Path], proxy: Path) -> dict[str, Program]:
    """Kubernetes' own images, by the names that kubeadm and minikube's addons give them."""
    components = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    found = {
        f"registry.k8s.io/{one}:{KUBERNETES}": Program(programs[one], f"/usr/local/bin/{one}") for one in components
    }
    return {
        **found,
        f"registry.k8s.io/kube-proxy:{KUBERNETES}": Program(programs["kube-proxy"], "/usr/local/bin/kube-proxy", proxy),
        f"registry.k8s.io/etcd:{ETCD}": Program(programs["etcd"], "/usr/local/bin/etcd"),
        f"registry.k8s.io/coredns/coredns:{COREDNS}": Program(programs["coredns"], "/coredns", entrypoint=True),
        f"registry.k8s.io/pause:{PAUSE}": Program(pause(), "/pause", entrypoint=True),
        f"{METRICS_SERVER}:v0.8.1": Program(programs["metrics-server"], "/metrics-server", entrypoint=True),
        # It gives volumes to claims, of which the lab has none.
        PROVISIONER: Program(pause(), "/storage-provisioner"),
    }


def _configure(root: Path, programs: Mapping[str, Path]) -> None:
    for source, target, mode in (
        (NODE / "entrypoint", "entrypoint", 0o755),
        (NODE / "runc", "usr/local/bin/runc", 0o755),
        (NODE / "containerd.toml", "etc/containerd/config.toml", 0o644),
        (NODE / "service.conf", "etc/systemd/system/service.d/10-limits.conf", 0o644),
        (programs["crictl"], "usr/bin/crictl", 0o755),
    ):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, root / target)
        (root / target).chmod(mode)
    for name, value in _KERNEL.items():
        file = root / "kernel" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
    (root / "opt/cni").mkdir(parents=True, exist_ok=True)
    shutil.copytree(root / "usr/lib/cni", root / "opt/cni/bin", dirs_exist_ok=True)
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")
    (root / "etc/sudoers.d/docker").write_text("docker ALL=(ALL) NOPASSWD: ALL\n")
    (root / "etc/sudoers.d/docker").chmod(0o440)
    commands = (
        "useradd --create-home --shell /bin/bash --gid docker docker",
        "passwd --quiet --delete docker",
        "install -d -o docker -g docker -m 700 /home/docker/.ssh",
        f"systemctl --quiet mask {' '.join(f'{one}.service' for one in _MASKED)} docker.socket getty.target",
        "systemctl --quiet enable ssh.service containerd.service",
    )
    for command in commands:
        subprocess.run(["chroot", root, *command.split()], check=True)


def _import(root: Path, archives: Iterable[Path]) -> None:
    """Put images into the file system's containerd, by a containerd that runs for it."""
    with tempfile.TemporaryDirectory() as work:
        config, socket = Path(work, "config.toml"), f"{work}/containerd.sock"
        config.write_text(
            f'version = 2\nroot = "{root}/var/lib/containerd"\nstate = "{work}/state"\noom_score = 0\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{socket}"\n'
        )
        with subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", "containerd", "--config", config],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as containerd:
            try:
                wait_for(Path(socket).exists, 30, "containerd")
                for one in archives:
                    command = [*_CTR, socket, "images", "import", "--all-platforms", one]
                    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                names = (f"{METRICS_SERVER}:v0.8.1", f"{METRICS_SERVER}@{METRICS_SERVER_DIGEST}")
                subprocess.run([*_CTR, socket, "images", "tag", *names], check=True, stdout=subprocess.DEVNULL)
            finally:
                containerd.terminate()


def _key(programs: Mapping[str, Path], lab: Path) -> str:
    key = hashlib.sha256(
        repr((_MMDEBSTRAP, _PACKAGES, _MASKED, _FIREWALL, _KERNEL, KUBERNETES, ETCD, COREDNS)).encode()
    )
    for file in (*sorted(NODE.iterdir()), HERE / "archive.py", HERE / "node_image.py"):
        key.update(file.read_bytes())
    for name, program in sorted(programs.items()):
        key.update(f"{name}\0{program.parent.name}\0".encode())
    key.update(lab.parent.name.encode())
    return key.hexdigest()[:12]


def build(programs: Mapping[str, Path], lab: Path) -> Path:
    """The node's file system as a tar, made when it is not in the cache.

    Args:
        programs: Kubernetes' and crictl, by name.
        lab: archive of the lab's images (tests/cluster/images.py).
    """
    made = CACHE / "image" / f"{_key(programs, lab)}.tar"
    if made.exists():
        return made
    started = time.monotonic()
    print("Making the node's image …", flush=True)
    debian = _debian()
    work = CACHE / "image" / "unfinished"
    shutil.rmtree(work, ignore_errors=True)
    root = work / "root"
    root.mkdir(parents=True)
    subprocess.run(["tar", "--extract", "--file", debian, "--directory", root, "--numeric-owner"], check=True)
    _configure(root, programs)
    archive.write(work / "system.tar", _system(programs, _firewall(root, work)))
    _import(root, (work / "system.tar", lab))
    tar = ["tar", "--create", "--file", work / "root.tar", "--numeric-owner", "--xattrs", "--xattrs-include=*"]
    subprocess.run([*tar, "--directory", root, "."], check=True)
    for other in made.parent.glob("*.tar"):
        other.unlink()
    (work / "root.tar").rename(made)
    shutil.rmtree(work)
    print(f"  {time.monotonic() - started:.0f} s", flush=True)
    return made
