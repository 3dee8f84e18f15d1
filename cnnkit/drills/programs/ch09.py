"""Chapter 09: right solutions of different style, and programs with a bug to find."""

import numpy as np


def momentum_run(w, gradients, rate, momentum):
    velocity = np.zeros(w.shape)
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        w = w - rate * velocity
    return w


def momentum_unrolled(w, gradients, rate, momentum):
    steps = len(gradients)
    result = w.copy()
    for t in range(steps):
        lasting = sum(momentum**age for age in range(steps - t))
        result -= rate * lasting * gradients[t]
    return result


def dropped(x, u, p):
    return np.where(u >= p, x / (1 - p), 0.0)


def dropped_by_cells(x, u, p):
    y = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        if u[index] >= p:
            y[index] = x[index] / (1 - p)
    return y


def normalised(x, gamma, beta, mean, var, eps, training):
    if training:
        mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


def normalised_by_channels(x, gamma, beta, mean, var, eps, training):
    y = np.zeros(x.shape)
    for c in range(x.shape[-1]):
        values = x[..., c]
        centre = values.mean() if training else mean[c]
        spread = ((values - centre) ** 2).mean() if training else var[c]
        y[..., c] = gamma[c] * (values - centre) * (spread + eps) ** -0.5 + beta[c]
    return y


def each_by_its_own(train, test):
    train_scaled = (train - train.mean(axis=0)) / train.std(axis=0)
    test_scaled = (test - test.mean(axis=0)) / test.std(axis=0)
    return np.concatenate([train_scaled, test_scaled])


def both_by_training(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    return np.concatenate([(train - mean) / std, (test - mean) / std])


def stacked_by_training(train, test):
    return (np.concatenate([train, test]) - train.mean(axis=0)) / train.std(axis=0)


def fit_without_zeroing(x, t, w, rate, steps):
    gradient = np.zeros(w.shape)
    for _ in range(steps):
        error = x @ w - t
        gradient += x.T @ error / len(x)
        w = w - rate * gradient
    return w


def fit_with_zeroing(x, t, w, rate, steps):
    for _ in range(steps):
        error = x @ w - t
        gradient = x.T @ error / len(x)
        w = w - rate * gradient
    return w


def fit_by_matrices(x, t, w, rate, steps):
    hessian, constant = x.T @ x / len(x), x.T @ t / len(x)
    for _ in range(steps):
        w = (np.eye(len(w)) - rate * hessian) @ w + rate * constant
    return w


def shuffled_apart(x, labels, order):
    x = x[order.astype(int)]
    return np.column_stack([x, labels])


def shuffled_together(x, labels, order):
    order = order.astype(int)
    return np.column_stack([x[order], labels[order]])


def shuffled_by_rows(x, labels, order):
    rows = [[*x[int(i)], labels[int(i)]] for i in order]
    return np.array(rows)


def loss_of_probabilities(logits, labels):
    def softmax(z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    probabilities = softmax(softmax(logits))
    chosen = probabilities[np.arange(len(logits)), labels.astype(int)]
    return -np.log(chosen).mean()


def loss_of_logits(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(len(logits)), labels.astype(int)]
    return (np.log(np.exp(shifted).sum(axis=1)) - chosen).mean()


def loss_by_examples(logits, labels):
    total = 0.0
    for z, label in zip(logits, labels, strict=True):
        z = z - z.max()
        total += np.log(np.exp(z).sum()) - z[int(label)]
    return total / len(logits)
