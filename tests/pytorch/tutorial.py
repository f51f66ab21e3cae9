"""Trains the tutorial's two modules in PyTorch on IMDB, imports them, and compares labels.

    python tests/pytorch/tutorial.py aclImdb_train.tar.gz path/to/host WORK_FOLDER

Needs torch and safetensors. Each module is trained briefly on the first 200 words of some reviews,
padded on the left, saved with torch.save and as safetensors, and imported from both. The imported
model then reads 500 other reviews with `host run`; PyTorch reads the very words that it prints. The
label after the last of at most 200 words is compared. Nothing here runs in CI: see README.
"""

import collections
import json
import pathlib
import random
import re
import subprocess
import sys
import tarfile
import time

import torch
from safetensors.torch import save_file
from torch import nn

LENGTH, WORDS, HELD_OUT = 200, 10_000, 500
TRAINING, EPOCHS, BATCH, RATE = 6_000, 3, 100, 1e-3


class BasicRNN(nn.Module):
    """A cell over all words, Linear 256, ReLU, Linear."""

    def __init__(self, words):
        super().__init__()
        self.embedding = nn.Embedding(words, 128, padding_idx=0)
        self.rnn = nn.RNNCell(128, 256)
        self.fc1 = nn.Linear(256, 256)
        self.fc2 = nn.Linear(256, 2)

    def forward(self, ids):
        x, h = self.embedding(ids), torch.zeros(ids.shape[0], 256)
        for step in range(ids.shape[1]):
            h = self.rnn(x[:, step], h)
        return self.fc2(torch.relu(self.fc1(h)))


class Net(nn.Module):
    """nn.RNN of two layers, dropout, Linear."""

    def __init__(self, words):
        super().__init__()
        self.em = nn.Embedding(words, 128, padding_idx=0)
        self.rnn = nn.RNN(128, 256, num_layers=2, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(256, 2)

    def forward(self, ids):
        states, _ = self.rnn(self.em(ids))
        return self.fc(self.dropout(states[:, -1]))


def tokens(text):
    """Nearly what shared/src/text.rs does; the comparison below uses the program's own words."""
    text = re.sub(r"<[A-Za-z/!?][^>]{0,254}>", " ", text).lower()
    text = re.sub(r"(?<=[^\W\d_])['\u2019](?=[^\W\d_])", "", text)
    return re.findall(r"[^\W_]+", text)


def reviews(archive):
    found = []
    with tarfile.open(archive) as tar:
        for member in tar:
            kind = re.search(r"train/(neg|pos)/.*\.txt$", member.name)
            if kind:
                found.append((tar.extractfile(member).read().decode(), int(kind[1] == "pos")))
    random.Random(1).shuffle(found)
    return found


def left_padded(texts):
    rows = [[0] * (LENGTH - len(ids[:LENGTH])) + ids[:LENGTH] for ids in texts]
    return torch.tensor(rows)


def train(model, ids, labels):
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    inputs, targets = left_padded(ids), torch.tensor(labels)
    model.train()
    for epoch in range(EPOCHS):
        started, total = time.time(), 0.0
        for batch in torch.randperm(len(ids)).split(BATCH):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs[batch]), targets[batch])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            total += loss.item() * len(batch)
        print(f"  epoch {epoch + 1}: loss {total / len(ids):.4f}, {time.time() - started:.0f} s", flush=True)
    model.eval()


def texts_of_run(host, blob, held_out):
    """The words that the program reads in each text, and its label after the last of 200."""
    joined = "\n\n".join(" ".join(text.split()) for text, _ in held_out)
    lines = subprocess.run([host, "run", "--model", blob], input=joined.encode(), capture_output=True, check=True)
    texts = []
    for line in lines.stdout.decode().splitlines():
        index, word, label, _ = line.split("\t")
        if index == "0":
            texts.append(([], None))
        if int(index) < LENGTH:
            texts[-1] = (texts[-1][0] + [word], label)
    return texts


def compare(name, model, host, folder, files, ids, held_out):
    torch.save(model.state_dict(), folder / f"{name}.pth")
    save_file(model.state_dict(), folder / f"{name}.safetensors")
    blobs = []
    for kind in ["pth", "safetensors"]:
        blob = folder / f"{name}.{kind}.bin"
        command = [host, "import", "--weights", folder / f"{name}.{kind}", *files, "--export", blob]
        output = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        blobs.append(blob.read_bytes())
    print("\n".join("  " + line for line in output.splitlines() if not line.startswith("  ")))
    print("  both files give the same blob:", blobs[0] == blobs[1])
    texts = texts_of_run(host, blob, held_out)
    assert len(texts) == len(held_out)
    with torch.no_grad():
        logits = [model(torch.tensor([[ids.get(word, 1) for word in words]]))[0] for words, _ in texts]
        padded = model(left_padded([[ids.get(word, 1) for word in words] for words, _ in texts]))
    own = [label for _, label in texts]
    for what, outputs in [("", logits), (", padded on the left", padded)]:
        theirs = [["neg", "pos"][int(row.argmax())] for row in outputs]
        same = sum(a == b for a, b in zip(own, theirs))
        right = sum(a == ["neg", "pos"][label] for a, (_, label) in zip(theirs, held_out))
        print(f"  host run against PyTorch{what}: {same} of {len(own)} labels the same; PyTorch right in {right}")
    sure = sum(float((row[0] - row[1]).abs()) for row in logits) / len(logits)
    print(f"  mean |logit difference| of PyTorch {sure:.2f}", flush=True)


def main():
    archive, host, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(exist_ok=True)
    torch.manual_seed(1)
    everything = reviews(archive)
    held_out, training = everything[:HELD_OUT], everything[HELD_OUT:]
    words = [tokens(text) for text, _ in training]
    counts = collections.Counter(word for text in words for word in text)
    vocabulary = ["<pad>", "<unk>"] + [word for word, _ in counts.most_common(WORDS)]
    ids = {word: row for row, word in enumerate(vocabulary)}
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    config = {"labels": ["neg", "pos"], "max_len": LENGTH, "keep": "head", "padded": "left"}
    (folder / "config.json").write_text(json.dumps(config))
    with open(folder / "held_out.tsv", "w") as out:
        out.write("label\ttext\n")
        for text, label in held_out:
            out.write(f"{['neg', 'pos'][label]}\t\"{' '.join(text.split()).replace(chr(34), chr(34) * 2)}\"\n")
    files = ["--vocab", folder / "vocab.txt", "--config", folder / "config.json", "--data", folder / "held_out.tsv"]
    sample = [([ids.get(word, 1) for word in text], label) for text, (_, label) in zip(words, training)][:TRAINING]
    for name, module in [("BasicRNN", BasicRNN), ("Net", Net)]:
        print(name, flush=True)
        model = module(len(vocabulary))
        train(model, [text for text, _ in sample], [label for _, label in sample])
        compare(name, model, host, folder, files, ids, held_out)


if __name__ == "__main__":
    main()
