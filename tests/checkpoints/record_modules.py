"""Records the vectors of sentence-transformers with the folders of module_folders.py. Needs a Python that has it.

python tests/checkpoints/record_modules.py
"""

import json
import tempfile
from pathlib import Path

import sentence_transformers
from module_folders import FLAGS, PROMPT, TEXTS, flags, make_folder, put_prompt


def main() -> None:
    recorded = {"sentence-transformers": sentence_transformers.__version__}
    with tempfile.TemporaryDirectory() as place:
        for mode in FLAGS:
            model = sentence_transformers.SentenceTransformer(str(make_folder(Path(place) / mode, flags(mode))))
            recorded[mode] = model.encode(TEXTS, normalize_embeddings=True).round(7).astype(float).tolist()
        folder = put_prompt(make_folder(Path(place) / "prompt", flags("mean")), PROMPT)
        model = sentence_transformers.SentenceTransformer(str(folder))
        recorded["prompt"] = model.encode(TEXTS, normalize_embeddings=True).round(7).astype(float).tolist()
    path = Path(__file__).parent / "modules.json"
    path.write_text(json.dumps(recorded, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
