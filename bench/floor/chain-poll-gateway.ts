import { createServer, type ServerResponse } from "node:http";
import { Redis } from "ioredis";
import { floorAnswer, floorChannel, pingChannel, pongChannel } from "./chain-settings.ts";
import { reportReady, setting } from "./report-ready.ts";

/** The bare half of a confirmation that the poll sees: one message of pub/sub, one HTTP answer. */
const subscriber = new Redis(setting("REDIS_URL"));
const publisher = new Redis(setting("REDIS_URL"));
const waiting = new Map<string, ServerResponse>();

function answer(response: ServerResponse | undefined, id: string): void {
  response?.setHeader("Content-Type", "application/json");
  response?.end(floorAnswer(id));
}

await subscriber.subscribe(floorChannel, pingChannel);
subscriber.on("message", (channel: string, id: string) => {
  if (channel === pingChannel) {
    void publisher.publish(pongChannel, id);
    return;
  }
  answer(waiting.get(id), id);
  waiting.delete(id);
});

await reportReady(
  createServer((request, response) => {
    const id = request.url!.slice(request.url!.lastIndexOf("/") + 1);
    if (request.url!.startsWith("/echo")) answer(response, id);
    else waiting.set(id, response);
  }),
);
