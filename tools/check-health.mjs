// The health check of the container image: `node tools/check-health.mjs [path]`, with the port from PORT.
const port = process.env.PORT ?? "8080";
const path = process.argv[2] ?? "/healthz";
try {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(3000) });
  await response.body?.cancel();
  process.exitCode = response.ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
