/** Keeps this process' event loop busy, so many milliseconds a turn, until the returned function is called. */
export function stallEventLoop(turnMs: number): () => void {
  let stalls = true;
  const turn = () => {
    const until = performance.now() + turnMs;
    while (performance.now() < until);
    if (stalls) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    stalls = false;
  };
}
