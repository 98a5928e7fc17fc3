"""The classic training loop: a module, a loss, Adam with its defaults, a DataLoader over arrays."""

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, in_features, hidden, classes):
        super().__init__()
        self.fc1 = nn.Linear(in_features, hidden)
        self.act = nn.ReLU()
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x):
        x = self.act(self.fc1(x))
        return self.fc2(x)


def make_data(rng, n=300):
    """Three clouds on a spiral."""
    y = rng.integers(0, 3, n)
    r = rng.uniform(0.2, 1.0, n)
    angle = 2.1 * y + 1.5 * r + 0.1 * rng.standard_normal(n)
    x = np.stack([r * np.cos(angle), r * np.sin(angle)], 1).astype(np.float32)
    return x, y


rng = np.random.default_rng(0)
x, y = make_data(rng)
dataset = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
loader = DataLoader(dataset, batch_size=32, shuffle=False)

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = Net(2, 32, 3).to(device)
with torch.no_grad():  # the same start everywhere
    for p in model.parameters():
        p.copy_(torch.from_numpy(rng.uniform(-0.5, 0.5, p.shape).astype(np.float32)))

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())

print(sum(p.numel() for p in model.parameters()), "parameters,", len(loader), "batches")
for epoch in range(8):
    model.train()
    running = 0.0
    for inputs, labels in loader:
        inputs, labels = inputs.to(device), labels.to(device)
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running += loss.item() * inputs.size(0)
    print(f"epoch {epoch + 1}: loss {running / len(dataset):.4f}")

model.eval()
correct = total = 0
with torch.no_grad():
    for inputs, labels in loader:
        _, predicted = torch.max(model(inputs), 1)
        total += labels.size(0)
        correct += (predicted == labels).sum().item()
print(f"accuracy {100 * correct / total:.1f} %")
