"""Writes the fixtures of host/src/pytorch/tests.rs: small random models of every kind that
`host import` takes, and what PyTorch computes with them.

    python tests/pytorch/reference.py      (needs torch and safetensors)

Each model reads TEXT, ids of a vocabulary of WORDS words; reference.json holds its logits after
every word. The two modules of the tutorial are saved with torch.save, too.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "fixtures"
WORDS, EMBED, HIDDEN = 11, 5, 6
TEXT = [3, 10, 0, 7, 7, 1, 4, 9, 2, 8, 5, 6]


class Layers(nn.Module):
    """Embedding, nn.RNN/GRU/LSTM, one linear layer."""

    def __init__(self, kind, layers, outputs=3, bias=True):
        super().__init__()
        self.words = nn.Embedding(WORDS, EMBED)
        self.memory = kind(EMBED, HIDDEN, num_layers=layers, batch_first=True, bias=bias)
        self.verdict = nn.Linear(HIDDEN, outputs, bias=bias)

    def forward(self, ids):
        states, _ = self.memory(self.words(ids))
        return self.verdict(states)


class Cells(nn.Module):
    """Embedding, stacked cells in a loop, two linear layers with ReLU."""

    def __init__(self, kind, layers, outputs=3):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, EMBED)
        self.cells = nn.ModuleList(kind(EMBED if n == 0 else HIDDEN, HIDDEN) for n in range(layers))
        self.a = nn.Linear(HIDDEN, 7)
        self.b = nn.Linear(7, outputs)

    def forward(self, ids):
        states, logits = [None] * len(self.cells), []
        for step in range(ids.shape[1]):
            x = self.embedding(ids[:, step])
            for n, cell in enumerate(self.cells):
                states[n] = cell(x, states[n])
                x = states[n][0] if isinstance(states[n], tuple) else states[n]
            logits.append(self.b(torch.relu(self.a(x))))
        return torch.stack(logits, 1)


class BasicRNN(nn.Module):
    """The tutorial's first module, smaller: a cell over all words, Linear, ReLU, Linear."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, EMBED)
        self.rnn = nn.RNNCell(EMBED, HIDDEN)
        self.fc1 = nn.Linear(HIDDEN, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, 2)

    def forward(self, ids):
        h, logits = torch.zeros(ids.shape[0], HIDDEN), []
        for step in range(ids.shape[1]):
            h = self.rnn(self.embedding(ids[:, step]), h)
            logits.append(self.fc2(torch.relu(self.fc1(h))))
        return torch.stack(logits, 1)


class Net(nn.Module):
    """The tutorial's second module, smaller: nn.RNN, dropout, Linear."""

    def __init__(self):
        super().__init__()
        self.em = nn.Embedding(WORDS, EMBED)
        self.rnn = nn.RNN(EMBED, HIDDEN, num_layers=2, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(HIDDEN, 2)

    def forward(self, ids):
        states, _ = self.rnn(self.em(ids))
        return self.fc(self.dropout(states))


def main():
    torch.manual_seed(20)
    FOLDER.mkdir(exist_ok=True)
    models = {}
    for cell in ["rnn", "gru", "lstm"]:
        for layers in [1, 2]:
            models[f"{cell}{layers}"] = Layers(getattr(nn, cell.upper()), layers)
            models[f"{cell}_cells{layers}"] = Cells(getattr(nn, cell.upper() + "Cell"), layers)
    models["sigmoid"] = Layers(nn.GRU, 1, outputs=1)
    models["no_bias"] = Layers(nn.LSTM, 1, bias=False)
    models["basic_rnn"] = BasicRNN()
    models["net"] = Net()
    reference = {}
    for name, model in models.items():
        model.eval()
        with torch.no_grad():
            logits = model(torch.tensor([TEXT]))[0].double().tolist()
        save_file(model.state_dict(), FOLDER / f"{name}.safetensors")
        reference[name] = logits
    for name in ["basic_rnn", "net"]:
        torch.save(models[name].state_dict(), FOLDER / f"{name}.pth")
    torch.save({"epoch": 3, "state_dict": models["net"].state_dict()}, FOLDER / "checkpoint.pth")
    rows = ",\n".join(f'"{name}": {json.dumps(logits)}' for name, logits in reference.items())
    text = f'{{"words": {WORDS}, "text": {TEXT}, "logits": {{\n{rows}\n}}}}\n'
    (FOLDER / "reference.json").write_text(text)


if __name__ == "__main__":
    main()
