"""The benchmarks: which shapes, in what order, what is made of the times, and who is absent."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import bootstrap
from benchmarks import __main__, cases, contestants, machine, report, runner, timing
from benchmarks.cases import CASES, Conv, ConvBackward, Dense, EngineMethod, MaxPool
from benchmarks.contestants import Absent, Field, Unsupported
from benchmarks.timing import Contender, Timed
from cnnkit.errors import OptionError
from cnnkit.kernels import vectorized
from cnnkit.roofline import Machine

TINY = Conv(6, 2, 3, 3)
ROOF = Machine("float32", 1, 100.0, 10.0, 90.0, 9.0, 256, 2**27, None)
PEER_NAMES = ("PyTorch", "onnxruntime", "SciPy", "Java")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(timing, "PAUSE", 0.0)


class TestCases:
    @pytest.mark.parametrize(
        "name",
        [
            "conv 224x224x3->64 k7 s2",
            "conv 112x112x64->64 k3",
            "conv 56x56x64->64 k3",
            "conv 28x28x128->128 k3",
            "conv 14x14x256->256 k3",
            "conv 56x56x256->64 k1",
            "conv 27x27x96->256 k5",
            "depthwise 56x56x128 k3",
            "max pool 2x2/2 on 112x112x64",
            "max pool 3x3/2 on 112x112x64",
            "dense 256x4096->1000",
            "the source's Keras network, batch 1",
            "the source's Keras network, batch 32",
            "VGG-16, batch 1",
            "ResNet-18, batch 1",
            "backward of conv 112x112x64->64 k3",
            "backward of conv 56x56x64->64 k3",
            "backward of conv 28x28x128->128 k3",
            "backward of conv 14x14x256->256 k3",
            "training step of LeNet, batch 64",
            "engine: conv 56x56x64->64 k3 valid, ReLU",
            "engine: max pool 2x2/2 on 112x112x64",
            "engine: dense 256x4096->1000, sigmoid",
        ],
    )
    def test_the_fixed_shapes_are_all_there(self, name):
        assert [case.name for case in CASES].count(name) == 1

    def test_names_are_different(self):
        assert len({case.name for case in CASES}) == len(CASES)

    def test_both_types_of_number_but_for_the_java_engine(self):
        for case in CASES:
            expected = ("float64",) if isinstance(case, EngineMethod) else ("float32", "float64")
            assert cases.dtypes(case) == expected

    @pytest.mark.parametrize("case", [case for case in CASES if "VGG" not in case.name], ids=lambda c: c.name)
    def test_arrays_are_of_the_type_and_the_same_each_time(self, case):
        first, again = case.arrays("float64"), case.arrays("float64")
        for one, other in zip(first, again, strict=True):
            assert one.dtype in (np.float64, np.int64)
            np.testing.assert_array_equal(one, other)
        assert case.work("float64").flops > 0


class TestTurns:
    def test_everyone_has_a_turn_after_a_pause_and_a_warm_call(self):
        events: list[str] = []
        contenders = [Recorded(name, events) for name in "AB"]
        timing.take_turns(contenders, 2, pause=lambda _: events.append("pause"))
        estimates = ["A", "timed A", "B", "timed B"]
        first = ["pause", "A", "timed A", "pause", "B", "timed B"]
        second = ["pause", "B", "timed B", "pause", "A", "timed A"]  # who began is last now
        assert events == estimates + first + second

    def test_the_slow_drop_out_but_not_before_three_turns(self):
        slow, quick = Recorded("slow", [], seconds=9.0), Recorded("quick", [], seconds=0.1)
        samples = timing.take_turns([slow, quick], 10, pause=lambda _: None, most_seconds=20)
        assert len(samples["slow"]) == timing.FEWEST_TURNS
        assert len(samples["quick"]) == 10

    def test_a_call_is_timed(self):
        calls = []
        assert Contender("A", lambda: calls.append(1), list).seconds() > 0
        assert calls == [1]

    def test_ratios_are_of_medians_and_of_the_quickest_other(self):
        timed = Timed("case", "float32", {"us": [1.0, 2.0, 9.0], "a": [3.0, 4.0, 5.0], "b": [8.0, 8.0, 1.0]})
        assert timed.median("us") == 2.0
        assert timed.ratio("us", ["a", "b"]) == 2.0
        assert timed.ratio("us", ["b"]) == 4.0
        assert timed.ratio("us", ["a", "b"], min) == 1.0
        assert [timed.ratio("us", ["none"]), timed.ratio("none", ["a"]), timed.median("none")] == [None] * 3


class Recorded(Contender):
    """A contender that writes down when it is called, and takes as long as it is told."""

    def __init__(self, name, events, seconds=0.001):
        super().__init__(name, lambda: events.append(name), lambda _: [])
        self.events, self.told = events, seconds

    def seconds(self):
        self.events.append(f"timed {self.name}")
        return self.told


class TestAgreement:
    def contender(self, name, result):
        return Contender(name, lambda: result, lambda y: [y])

    def test_equal_results_pass_and_others_are_named(self):
        good = np.array([[1.0, -4.0]])
        field = [self.contender("us", good), self.contender("same", good + 1e-12)]
        assert timing.disagreements(field, "float64") == {}
        field += [self.contender("wrong", good + 1), self.contender("turned", good.T)]
        found = timing.disagreements(field, "float64")
        assert list(found) == ["wrong", "turned"]
        assert "2.5e-01" in found["wrong"]
        assert "shape (2, 1)" in found["turned"]

    def test_nan_does_not_count_as_agreement(self):
        field = [self.contender("us", np.ones(3)), self.contender("nan", np.full(3, np.nan))]
        assert "nan" in timing.disagreements(field, "float32")

    def test_float32_may_differ_by_more(self):
        field = [self.contender("us", np.ones(3)), self.contender("other", np.ones(3) + 1e-5)]
        assert timing.disagreements(field, "float32") == {}
        assert "other" in timing.disagreements(field, "float64")


class FakePeer:
    """A library that does convolutions only, by our own slow kernels."""

    columns = ("PyTorch",)
    version = "0.fake"
    closed = False

    def contenders(self, case, dtype, arrays):
        if not isinstance(case, Conv):
            raise Unsupported("does convolutions only")
        return [Contender("PyTorch", lambda: vectorized.conv2d(*arrays, **case.options), lambda y: [y])]

    def close(self):
        self.closed = True


class TestField:
    def test_who_is_absent_is_named_with_the_reason(self, monkeypatch):
        def refuse(_threads):
            raise Absent("needs a JDK")

        monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
        monkeypatch.delitem(sys.modules, "benchmarks.pytorch", raising=False)
        modules = {"Java": SimpleNamespace(library=refuse)}
        found = contestants.load(["PyTorch", "Java"], 1, modules=modules)
        assert list(found.libraries) == ["cnnkit"]
        assert "needs torch" in found.absent["PyTorch"]
        assert found.absent["Java"] == "needs a JDK"
        lines = machine.describe(found, 1)
        assert any(line.startswith("PyTorch: absent, needs torch") for line in lines)

    def test_without_a_jdk_the_java_engine_is_absent(self, monkeypatch):
        from benchmarks import java_engine

        monkeypatch.setattr(java_engine.shutil, "which", lambda _: None)
        with pytest.raises(Absent, match="no javac and no java on the path"):
            java_engine.library(1)

    def test_ours_alone_measures_and_agrees_with_a_peer(self):
        peer = FakePeer()
        field = contestants.load(["PyTorch"], 1, modules={"PyTorch": SimpleNamespace(library=lambda _: peer)})
        timed = runner.measure(TINY, "float64", field, 2)
        assert {name: len(samples) for name, samples in timed.samples.items()} == {
            "cnnkit": 2,
            "cnnkit, one call": 2,
            "PyTorch": 2,
        }
        pooled = runner.measure(MaxPool(6, 2, 2, 2), "float32", field, 1)
        assert pooled.absent == {"PyTorch": "does convolutions only"}
        field.close()
        assert peer.closed

    @pytest.mark.parametrize(
        "case",
        [
            Conv(9, 4, 4, 3, stride=2, groups=4),
            ConvBackward(TINY),
            MaxPool(7, 3, 3, 2, padding=1),
            Dense(3, 5, 4),
            EngineMethod(TINY),
            EngineMethod(MaxPool(6, 2, 2, 2)),
            EngineMethod(Dense(3, 5, 4)),
            cases.NETWORKS[0],
            cases.TRAINING,
        ],
        ids=lambda case: case.name,
    )
    def test_the_installed_peers_agree_with_us(self, case, installed):
        able = [one for one in runner.gather(case, "float64", installed) if isinstance(one, Contender)]
        assert able[0].name == "cnnkit"
        assert timing.disagreements(able, "float64") == {}


@pytest.fixture(scope="module")
def installed():
    field = contestants.load(list(PEER_NAMES), 1)
    yield field
    field.close()


def test_onnxruntime_and_scipy_take_part_wherever_the_tests_run(installed):
    assert {"cnnkit", "onnxruntime", "SciPy"} <= set(installed.libraries)
    names = {one.name for one in runner.gather(TINY, "float32", installed) if isinstance(one, Contender)}
    assert {"cnnkit", "cnnkit, one call", "onnxruntime", "SciPy"} <= names


class TestReport:
    def test_a_table_is_aligned(self):
        made = report.table(["Work", "ms"], [["conv", "1.5"], ["a longer one", "–"]]).splitlines()
        assert made == [
            "| Work         |  ms |",
            "| ------------ | --: |",
            "| conv         | 1.5 |",
            "| a longer one |   – |",
        ]

    @pytest.mark.parametrize(
        ("seconds", "text"), [(0.1234, "123"), (0.001, "1.00"), (0.0000456, "0.0456"), (None, "–")]
    )
    def test_times_have_three_digits(self, seconds, text):
        assert report.milliseconds(seconds) == text

    def test_a_row_has_times_ratios_and_the_share_of_the_roof(self):
        work = TINY.work("float32")
        timed = Timed(TINY.name, "float32", {"cnnkit": [1e-6], "PyTorch": [2e-6], "SciPy": [9e-6]})
        columns = ["cnnkit", "PyTorch", "SciPy"]
        row = report.comparison([(TINY, timed)], ROOF, columns).splitlines()[-1]
        gflops = work.flops / 1e-6 / 1e9
        share = 100 * gflops / ROOF.roof(work.intensity)
        assert [cell.strip() for cell in row.split("|")[1:-1]] == [
            TINY.name,
            "0.00100",
            "0.00200",
            "0.00900",
            "2.00",
            "2.00",
            "2.00",
            f"{gflops:.1f}",
            f"{share:.0f} %",
        ]

    def test_the_reasons_for_gaps_are_listed_once(self):
        gone = [(TINY, Timed(TINY.name, dtype, {}, {"onnxruntime": "has none"})) for dtype in ("a", "b")]
        _, listed = report.gaps(gone * 2)
        assert listed == f"- onnxruntime has none: {TINY.name} (a) and 3 more"
        assert report.gaps([]) == []

    def test_a_processor_is_described_by_name_model_and_vectors(self):
        facts = "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 avx512f\n"
        assert machine._from_cpuinfo(facts) == "Some CPU, family 25 model 17, AVX-512"


class TestCommand:
    def test_only_chooses_by_name(self):
        assert [case.name for case in runner.choose(["VGG"])] == ["VGG-16, batch 1"]
        assert len(runner.choose([])) == len(CASES)
        assert {case.name for case in runner.choose(["resnet", "lenet"])} == {
            "ResNet-18, batch 1",
            "training step of LeNet, batch 64",
        }

    def test_a_name_that_is_not_there_is_refused(self, capsys):
        with pytest.raises(OptionError, match="nonsense"):
            runner.choose(["nonsense"])
        assert __main__.main(["--only", "nonsense"]) == 1
        assert "--list shows" in capsys.readouterr().err

    def test_options(self, tmp_path):
        plain, quick = __main__.parse([]), __main__.parse(["--quick", "--threads", "1"])
        assert (plain.repeat, plain.threads) == (__main__.REPEAT, __main__.usable_cores())
        assert (quick.repeat, quick.threads) == (__main__.QUICK_REPEAT, 1)
        assert __main__.parse(["--output", str(tmp_path / "x.md")]).output == tmp_path / "x.md"

    @pytest.mark.parametrize(
        "wrong", [["--repeat", "0"], ["--threads", "many"], ["--output", "absent/x.md"]], ids=" ".join
    )
    def test_options_that_cannot_be_are_refused(self, wrong, capsys):
        with pytest.raises(SystemExit):
            __main__.parse(wrong)
        assert wrong[1].split("/")[0] in capsys.readouterr().err

    def test_a_quick_run_without_peers_prints_and_writes_the_table(self, monkeypatch, capsys, tmp_path):
        for variable in __main__.BLAS_VARIABLES:
            monkeypatch.setenv(variable, "1")
        monkeypatch.setattr(runner, "PEERS", {})
        monkeypatch.setattr(runner, "CASES", (TINY, EngineMethod(TINY)))
        monkeypatch.setattr(runner, "measure_machine", lambda dtype, threads: ROOF)
        target = tmp_path / "bench.md"
        assert __main__.main(["--quick", "--threads", "1", "--output", str(target)]) == 0
        shown = capsys.readouterr().out
        assert shown == target.read_text(encoding="utf-8")
        assert "- Threads for everyone: 1" in shown
        for heading in ("## float32", "## float64", "## The three methods"):
            assert heading in shown
        assert shown.count(f"| {TINY.name} ") == 2
        assert Field().absent == {}

    def test_make_bench_fills_the_environment_of_the_tests_and_passes_options_on(self, monkeypatch):
        seen = []
        monkeypatch.setattr(bootstrap, "ensure_environment", seen.append)
        monkeypatch.setattr(
            bootstrap.subprocess,
            "run",
            lambda command, **_: seen.append(command[1:]) or SimpleNamespace(returncode=3),
        )
        assert bootstrap.main(["bench", "--quick"]) == 3
        assert seen == ["test", ["-m", "benchmarks", "--quick"]]
