import { openDemo } from "./demo/open-demo.ts";
import { printGuide } from "./demo/print-guide.ts";
import { readOptions, usage } from "./demo/read-options.ts";
import { takeCommands } from "./demo/take-commands.ts";
import { verifyOneCall } from "./demo/verify-one-call.ts";

/** `npm run demo`: a call through the sandbox voice cloud, verified and moved, with every step's time. */
const options = readOptions(process.argv.slice(2));
if (options === undefined) {
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}
if (options.help) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}

const print = (line: string): boolean => process.stdout.write(`${line}\n`);
let code = 0;
try {
  await using demo = await openDemo({ timeScale: options.timeScale, print });
  await verifyOneCall(demo, print);
  if (!options.once) {
    printGuide(demo, print);
    await takeCommands(demo, print);
  }
} catch (error) {
  print(`\nThe call did not move: ${(error as Error).message}`);
  code = 1;
}
process.exit(code);
