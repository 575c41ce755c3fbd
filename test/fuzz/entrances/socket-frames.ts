import { type FrameOptions, opcodes, writeFrame } from "../../support/web-socket-frames.ts";
import { type Entrance, FuzzFinding } from "../entrance.ts";
import { hostileValue, writeJson } from "../hostile-values.ts";
import { token } from "../live-state.ts";
import { mutateText } from "../mutate-json.ts";
import type { FuzzRandom } from "../random.ts";
import { SocketClient } from "../socket-client.ts";
import { FuzzSocket } from "../web-socket.ts";

const packets: readonly string[] = [
  "0",
  "1",
  "2",
  "2probe",
  "3",
  "4",
  "5",
  "6",
  "9",
  "",
  "b",
  "bAAEC",
  "40",
  "40/device,",
  '40/device,{"token":"x"}',
  "40/device,null",
  "40/device,[]",
  '40/device,{"token":',
  "41",
  "41/device,",
  "41/console,",
  '42/device,1["claim",{"did":"123456"}]',
  '42["claim"]',
  '42/device,1[{"a":1}]',
  '42/device,1{"did":"1"}',
  '42/device,1["disconnect"]',
  '42/device,["connect_error"]',
  `42/device,${"9".repeat(400)}["claim",{}]`,
  "42/device,-1[]",
  '42/device,1["claim",{"did":"1"}',
  '42/device,1["claim",{"__proto__":{"did":"123456"}}]',
  '42/device,7["confirm",{"proof":[[[[]]]]}]',
  "43/device,99[]",
  `43/device,${"9".repeat(400)}[]`,
  "43/device,[]",
  '44/device,{"message":"x"}',
  '451-/device,["claim",{"_placeholder":true,"num":0}]',
  '451-/device,1["claim",{"_placeholder":true,"num":7}]',
  '451000-/device,["claim",{"_placeholder":true,"num":0}]',
  '45-/device,["claim"]',
  '45999999999999-["x"]',
  '461-/device,1[{"_placeholder":true,"num":0}]',
  '451-/device,1["claim",{"_placeholder":true,"num":"0"}]',
  '452-/device,["claim",{"_placeholder":true,"num":-1}]',
  "47",
  "4",
  "4/device",
  "42/",
  "42,",
  "42/device",
  '42/console,1["watch",{"sessionId":"x"}]',
];

/** Packets that no client sends, inside and outside of a session, and frames that are none (RFC 6455). */
export const socketFrames: Entrance = {
  name: "socket frames",
  weight: 3,
  async run({ random, live, index }) {
    const socket = random.chance(0.5)
      ? await openDevice(live.port, token(await live.device(index)))
      : await FuzzSocket.open(live.port);
    const frames = Array.from({ length: 1 + random.below(6) }, () => makeFrame(random));
    for (const frame of frames) socket.write(frame);
    if (!(await socket.end()))
      throw new FuzzFinding("a connection stayed open after its client left", Buffer.concat(frames));
    return "closed";
  },
};

async function openDevice(port: number, auth: string): Promise<FuzzSocket> {
  const client = await SocketClient.open(port, "/device", JSON.stringify({ token: auth }));
  return "refused" in client ? await FuzzSocket.open(port) : client.raw;
}

function makeFrame(random: FuzzRandom): Buffer {
  const text = makePacket(random);
  const payload = random.chance(0.85) ? Buffer.from(text) : random.bytes(random.below(200));
  if (random.chance(0.65)) return writeFrame(payload, { opcode: random.chance(0.85) ? opcodes.text : opcodes.binary });
  return breakFrame(random, payload);
}

function makePacket(random: FuzzRandom): string {
  const packet = random.pick(packets);
  if (random.chance(0.6)) return packet;
  if (random.chance(0.5)) return mutateText(random, packet);
  return `42/device,${random.below(99)}["${random.pick(["claim", "confirm", "deny"])}",${writeJson(hostileValue(random)).slice(0, random.pick([100, 20_000]))}]`;
}

function breakFrame(random: FuzzRandom, payload: Buffer): Buffer {
  const odd: FrameOptions = random.pick([
    { flags: 0x00 },
    { flags: 0xc0 },
    { flags: 0xf0 },
    { masked: false },
    { opcode: random.below(16) },
    { opcode: opcodes.continuation },
    { opcode: opcodes.close },
    { opcode: opcodes.ping },
    { opcode: opcodes.pong },
    { opcode: opcodes.ping, flags: 0x00 },
    { length: payload.length + 10 },
    { length: 70_000 },
    { length: 2 ** 40 },
    { length: 126 },
  ]);
  const frame = writeFrame(payload, odd);
  return random.chance(0.8) ? frame : Buffer.concat([frame, random.bytes(random.below(30))]);
}
