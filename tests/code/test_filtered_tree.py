from __future__ import annotations

from repro.code.filtered_tree import tree_without
from repro.code.snapshot import snapshot_work_tree
from tests.code.git_repository import GitRepository


def _oracle(repository: GitRepository, *removed: str | bytes) -> str:
    environ = {"GIT_INDEX_FILE": repository.path + "-filter-index"}
    repository.git("read-tree", "HEAD", environ=environ)
    repository.git("rm", "-rq", "--cached", "--ignore-unmatch", "--", ".repro", *removed, environ=environ)
    return repository.git("write-tree", environ=environ)


def test_records_and_outputs_do_not_count(repository: GitRepository) -> None:
    for name in ("out/model.bin", "out/plots/a.png", "deep/er/only.txt", ".repro/runs/one.yaml", "sub/.repro/x"):
        repository.write(name)
    head = repository.commit()
    cases: list[tuple[bytes, ...]] = [
        (),
        (b"out",),
        (b"out/plots", b"out/model.bin"),
        (b"deep/er/only.txt",),
        (b"a.txt", b"absent", b"src/absent", b"a.txt/below"),
        (b"out/model.bin", b"out"),
    ]
    for paths in cases:
        names = [path for path in paths if path != b"a.txt/below"]
        before = repository.git("count-objects")
        tree = tree_without(repository.path, head, paths)
        assert repository.git("count-objects") == before
        assert tree == _oracle(repository, *names), paths


def test_committing_a_record_or_an_output_keeps_the_identity(repository: GitRepository) -> None:
    before = tree_without(repository.path, snapshot_work_tree(repository.path).commit, [b"out"])
    repository.write(".repro/runs/one.yaml")
    repository.write("out/model.bin")
    repository.commit()
    assert tree_without(repository.path, snapshot_work_tree(repository.path).commit, [b"out"]) == before


def test_without_everything_the_empty_tree_is_left(repository: GitRepository) -> None:
    empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    head = repository.git("rev-parse", "HEAD")
    assert tree_without(repository.path, head, [b"a.txt", b"run.sh", b"src"]) == empty
    assert tree_without(repository.path, head, [b"."]) == empty
