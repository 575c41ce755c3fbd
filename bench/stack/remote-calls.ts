import type { ChildProcess } from "node:child_process";

interface Call {
  call: number;
  name: string;
  argument: unknown;
}

interface Reply {
  reply: number;
  result?: unknown;
  error?: string;
}

type Handler = (argument: never) => unknown;

/** Lets the parent process call these functions by name; arguments and results cross as JSON. */
export function serveCalls(handlers: Readonly<Record<string, Handler>>): void {
  process.on("message", (message: Call) => {
    if (typeof message?.call !== "number") return;
    const { call, name, argument } = message;
    const work = async () => {
      const handler = handlers[name];
      if (handler === undefined) throw new Error(`there is no ${name} here`);
      return await handler(argument as never);
    };
    work().then(
      (result) => send({ reply: call, result }),
      (error: Error) => send({ reply: call, error: error.stack ?? String(error) }),
    );
  });
}

function send(reply: Reply): void {
  process.send?.(reply);
}

/** Calls functions that a child process serves. */
export class RemoteCalls {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (message: Reply) => this.#settle(message));
    child.once("exit", (code, signal) => this.#fail(new Error(`the process ended with ${code ?? signal}`)));
  }

  async call<Result>(name: string, argument?: unknown): Promise<Result> {
    this.#last += 1;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(this.#last, waiting);
    this.#child.send({ call: this.#last, name, argument } satisfies Call);
    return (await waiting.promise) as Result;
  }

  #settle({ reply, result, error }: Reply): void {
    const waiting = this.#waiting.get(reply);
    this.#waiting.delete(reply);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
