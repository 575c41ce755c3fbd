import { describeCloud } from "./describe-cloud.ts";
import { readArguments, USAGE } from "./read-arguments.ts";
import { startVoiceCloud } from "./voice-cloud.ts";

const command = readArguments(process.argv.slice(2));

if (command.kind === "help") {
  process.stdout.write(USAGE);
} else if (command.kind === "error") {
  process.stderr.write(`${command.error}\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  // A reader of the output that goes away (`| head`) must not take the calls with it.
  process.stdout.on("error", () => undefined);
  const say = (fields: object, message: string) =>
    process.stdout.write(`${JSON.stringify({ event: message, ...fields })}\n`);
  try {
    const cloud = await startVoiceCloud({ ...command.options, logger: { info: say, warn: say } });
    process.stdout.write(`${describeCloud(cloud)}\n`);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void cloud.close());
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
