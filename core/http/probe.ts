const probeDeadlineMs = 1000;

/** `ok` when `ask` succeeds within a second, else what is wrong in a few words. Never throws. */
export async function probe(ask: () => Promise<unknown>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve("no answer within a second"), probeDeadlineMs);
  });
  const asked = ask().then(
    () => "ok",
    () => "not reachable",
  );
  return await Promise.race([asked, tooLate]).finally(() => clearTimeout(timer));
}
