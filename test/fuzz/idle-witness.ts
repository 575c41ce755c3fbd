/** Does nothing, with a probe beside it: whatever delays this process delays every other one on the machine too. */
setInterval(() => undefined, 60_000);
