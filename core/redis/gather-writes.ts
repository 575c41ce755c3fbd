import type { Cluster, Redis } from "ioredis";

/**
 * Has the commands that one turn of the event loop sends leave together: a system call for each of them is the largest
 * single cost of a gateway. Unlike ioredis' auto-pipelining no command waits for the answers of those before it, and each
 * keeps its own timeout and fault. Call it once on a connection, before its first command.
 */
export function gatherWrites(client: Redis | Cluster): void {
  if (!("nodes" in client)) {
    gatherOn(client);
    return;
  }
  for (const node of client.nodes("all")) gatherOn(node);
  client.on("+node", gatherOn);
}

function gatherOn(redis: Redis): void {
  const send = redis.sendCommand.bind(redis);
  let gathering: Redis["stream"] | undefined;
  redis.sendCommand = (command, stream) => {
    // Each connection anew has a stream of its own; what is corked on a broken one is lost with it, and said to be.
    if (gathering !== redis.stream && redis.stream) {
      const corked = redis.stream;
      gathering = corked;
      corked.cork();
      setImmediate(() => {
        corked.uncork();
        if (gathering === corked) gathering = undefined;
      });
    }
    return send(command, stream);
  };
}
