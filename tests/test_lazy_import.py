import subprocess
import sys

import pytest

import effnet_lib

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "numpy", "matplotlib"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
"""


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_library_loads_nothing_heavy():
    program = (
        "import sys, effnet_lib; print({'torch', 'numpy', 'matplotlib', 'ipywidgets'} & set(sys.modules))"
    )
    assert run(program) == "set()"


def test_tables_scaling_and_costs_work_where_torch_cannot_be_imported():
    program = BLOCKED + (
        "from effnet_lib import compound_scale, cost_of, get_arch, scale\n"
        "b0 = get_arch('efficientnet_b0')\n"
        "print(cost_of(b0).macs, cost_of(compound_scale(b0, 1)).macs, scale(b0, width=2.0).stem)"
    )
    assert run(program) == "385814752 992629472 64"


def test_the_block_really_blocks():
    with pytest.raises(AssertionError, match="torch is blocked"):
        run(BLOCKED + "import torch")


@pytest.mark.parametrize("module", ["arch", "scaling", "families", "cost"])
def test_the_torch_free_rooms_import_only_the_standard_library_and_each_other(module):
    program = (
        f"import sys\nbefore = set(sys.modules)\nimport effnet_lib.{module}\n"
        "new = {m.split('.')[0] for m in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names) - {'effnet_lib'}))"
    )
    assert run(program) == "[]"


def test_every_promised_name_can_be_had_and_no_module_shares_a_functions_name():
    for name in effnet_lib.__all__:
        assert getattr(effnet_lib, name) is not None
    assert len(set(effnet_lib.__all__)) == len(effnet_lib.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = effnet_lib.nonsense
