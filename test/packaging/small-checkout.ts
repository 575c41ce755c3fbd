import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { findOnPath } from "../../tools/bootstrap/find-on-path.mjs";

const repository = join(import.meta.dirname, "..", "..");

export interface Run {
  child: ChildProcess;
  /** Both streams so far. */
  output(): string;
  /** Resolves when the output holds `text`, fails when the process ends without it. */
  said(text: string): Promise<void>;
  exit: Promise<number | null>;
}

/**
 * A checkout of its own with the real tools of this repository, stub entries, and a PATH on which only the commands
 * exist that a test puts there. Nothing of it touches this machine.
 */
export class SmallCheckout {
  readonly root: string;
  readonly bin: string;

  private constructor(folder: string) {
    this.root = join(folder, "checkout");
    this.bin = join(folder, "bin");
  }

  static async create(): Promise<SmallCheckout> {
    const checkout = new SmallCheckout(await mkdtemp(join(tmpdir(), "callseal-checkout-")));
    await mkdir(checkout.bin, { recursive: true });
    for (const tool of ["bootstrap", "bootstrap.mjs", "run-tests", "run-tests.ts"]) {
      await cp(join(repository, "tools", tool), join(checkout.root, "tools", tool), { recursive: true });
    }
    await checkout.write("package.json", JSON.stringify({ type: "module", engines: { node: ">=24.12" } }));
    await checkout.lock({}, {});
    for (const command of ["sh", "setpriv", "true"]) await checkout.borrow(command);
    return checkout;
  }

  async remove(): Promise<void> {
    await rm(dirname(this.root), { recursive: true, force: true });
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true });
    await writeFile(join(this.root, path), text);
  }

  /** What package-lock.json wants, and what npm says that it has installed. */
  async lock(wanted: object, installed: object | undefined): Promise<void> {
    await this.write("package-lock.json", JSON.stringify({ packages: wanted }));
    await rm(join(this.root, "node_modules"), { recursive: true, force: true });
    if (installed === undefined) return;
    await this.write("node_modules/.package-lock.json", JSON.stringify({ packages: installed }));
    for (const path of Object.keys(installed)) await this.write(`${path}/package.json`, "{}");
  }

  /** Puts a shell script on PATH. */
  async stub(command: string, script: string): Promise<void> {
    await writeFile(join(this.bin, command), `#!/bin/sh\n${script}\n`);
    await chmod(join(this.bin, command), 0o755);
  }

  /** Puts a command of this machine on PATH, if it has it. */
  async borrow(command: string): Promise<void> {
    const found = findOnPath(command);
    if (found !== undefined) await symlink(found, join(this.bin, command));
  }

  bootstrap(args: readonly string[], environment: Record<string, string> = {}): Run {
    return this.run(process.execPath, [join(this.root, "tools", "bootstrap.mjs"), ...args], environment);
  }

  run(command: string, args: readonly string[], environment: Record<string, string> = {}): Run {
    const path = [join(this.root, "node_modules", ".bin"), this.bin].join(delimiter);
    // Both streams are one, as in a terminal: of two pipes nobody can say which was written to last.
    const child = spawn("/bin/sh", ["-c", 'exec "$@" 2>&1', "sh", command, ...args], {
      cwd: this.root,
      env: { PATH: path, BIN: this.bin, ROOT: this.root, ...environment },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exit = once(child, "close").then(([code]) => code as number | null);
    let output = "";
    const waiting = new Set<() => void>();
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      for (const look of waiting) look();
    });
    const said = async (text: string) => {
      const heard = new Promise<void>((resolve) => {
        const look = () => {
          if (output.includes(text)) resolve();
        };
        waiting.add(look);
        look();
      });
      await Promise.race([
        heard,
        exit.then((code) => {
          if (!output.includes(text)) throw new Error(`ended with ${code} and never said "${text}":\n${output}`);
        }),
      ]);
    };
    return { child, output: () => output, said, exit };
  }
}
