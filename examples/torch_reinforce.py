"""Policy gradients on a corridor: Categorical, log_prob, a baseline, one episode per step."""

import torch
import torch.nn as nn
import torch.optim as optim
from torch.distributions import Categorical

LENGTH = 6


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(LENGTH, 16), nn.ReLU(), nn.Linear(16, 2))
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        return torch.softmax(self.net(x), dim=-1)


def observe(position):
    state = torch.zeros(LENGTH)
    state[position] = 1.0
    return state


def run_episode(policy):
    position = 0
    for _ in range(20):
        m = Categorical(policy(observe(position)))
        action = m.sample()
        policy.saved_log_probs.append(m.log_prob(action))
        position = max(0, position + (1 if action.item() == 1 else -1))
        done = position == LENGTH - 1
        policy.rewards.append(1.0 if done else -0.05)
        if done:
            return True
    return False


def finish_episode(policy, optimizer, gamma=0.95):
    R, returns = 0.0, []
    for r in policy.rewards[::-1]:
        R = r + gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-6)
    policy_loss = []
    for log_prob, R in zip(policy.saved_log_probs, returns):
        policy_loss.append(-log_prob * R)
    optimizer.zero_grad()
    policy_loss = torch.stack(policy_loss).sum()
    policy_loss.backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_log_probs[:]


torch.manual_seed(0)
policy = Policy()
optimizer = optim.Adam(policy.parameters(), lr=2e-2)
arrived = []
for episode in range(60):
    arrived.append(run_episode(policy))
    finish_episode(policy, optimizer)
print("episodes:", len(arrived))
print("learned to walk:", sum(arrived[-20:]) >= 15)
