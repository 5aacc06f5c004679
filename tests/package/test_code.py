"""Nothing that is read can become code: no pickle, no eval, no shell, no loader that makes objects."""

import ast

import pytest

from tests.package.conftest import ROOT

#: Modules that make objects, or code, of bytes.
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "jsonpickle", "imp", "code"}
#: Calls that run text, or build what a document names.
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.unsafe_load", "yaml.full_load",
         "subprocess.getoutput", "subprocess.getstatusoutput", "tempfile.mktemp", "pandas.read_pickle"}  # fmt: skip
SAFE_LOADERS = {"SafeLoader", "CSafeLoader", "_Loader", "yaml.SafeLoader", "yaml.CSafeLoader"}
#: Rules in Python are an administrator's own code: docs/rules.md says who may write there.
KNOWN = {("pipeline/score/rules/reading.py", "exec"), ("pipeline/score/rules/reading.py", "compile")}
SOURCES = sorted(path for package in ("pipeline", "schemas") for path in (ROOT / package).rglob("*.py"))


def dangers(tree):
    """What of a module could make code of data, by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            yield from _called(node)


def _called(node):
    name = ast.unparse(node.func)
    keywords = {one.arg: one.value for one in node.keywords}
    if name in CALLS:
        yield name
    if name in ("yaml.load", "yaml.load_all"):
        loader = keywords.get("Loader", node.args[1] if len(node.args) > 1 else None)
        if loader is None or ast.unparse(loader) not in SAFE_LOADERS:
            yield name
    shell = keywords.get("shell")
    if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
        yield "shell=True"
    if name.endswith("numpy.load") or (name == "np.load" and "allow_pickle" in keywords):
        yield name


def test_no_module_makes_code_of_data():
    assert len(SOURCES) > 300
    found = {
        (path.relative_to(ROOT).as_posix(), name) for path in SOURCES for name in dangers(ast.parse(path.read_text()))
    }
    assert found == KNOWN


@pytest.mark.parametrize("line", [
    "import pickle", "from joblib import load", "eval(text)", "import os.path, marshal", "exec(text)",
    "yaml.load(text)", "yaml.load(text, Loader=yaml.Loader)", "run(line, shell=True)", "run(line, shell=wanted)",
    "os.system(line)", "__import__(name)", "yaml.unsafe_load(text)",
])  # fmt: skip
def test_each_of_these_would_be_found(line):
    assert list(dangers(ast.parse(line)))


@pytest.mark.parametrize("line", [
    "yaml.safe_load(text)", "yaml.load(text, Loader=yaml.SafeLoader)", "subprocess.run(words)", "re.compile(text)",
    "subprocess.run(words, shell=False)",
])  # fmt: skip
def test_and_these_are_taken(line):
    assert not list(dangers(ast.parse(line)))
