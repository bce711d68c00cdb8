"""Tokens per CPU-second and peak memory of preparing data, for each mode, in one process of its own:

python tests/bench/prepare.py CORPUS TOKENIZER [--documents files] [--copies 10]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CASES = {
    "mlm, packed": {"mode": "mlm", "max_length": 512, "packed": True},
    "mlm-nsp": {"mode": "mlm-nsp", "max_length": 128},
    "mlm-sop": {"mode": "mlm-sop", "max_length": 128},
}


def measure(corpus: str, tokenizer: str, settings: dict) -> dict:
    """Runs in a process of its own, whose memory and imports are all this case's."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from kerasbert.corpus.pipelines import prepare
    from kerasbert.corpus.preparation import Settings

    imported = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        index = prepare([corpus], tokenizer, Path(folder) / "data", settings=Settings(**settings))
    done = time.process_time()
    return {
        "tokens": index.total("tokens"),
        "bytes": index.total("bytes"),
        "with import": index.total("tokens") / done,
        "without": index.total("tokens") / (done - imported),
        "real": index.total("tokens") / index.total("rows") / settings["max_length"],
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("tokenizer")
    parser.add_argument("--documents", default="auto")
    parser.add_argument("--copies", type=int, default=1, help="of the corpus, to see that memory stays flat")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.copies):
            Path(folder, f"{number:03d}-{arguments.corpus.name}").symlink_to(arguments.corpus.resolve())
        pattern = f"{folder}/*"
        heads = ("mode", "M tokens", "MB", "M tokens/CPU-s", "without imports", "real tokens", "peak GB")
        print("{:14} {:>9} {:>8} {:>15} {:>16} {:>12} {:>8}".format(*heads))
        for name, settings in CASES.items():
            case = [pattern, arguments.tokenizer, {**settings, "documents": arguments.documents}]
            command = [sys.executable, __file__, "--case", json.dumps(case)]
            found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
            values = (found["tokens"] / 1e6, found["bytes"] / 1e6, found["with import"] / 1e6, found["without"] / 1e6)
            line = "{:14} {:9.2f} {:8.1f} {:15.2f} {:16.2f} {:12.2%} {:8.2f}"
            print(line.format(name, *values, found["real"], found["memory"] / 1e9), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(measure(*json.loads(sys.argv[2]))))
    else:
        main()
