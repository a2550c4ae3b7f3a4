"""Real libraries, which open files in their own ways: C, C++, threads, worker processes.

They are large, so these tests run where `REPRO_TEST_LIBRARIES=1` says so; they need a package index.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.command_line import make_venv
from tests.watch.conftest import Watched

pytestmark = pytest.mark.skipif(
    os.environ.get("REPRO_TEST_LIBRARIES") != "1", reason="REPRO_TEST_LIBRARIES=1 installs and tests large libraries"
)

PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "matplotlib", "joblib")

SCRIPTS = {
    "numpy": "import numpy as np; x = np.loadtxt('a.ignored.csv', delimiter=',', skiprows=1); np.save('result', x)\n",
    "pandas csv": "import pandas as pd; pd.read_csv('a.ignored.csv').describe().to_csv('result.csv')\n",
    "pandas parquet": "import pandas as pd; d = pd.read_parquet('a.ignored.parquet'); d.to_parquet('result.parquet')\n",
    "scikit-learn": "import numpy as np, pickle; from sklearn.linear_model import LinearRegression as L\n"
    "x = np.loadtxt('a.ignored.csv', delimiter=',', skiprows=1)\n"
    "pickle.dump(L().fit(x[:, :1], x[:, 1]).coef_, open('result', 'wb'))\n",
    "matplotlib": "import matplotlib; matplotlib.use('Agg'); import matplotlib.pyplot as p, numpy as np\n"
    "p.plot(np.loadtxt('a.ignored.csv', delimiter=',', skiprows=1))\n"
    "p.savefig('result.png', metadata={'Software': None})\n",
    "joblib": "from joblib import Parallel, delayed\ndef f(n): return open(n).read()\n"
    "if __name__ == '__main__':\n    x = Parallel(n_jobs=2)(delayed(f)(n) for n in ['a.ignored.csv'] * 4)\n"
    "    open('result', 'w').write(str(x))\n",
}


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    venv = make_venv(tmp_path_factory.mktemp("libraries") / "env", [find_uv_bin()])
    install = [find_uv_bin(), "pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), *PACKAGES]
    subprocess.run(install, check=True)
    return venv


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_library_reads_is_recorded_and_a_rebuild_has_it(watched: Watched, libraries: Path, name: str) -> None:
    ann = replace(watched.ann, venv=libraries)
    ann.write(".gitignore", "/data\n*.ignored*\n")
    ann.write("a.ignored.csv", "a,b\n" + "".join(f"{n},{n * n}\n" for n in range(50)))
    if name == "pandas parquet":
        ann.call("python", "-c", "import pandas as p; p.read_csv('a.ignored.csv').to_parquet('a.ignored.parquet')")
    project = Watched(ann)
    project.run(SCRIPTS[name])
    read = "a.ignored.parquet" if name == "pandas parquet" else "a.ignored.csv"
    assert project.inputs() == [read]
    assert [path.split(".")[0] for path in project.outputs()] == ["result"]
    (ann.cwd / read).unlink()
    assert project.rebuilt() == "identical"
