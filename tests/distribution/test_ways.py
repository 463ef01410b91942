"""Each way of getting dclab, really gone: `python -m tests.distribution` does it on every Python."""

from __future__ import annotations

import shutil

import pytest

from tests.distribution import artefacts, dev_container, image
from tests.distribution.places import CannotRun, debian
from tests.distribution.ways import WAYS, check, install, report

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return artefacts.wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def bookworm():
    try:
        return debian("bookworm")
    except CannotRun as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_the_wheel_in_an_empty_environment(bookworm, wheel, way):
    _, run = install(bookworm, way, wheel)
    check(bookworm, run, wheel.name.split("-")[1])
    if way is WAYS[0]:
        report(bookworm, run)


def test_the_dev_container(bookworm):
    bookworm.empty()
    folder = dev_container.create(bookworm)
    assert "report.html" in dev_container.quick_run(bookworm, folder)


@pytest.fixture(scope="module")
def config(wheel):
    try:
        return image.build(wheel)
    except image.CannotRun as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def root(config):
    with image.mounted() as files:
        yield files


@pytest.fixture
def work(tmp_path):
    """A folder for the image's own user."""
    shutil.chown(tmp_path, 10001, 10001)
    return tmp_path


def test_the_image_is_small_and_not_root(config):
    assert image.compressed_mb() < image.IMAGE_MB
    assert config["User"] == "10001:10001"


@pytest.mark.parametrize("user", [None, (12345, 12345)])
def test_one_line_to_a_report(config, root, work, user):
    if user:
        shutil.chown(work, *user)
    done = image.run(config, root, ["run", "--quick"], work, user=user)
    assert done.code == 0, done.output
    assert "Traceback" not in done.output
    (made,) = work.glob("reports/*/report.html")
    assert made.stat().st_uid == (user or (10001, 10001))[0]


def test_what_the_image_says_of_itself(config, root, work):
    done = image.run(config, root, ["doctor"], work, cpus=0.5)
    assert done.code == 0, done.output
    assert "may use 0.5 CPUs here" in done.output
    for tool in ("redis-server", "siege", "prometheus"):
        assert f"Without {tool}," not in done.output
    assert "Usage" in image.run(config, root, [], work).output


def test_a_folder_that_cannot_be_written(config, root, tmp_path):
    done = image.run(config, root, ["run", "--quick"], tmp_path)
    assert done.code == 5
    assert "cannot be written" in done.output
    assert "Traceback" not in done.output
