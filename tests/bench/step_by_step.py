#!/usr/bin/env python3
"""What networks cost when written the usual way: one timestep after the other, a LIF node as an autograd Function
with the ATan surrogate (as SpikingJelly's step mode "s"), LibTorch's convolution and BatchNorm, values in order.

Needs python3-torch (Debian: apt-get install python3-torch). Prints, for each network, images per second of
inference and of a training step on one thread: the best of several interleaved rounds, in CPU time, so that other
work on the machine counts little.

usage: step_by_step.py [--channels 16] [--timesteps 4] [--batch 64] [--rounds 5] [--networks vgg9,backward,forward]
"""
import argparse
import math
import time

import torch
from torch import nn


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x >= 0).to(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad / (1 + (math.pi * x).pow(2))  # alpha 2


class Lif(nn.Module):
    """tau 4/3, threshold 1, hard reset to 0, detached."""

    def __init__(self):
        super().__init__()
        self.v = None

    def forward(self, x):
        if self.v is None:
            self.v = torch.zeros_like(x)
        self.v = self.v + (x - self.v) / (4.0 / 3.0)
        spike = Spike.apply(self.v - 1.0)
        reset = spike.detach()
        self.v = (1.0 - reset) * self.v
        return spike


def conv(inputs, outputs, kernel=3):
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)


class Edge(nn.Module):
    """0 none, 1 skip, 2 convolution 1x1, 3 convolution 3x3, 4 average pooling"""

    def __init__(self, op, channels):
        super().__init__()
        self.op = op
        if op in (2, 3):
            self.body = nn.Sequential(Lif(), conv(channels, channels, 1 if op == 2 else 3), nn.BatchNorm2d(channels))

    def forward(self, x):
        if self.op == 1:
            return x
        if self.op == 4:
            return nn.functional.avg_pool2d(x, 3, 1, 1)
        return self.body(x)


class Cell(nn.Module):
    """Connection matrix, row = from, column = to; below the diagonal: the previous timestep's value."""

    def __init__(self, matrix, channels):
        super().__init__()
        self.edges = nn.ModuleDict()
        for i, row in enumerate(matrix.split("/")):
            for j, op in enumerate(row):
                if op != "0":
                    self.edges[f"{i}{j}"] = Edge(int(op), channels)
        self.feedback = {}

    def forward(self, x):
        nodes = [x + self.feedback.get(0, 0)]
        for j in range(1, 4):
            node = self.feedback.get(j, 0) if j < 3 else 0
            for i in range(j):
                if f"{i}{j}" in self.edges:
                    node = node + self.edges[f"{i}{j}"](nodes[i])
            nodes.append(node if torch.is_tensor(node) else torch.zeros_like(x))
        self.feedback = {}
        for name, edge in self.edges.items():
            i, j = int(name[0]), int(name[1])
            if i > j:
                self.feedback[j] = self.feedback.get(j, 0) + edge(nodes[i])
        return nodes[3]


class Snasnet(nn.Module):
    def __init__(self, matrix, c):
        super().__init__()
        self.stem = nn.Sequential(conv(3, c), nn.BatchNorm2d(c))
        self.body = nn.Sequential(
            Cell(matrix, c), nn.BatchNorm2d(c), Lif(), conv(c, 2 * c), nn.BatchNorm2d(2 * c), nn.AvgPool2d(2),
            Cell(matrix, 2 * c), nn.BatchNorm2d(2 * c), Lif(), nn.AvgPool2d(8), nn.Flatten(),
            nn.Linear(8 * c, 10))

    def forward(self, x, timesteps):
        still = self.stem(x)
        return sum(self.body(still) for _ in range(timesteps)) / timesteps


class Vgg9(nn.Module):
    """Seven convolutions and two linear layers, as wide as the SNASNets of these channels."""

    def __init__(self, c):
        super().__init__()
        layers = []
        for inputs, outputs, pool in ((3, c, False), (c, c, True), (c, 2 * c, False), (2 * c, 2 * c, True),
                                      (2 * c, 4 * c, False), (4 * c, 4 * c, False), (4 * c, 4 * c, True)):
            layers += [conv(inputs, outputs), nn.BatchNorm2d(outputs), Lif()] + ([nn.AvgPool2d(2)] if pool else [])
        self.still = nn.Sequential(*layers[:2])
        self.body = nn.Sequential(*layers[2:], nn.Flatten(), nn.Linear(64 * c, 16 * c), Lif(), nn.Linear(16 * c, 10))

    def forward(self, x, timesteps):
        still = self.still(x)
        return sum(self.body(still) for _ in range(timesteps)) / timesteps


def reset(net):
    for module in net.modules():
        if isinstance(module, Lif):
            module.v = None
        if isinstance(module, Cell):
            module.feedback = {}


def infer(net, images, _labels, timesteps):
    net.eval()
    with torch.no_grad():
        net(images, timesteps)
    reset(net)


def train(net, images, labels, timesteps):
    net.train()
    net.zero_grad(set_to_none=True)
    nn.functional.cross_entropy(net(images, timesteps), labels).backward()
    reset(net)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--timesteps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", default="vgg9,backward,forward")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    makers = {
        "vgg9": lambda: Vgg9(options.channels),
        "backward": lambda: Snasnet("0303/0030/2002/0200", options.channels),
        "forward": lambda: Snasnet("0303/0030/0002/0000", options.channels),
    }
    networks = {name: makers[name]() for name in options.networks.split(",")}
    images = torch.rand(options.batch, 3, 32, 32)
    labels = torch.randint(0, 10, (options.batch,))
    best = {}
    for _ in range(options.rounds):
        for name, net in networks.items():
            for what, work in (("inference", infer), ("training", train)):
                begin = time.process_time()
                work(net, images, labels, options.timesteps)
                seconds = time.process_time() - begin
                best[name, what] = min(seconds, best.get((name, what), math.inf))
    for (name, what), seconds in best.items():
        print(f"{name:9} {what:9} {options.batch / seconds:8.1f} images/s  {1e3 * seconds:8.1f} ms a batch")


if __name__ == "__main__":
    main()
