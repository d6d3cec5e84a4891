"""``PYTHONPATH=tests python -m benchmarks``; what it does and takes is said in run.py."""

from benchmarks import timing

timing.pin()  # before the libraries are loaded: some look at the cores that they may use once, at their start

from benchmarks.run import main  # noqa: E402

main()
